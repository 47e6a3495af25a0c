"""Start everything in order, keep it running, stop it in order."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

from config.database import hold_database
from config.embedded_postgres import EmbeddedPostgres, PostgresUnavailable
from config.env import env_str
from config.supervisor.console import Console
from config.supervisor.health import wait_until_healthy
from config.supervisor.plan import LOCALHOST, Plan, address, backends, desk, environment
from config.supervisor.prepare import check_database, prepare, sign_ins
from config.supervisor.processes import Process
from config.supervisor.record import Record
from config.supervisor.signals import StopSignals

#: How long each may take to stop. The worker lets its turns come to their end; one that is cut off is resumed later.
STOP_SECONDS = {"web": 8.0, "worker": 20.0, "beat": 5.0, "model": 5.0, "shop": 5.0}
HEALTHY_SECONDS = 90.0
WATCH_SECONDS = 0.2
POSTGRES_RETRY_SECONDS = 5.0


class Supervisor:
    def __init__(self, plan: Plan, *, console: Console, record: Record, signals: StopSignals) -> None:
        self.plan = plan
        self._console = console
        self._record = record
        self._signals = signals
        self._server: EmbeddedPostgres | None = None
        self._backends: list[Process] = []
        self._desk: list[Process] = []
        self._look_at_postgres_at = 0.0

    def run(self) -> None:
        """Until somebody asks to stop. Raises what keeps it from starting; StopRequested when asked before it had."""
        began = time.monotonic()
        try:
            self._start()
            self._announce(time.monotonic() - began)
            while not self._signals.wait(WATCH_SECONDS):
                self._tend()
        finally:
            self._stop()

    # -- starting
    def _start(self) -> None:
        os.environ.update(environment(self.plan))
        # Its lines are shown as they come, not when a buffer is full.
        os.environ["PYTHONUNBUFFERED"] = "1"
        self._start_database()
        self._backends = self._launch(backends(self.plan))
        prepare(self._console, self._signals, demo=self.plan.demo)
        self._signals.check()
        self._desk = self._launch(desk(self.plan))
        with self._console.step("Web, worker and beat"), self._signals.interrupting():
            self._await_answers()

    def _start_database(self) -> None:
        given = env_str("DATABASE_URL")
        with self._console.step("Database" if given else "PostgreSQL"), self._signals.interrupting():
            self._server = hold_database(self.plan.state)
            if given:
                check_database(given)

    def _launch(self, commands: dict[str, list[str]]) -> list[Process]:
        processes = [
            Process(name, command, stop_seconds=STOP_SECONDS[name], console=self._console)
            for name, command in commands.items()
        ]
        for process in processes:
            process.start()
        self._note([*self._backends, *self._desk, *processes])
        return processes

    def _note(self, processes: Iterable[Process]) -> None:
        pids = [process.pid for process in processes if process.pid is not None]
        self._record.write(environment=environment(self.plan), pids=pids)

    def _await_answers(self) -> None:
        places = {"web": self.plan.web_url}
        if self.plan.model_port is not None:
            places["model"] = address(LOCALHOST, self.plan.model_port)
        if self.plan.shop_port is not None:
            places["shop"] = address(LOCALHOST, self.plan.shop_port)
        for process in [*self._desk, *self._backends]:
            if process.name in places:
                wait_until_healthy(
                    places[process.name], name=process.name, deaths=self._deaths(process), seconds=HEALTHY_SECONDS
                )

    def _deaths(self, process: Process) -> Callable[[], int]:
        def count() -> int:
            self._tend()
            return process.deaths

        return count

    def _announce(self, seconds: float) -> None:
        say = self._console.say
        say()
        say(f"  Tandem is ready at {self.plan.public_url} ({seconds:.1f} s)")
        if self.plan.demo:
            say()
            people = sign_ins()
            width = max((len(email) for _, email, _ in people), default=0)
            for role, email, password in people:
                say(f"  sign in as {role:<9} {email:<{width}}  {password}")
        if self.plan.scripted:
            say()
            say("  The model is scripted: it answers by rules. ANTHROPIC_API_KEY in .env switches to Claude.")
        say()
        say("  Ctrl-C stops everything.")
        say()

    # -- running
    def _tend(self) -> None:
        processes = [*self._backends, *self._desk]
        started = [process.tend() for process in processes]
        if any(started):
            self._note(processes)
        if self._server is not None and time.monotonic() >= self._look_at_postgres_at:
            self._look_at_postgres_at = time.monotonic() + 1.0
            self._tend_postgres(self._server)

    def _tend_postgres(self, server: EmbeddedPostgres) -> None:
        try:
            if server.ensure_running():
                self._console.log("postgres", "had died; it was started again")
        except PostgresUnavailable as error:
            self._console.log("postgres", f"{error}; trying again in {POSTGRES_RETRY_SECONDS:.0f} s")
            self._look_at_postgres_at = time.monotonic() + POSTGRES_RETRY_SECONDS

    # -- stopping
    def _stop(self) -> None:
        """The desk first, then the services that its last turns may still need, then the database."""
        self._console.say()
        self._stop_together("Stopping web, worker and beat", self._desk)
        self._stop_together("Stopping model and shop", self._backends)
        if self._server is not None:
            with self._console.step("Stopping PostgreSQL"):
                self._server.release()

    def _stop_together(self, title: str, processes: list[Process]) -> None:
        """Ask all, then wait; kill what takes too long, and everything when the person asks once more."""
        if not processes:
            return
        began = time.monotonic()
        with self._console.step(title):
            for process in processes:
                process.terminate()
            while waiting := [process for process in processes if not process.stopped()]:
                taken = time.monotonic() - began
                for process in waiting:
                    if self._signals.count > 1 or taken > process.stop_seconds:
                        self._console.log(process.name, f"was killed: it had not stopped after {taken:.1f} s")
                        process.kill()
                time.sleep(0.02)
            for process in processes:
                process.kill()  # what it may have started and left behind
