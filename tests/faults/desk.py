"""The processes of a whole installation, as the supervisor runs them, and the means to hurt them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx2

from config.embedded_postgres import EmbeddedPostgres
from config.testing import names_read_by_settings
from tests.faults.decisions import APPROVAL_SECONDS
from tests.faults.plan import WEB
from tests.faults.trouble import MODEL_SECONDS

ROOT = Path(__file__).resolve().parent.parent.parent
WORKERS = 2
WORKER_THREADS = 16
START_SECONDS = 60
STOP_SECONDS = 8
# As the supervisor waits after a first death.
RESTART_SECONDS = 0.5
# Short, so that a minute holds many leases.
LEASE_SECONDS = 5
TIMES = {
    "TURN_LEASE_SECONDS": LEASE_SECONDS,
    "SWEEP_SECONDS": 1,
    "NUDGE_AFTER_SECONDS": 2,
    "APPROVAL_SECONDS": APPROVAL_SECONDS,
    "LLM_CALL_SECONDS": MODEL_SECONDS,
}
FLAGS = ["--without-gossip", "--without-mingle", "--without-heartbeat"]


class Process:
    """One child in a group of its own, with a log; started again by whoever killed it."""

    def __init__(self, name: str, command: list[str], *, env: dict[str, str], log: Path) -> None:
        self.name = name
        self._command = command
        self._env = env
        self.log = log
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", *self._command],
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return None if self._child is None else self._child.poll()

    def signal(self, number: signal.Signals) -> None:
        if self._child is not None and self._child.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        if self._child is not None:
            self._child.wait()

    def stop(self) -> None:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(STOP_SECONDS)
        self.kill()


class Desk:
    """An installation in one folder. `shop_url` and `model_url` are what it is told, which is where the faults are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.shop_port, self.model_port, web_port = (free_port() for _ in range(3))
        self.web_url = f"http://127.0.0.1:{web_port}"
        self.shop_url = f"http://127.0.0.1:{self.shop_port}"
        self._postgres = EmbeddedPostgres(folder)
        self.database_url = ""
        self.env: dict[str, str] = {}
        self._services: list[Process] = []
        self._own: dict[str, Process] = {}
        # Those that ended without having been killed.
        self.died: list[str] = []
        self._being_hurt: set[str] = set()
        self._is_web_coming = False
        self._restarting = asyncio.Lock()

    # -- up and down

    def start_database(self) -> None:
        self.database_url = self._postgres.acquire()

    def start_services(self) -> None:
        """The shop and the model themselves; the desk is to be told the addresses in front of them."""
        shop = ["tools.demo_shop", "--port", str(self.shop_port), "--database", str(self.folder / "shop.sqlite3")]
        model = ["agents.scripted", "--port", str(self.model_port)]
        plain = {name: value for name, value in os.environ.items() if name not in names_read_by_settings()}
        self._services = [self._process("shop", shop, env=plain), self._process("model", model, env=plain)]
        for process in self._services:
            process.start()

    def set_environment(self, *, shop_url: str, model_url: str) -> None:
        names = {*names_read_by_settings(), "DATABASE_URL"}
        self.env = {name: value for name, value in os.environ.items() if name not in names} | {
            "DATABASE_URL": self.database_url,
            "STATE_DIR": str(self.folder),
            "SECRET_KEY": "not-secret-in-a-fault-run",
            "DEMO": "1",
            "LOG_LEVEL": "INFO",
            "PUBLIC_URL": self.web_url,
            "DEMO_SHOP_URL": shop_url,
            "SCRIPTED_MODEL_URL": model_url,
            "DATABASE_POOL_SIZE": "10",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            **{name: str(value) for name, value in TIMES.items()},
        }

    def start(self) -> None:
        port = self.web_url.rpartition(":")[2]
        celery = ["celery", "-q", "-A", "config"]
        commands = {
            WEB: ["uvicorn", "config.asgi:application", "--port", port, "--no-access-log", "--lifespan", "on"],
            "beat": [*celery, "beat", "-l", "WARNING", "-s", str(self.folder / "beat"), "--pidfile", ""],
        }
        for number in range(1, WORKERS + 1):
            worker = [*celery, "worker", "-P", "threads", "-c", str(WORKER_THREADS), "-l", "WARNING"]
            commands[f"worker {number}"] = [*worker, *FLAGS, "-n", f"worker{number}@faults"]
        self._own = {name: self._process(name, command, env=self.env) for name, command in commands.items()}
        for process in self._own.values():
            process.start()

    def _process(self, name: str, command: list[str], *, env: dict[str, str]) -> Process:
        return Process(name, command, env=env, log=self.logs / f"{name.replace(' ', '-')}.log")

    def stop(self) -> None:
        for process in [*self._own.values(), *self._services]:
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGTERM)
        for process in [*self._own.values(), *self._services]:
            process.stop()
        self._postgres.release()

    async def tend(self) -> None:
        """Start again what ended by itself, as the supervisor does, and remember it: nothing should."""
        while True:
            for name, process in self._own.items():
                if name not in self._being_hurt and process.code is not None:
                    self.died.append(f"{name} ended with code {process.code}; its log: {process.log}")
                    await asyncio.sleep(RESTART_SECONDS)
                    process.start()
            await asyncio.sleep(0.2)

    # -- what is done to it

    async def kill(self, name: str) -> None:
        """Returns once it is dead; `restart` has to follow."""
        self._being_hurt.add(name)
        await asyncio.to_thread(self._own[name].kill)

    async def restart(self, name: str) -> None:
        """Returns once it runs, and the web process once it answers: a blow in between would hit nobody's request."""
        await asyncio.sleep(RESTART_SECONDS)
        self._own[name].start()
        self._being_hurt.discard(name)
        if name == WEB:
            self._is_web_coming = True
            await until_answers(f"{self.web_url}/healthz")
            self._is_web_coming = False

    async def pause(self, name: str, seconds: float) -> None:
        """Stopped in the middle of whatever it does, and continued as if nothing had been."""
        process = self._own[name]
        process.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        process.signal(signal.SIGCONT)

    def is_down(self, name: str) -> bool:
        return name in self._being_hurt or (name == WEB and self._is_web_coming)

    async def restart_database(self) -> None:
        """An immediate shutdown, as after a crash: what was committed is recovered, connections are gone."""
        async with self._restarting:
            pid = (self.folder / "postgres").resolve() / "data-18" / "postmaster.pid"
            os.kill(int(pid.read_text().split()[0]), signal.SIGQUIT)
            await asyncio.to_thread(self._until_started_again)

    def _until_started_again(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._postgres.ensure_running() and time.monotonic() < deadline:
            time.sleep(0.05)


# -- whether it is there


async def until_answers(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    async with httpx2.AsyncClient(trust_env=False) as client:
        while True:
            with suppress(httpx2.HTTPError):
                if (await client.get(url)).status_code == 200:
                    return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} does not answer within {START_SECONDS} s")
            await asyncio.sleep(0.1)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
