"""What a person's decision on a call means for the conversation that waits for it."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from agents.journal import Event, message_event, write_session
from agents.models import Message, Session
from agents.runtime.events import step_decided
from agents.sessions import label_of
from agents.tasks import nudge
from agents.turns import resume_turn
from tools.models import Approval

WORDS = {
    Approval.Status.APPROVED: "approved",
    Approval.Status.REJECTED: "rejected",
    Approval.Status.EXPIRED: "ran out: nobody decided in time",
}


def on_decided(approval: Approval) -> None:
    """Within the transaction that decides: the turn goes on with the decision, or neither is there."""
    turn_id = approval.call.turn_id
    if approval.session_id is None or turn_id is None or approval.status not in WORDS:
        return
    session = Session.objects.get(pk=approval.session_id)
    write_session(session.pk, events=[step_decided(approval.call), line_of(approval, session)])
    if resume_turn(turn_id):
        transaction.on_commit(partial(nudge, turn_id))


def line_of(approval: Approval, session: Session) -> Event:
    """What the staff reads in the thread; the customer is told by the agent."""
    last = approval.votes.select_related("user").order_by("-at").first()
    who = f" by {label_of(last.user)}" if last and approval.status != Approval.Status.EXPIRED else ""
    changed = ", with changes" if approval.arguments != approval.asked else ""
    why = f": {approval.reason}" if approval.reason else ""
    return message_event(
        author=Message.Author.SYSTEM,
        channel=session.channel,
        text=f"{approval.label} {WORDS[Approval.Status(approval.status)]}{who}{changed}{why}",
        visibility=Message.Visibility.NOTE,
        user_id=last.user_id if last else None,
    )
