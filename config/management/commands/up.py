"""`manage.py up`: run the whole desk on this machine until Ctrl-C."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.embedded_postgres import PostgresUnavailable
from config.supervisor.console import Console
from config.supervisor.health import NotHealthy
from config.supervisor.plan import read_plan, state_folder
from config.supervisor.ports import PortRefused
from config.supervisor.prepare import NotPrepared
from config.supervisor.record import AlreadyRunning, Record, end_leftovers
from config.supervisor.signals import StopRequested, StopSignals
from config.supervisor.supervisor import Supervisor


class NotStarted(CommandError):
    """What stood in the way, in one line."""


class Command(BaseCommand):
    help = "Run everything: database, web, worker, beat, and the demo's shop and model. Ctrl-C stops all of it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", help="where the web listens (HOST, else 127.0.0.1)")
        parser.add_argument("--port", type=int, help="its port (PORT, else 8000)")
        parser.add_argument("--demo", action="store_true", help="load the demo data, unless DEMO says otherwise")

    def handle(self, *_: Any, **options: Any) -> None:
        record = Record(state_folder())
        try:
            record.claim()
        except AlreadyRunning as error:
            raise NotStarted(_already_running(error)) from error
        try:
            with StopSignals() as signals:
                self._run(record, signals, options)
        except StopRequested:
            return
        except (NotHealthy, NotPrepared, PortRefused, PostgresUnavailable) as error:
            raise NotStarted(str(error)) from error
        finally:
            record.close()

    def _run(self, record: Record, signals: StopSignals, options: dict[str, Any]) -> None:
        console = Console(sys.stdout)
        leftovers = record.leftovers()
        if leftovers:
            with console.step("Ending what an earlier start left behind"):
                end_leftovers(leftovers)
        plan = read_plan(host=options["host"], port=options["port"], demo=options["demo"])
        Supervisor(plan, console=console, record=record, signals=signals).run()


def _already_running(error: AlreadyRunning) -> str:
    process = f" (process {error.pid})" if error.pid else ""
    place = f" at {error.url}" if error.url else ""
    return (
        f"Tandem runs from this folder already{process}{place}. "
        "For a second one with data of its own: STATE_DIR=/some/folder make run PORT=8001"
    )
