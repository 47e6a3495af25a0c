"""`make bench`: what a turn of four model calls and three tool calls costs, beside the bare loop, in one run."""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil

from config.embedded_postgres import EmbeddedPostgres
from tests.bench.full_path import all_at_once, one_after_another, until

ROOT = Path(__file__).resolve().parent.parent.parent
TURNS = 5
CONVERSATIONS_AT_ONCE = 64
MODEL_MS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=40, help="conversations of five turns in each timing")
    parser.add_argument("--seconds", type=float, default=20, help="how long the 64 conversations at once last")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder, ExitStack() as stack:
        Path(folder).chmod(0o711)
        env = stack.enter_context(prepared(Path(folder)))
        model, _ = stack.enter_context(backend(0, env))
        say("Counting round trips, commits and WAL ...")
        counted = in_process(env, sessions=20, proxy=Path(tempfile.mkdtemp(dir=folder)))
        settled = in_process(env, sessions=options.sessions)
        bare = [bare_loop(model, options.sessions, stream=stream) for stream in (False, True)]
        say("Timing turns one after another ...")
        with desk(env, threads=32) as running:
            single = through_the_desk(env, running, sessions=options.sessions)
        say(f"Timing {CONVERSATIONS_AT_ONCE} conversations at once ...")
        stack.enter_context(backend(MODEL_MS, env))
        with desk(env, threads=CONVERSATIONS_AT_ONCE) as running:
            many = all_at_once(
                env["PUBLIC_URL"], env["DATABASE_URL"], sessions=CONVERSATIONS_AT_ONCE, seconds=options.seconds
            )
            many["worker_mb"] = running["worker"].memory_full_info().pss / 2**20
    report(counted, settled, bare, single, many)


# -- parts of the desk


