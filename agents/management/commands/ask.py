"""`manage.py ask AGENT --customer EMAIL [--session ID] "message"`: the same door as every channel, from the shell."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from agents.errors import Rejected
from agents.intake import Inbound, receive
from agents.models import Message, Session, Turn, TurnEvent
from agents.models.sessions import Channel
from observability.models import Trace

POLL_SECONDS = 0.1


class Command(BaseCommand):
    help = "Sends a message to an agent as a customer, and prints the steps and the reply. A worker must be running."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("agent", help="the agent's slug, such as support")
        parser.add_argument("--customer", required=True, metavar="EMAIL")
        parser.add_argument("--session", type=UUID, metavar="ID", help="go on with this conversation")
        parser.add_argument("--timeout", type=float, default=120, metavar="SECONDS")
        parser.add_argument("message")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            received = receive(
                Inbound(
                    agent_slug=options["agent"],
                    channel=Channel.SHELL,
                    customer_email=options["customer"],
                    text=options["message"],
                    # Whoever may run commands here may speak for any customer.
                    identity=Session.Identity.VERIFIED,
                    session_id=options["session"],
                )
            )
        except Rejected as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"session {received.session_id}")
        if received.turn_id is None:
            self.stdout.write("A person answers this conversation; the message waits for them.")
            return
        self.follow(received.turn_id, deadline=time.monotonic() + options["timeout"])

    def follow(self, turn_id: UUID, *, deadline: float) -> None:
        """Print the events of the turn as they are written, until it ends."""
        shown = 0
        while time.monotonic() < deadline:
            turn = Turn.objects.get(pk=turn_id)
            events = TurnEvent.objects.filter(session_id=turn.session_id, turn_id=turn_id, seq__gt=shown)
            for event in events.order_by("seq"):
                shown = event.seq
                self.print_event(event)
            if turn.status not in Turn.OPEN:
                self.print_end(turn)
                return
            time.sleep(POLL_SECONDS)
        raise CommandError("No reply in time. Is a worker running? The message is kept and will be answered.")

    def print_event(self, event: TurnEvent) -> None:
        data = event.data
        match event.kind:
            case TurnEvent.Kind.STEP if data["state"] == "reserved":
                self.stdout.write(f"  {data['tool_name']}: {data['progress']} ...")
            case TurnEvent.Kind.STEP:
                self.stdout.write(f"  {data['tool_name']}: {data['state']} in {data['duration_ms']} ms")
            case TurnEvent.Kind.MESSAGE if data["visibility"] == Message.Visibility.PUBLIC:
                self.stdout.write(Message.objects.get(pk=data["message_id"]).text)

    def print_end(self, turn: Turn) -> None:
        trace = Trace.objects.get(pk=turn.pk)
        self.stdout.write(
            f"{turn.status}: {trace.model_calls} model calls, {trace.tool_calls} tool calls, "
            f"{trace.duration_ms} ms, ${trace.cost_usd:f}"
        )