@contextmanager
def prepared(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of every process: a durable PostgreSQL with the demo in it, fsync on."""
    server = EmbeddedPostgres(folder)
    url = server.acquire()
    port = free_port()
    env = {
        **os.environ,
        "DATABASE_URL": url,
        "STATE_DIR": str(folder),
        "SECRET_KEY": "bench",
        "DEMO": "1",
        "LOG_LEVEL": "WARNING",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        # Shop and model are set by `backend`; a broker on the same server is the default.
        "DEMO_SHOP_URL": "http://127.0.0.1:9",
    }
    try:
        for command in (["migrate"], ["createcachetable"], ["collectstatic", "--no-input"]):
            subprocess.run(
                [sys.executable, "manage.py", *command], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL
            )
        yield env
    finally:
        server.release()


@contextmanager
def backend(delay_ms: int, env: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The fast model and shop; `env` names them from here on, and so does the tools' target."""
    command = [sys.executable, "-m", "tests.bench.backend", "--delay-ms", str(delay_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        model, shop = json.loads(process.stdout.readline())
        env |= {"ANTHROPIC_BASE_URL": model, "DEMO_SHOP_URL": shop}
        subprocess.run([sys.executable, "manage.py", "load_demo"], cwd=ROOT, env=env, check=True)
        try:
            yield model, shop
        finally:
            process.kill()


@contextmanager
def desk(env: dict[str, str], *, threads: int) -> Iterator[dict[str, psutil.Process]]:
    """A web process and a worker process."""
    port = env["PUBLIC_URL"].rpartition(":")[2]
    web = ["uvicorn", "config.asgi:application", "--port", port, "--no-access-log", "--log-level", "warning"]
    worker = ["celery", "-A", "config", "worker", "-P", "threads", "-c", str(threads), "-l", "ERROR"]
    flags = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with ExitStack() as stack:
        processes = {}
        for name, command in (("web", web), ("worker", [*worker, *flags])):
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=env,
                stdout=subprocess.DEVNULL,
                stderr=None,
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            processes[name] = psutil.Process(process.pid)
        until(lambda: answers(env["PUBLIC_URL"]))
        yield processes


def answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/healthz", trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


# -- measurements


def in_process(env: dict[str, str], *, sessions: int, proxy: Path | None = None) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.in_process", "--sessions", str(sessions)]
    if proxy:
        proxy.chmod(0o711)
        command += ["--proxy", str(proxy)]
    given = {**env, "CELERY_BROKER_URL": "memory://localhost/"}
    ran = subprocess.run(command, cwd=ROOT, env=given, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(ran.stdout)
    return measured


def bare_loop(model: str, sessions: int, *, stream: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.bare_loop", model, str(sessions), *(["--stream"] if stream else [])]
    ran = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(ran.stdout)
    return measured


def through_the_desk(env: dict[str, str], running: dict[str, psutil.Process], *, sessions: int) -> dict[str, Any]:
    one_after_another(env["PUBLIC_URL"], env["DATABASE_URL"], sessions=3, turns=TURNS)
    before = {name: cpu_of(process) for name, process in running.items()}
    times = one_after_another(env["PUBLIC_URL"], env["DATABASE_URL"], sessions=sessions, turns=TURNS)
    turns = sessions * TURNS
    cpu = {name: (cpu_of(process) - before[name]) / turns * 1000 for name, process in running.items()}
    memory = {name: process.memory_full_info().pss / 2**20 for name, process in running.items()}
    return {"seconds": times, "cpu_ms": cpu, "memory_mb": memory}


def cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


# -- the table


def report(
    counted: dict[str, Any],
    settled: dict[str, Any],
    bare: list[dict[str, Any]],
    single: dict[str, Any],
    many: dict[str, Any],
) -> None:
    floor, floor_stream = bare
    p50, floor_p50 = median_ms(single["seconds"]), median_ms(floor["seconds"])
    cpu = sum(single["cpu_ms"].values())
    rows = [
        ("bare loop, p50 of a turn", f"{floor_p50:.1f} ms", f"streaming: {median_ms(floor_stream['seconds']):.1f} ms"),
        ("bare loop, CPU of a turn", f"{floor['cpu_ms']:.1f} ms", f"streaming: {floor_stream['cpu_ms']:.1f} ms"),
        ("the desk, p50 of a turn", f"{p50:.1f} ms", ratio(p50, floor_p50, "5")),
        ("the desk, first turn of a session", f"{nth_ms(single['seconds'], 0):.1f} ms", ""),
        (
            "the desk, fifth turn",
            f"{nth_ms(single['seconds'], 4):.1f} ms",
            f"{nth_ms(single['seconds'], 4) / nth_ms(single['seconds'], 0):.2f} times the first",
        ),
        ("the desk, CPU of a turn, web and worker", f"{cpu:.1f} ms", ratio(cpu, floor["cpu_ms"], "2.5")),
        ("  of it the web process", f"{single['cpu_ms']['web']:.1f} ms", ""),
        ("  of it the worker", f"{single['cpu_ms']['worker']:.1f} ms", ""),
        (
            "in one process, no HTTP and no broker, CPU",
            f"{settled['cpu_ms']:.1f} ms",
            ratio(settled["cpu_ms"], floor["cpu_ms"], ""),
        ),
        ("in one process, p50 of a turn", f"{median_ms(settled['seconds']):.1f} ms", ""),
        ("SQL round trips of a turn, intake included", f"{counted['round_trips']:.1f}", "aim: 12"),
        ("write commits of a turn, intake included", f"{settled['commits']:.1f}", "aim: 8"),
        ("WAL of a turn", f"{settled['wal_bytes'] / 1024:.1f} KB", "aim: 15 KB"),
        ("turns a second, 64 at once, 200 ms a model call", f"{many['turns_per_second']:.1f}", "aim: 45"),
        ("  p50 of such a turn", f"{statistics.median(many['seconds']) * 1000:.0f} ms", "at least 800 ms of model"),
        ("memory of the worker then (PSS)", f"{many['worker_mb']:.0f} MB", "aim: 200 MB"),
    ]
    width = max(len(name) for name, _, _ in rows)
    for name, value, remark in rows:
        say(f"{name:<{width}}  {value:>10}  {remark}")


def median_ms(times: list[list[float]]) -> float:
    return statistics.median(seconds for row in times for seconds in row) * 1000


def nth_ms(times: list[list[float]], number: int) -> float:
    return statistics.median(row[number] for row in times) * 1000


def ratio(value: float, floor: float, aim: str) -> str:
    return f"{value / floor:.2f} times the bare loop" + (f"; aim: at most {aim}" if aim else "")


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  the benchmark's output


if __name__ == "__main__":
    main()
