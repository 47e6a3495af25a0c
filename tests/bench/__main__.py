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
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil

from config.embedded_postgres import EmbeddedPostgres
from tests.bench import embedding, guardrail
from tests.bench import policy as policies
from tests.bench.full_path import all_at_once, one_after_another, until

Round = dict[str, dict[str, Any]]
Rounds = list[Round]
ROOT = Path(__file__).resolve().parent.parent.parent
TURNS = 5
CONVERSATIONS_AT_ONCE = 64
MODEL_MS = 200
# What is compared is measured in turn, since a machine's speed drifts; medians of the rounds are compared.
ROUNDS = 5
# One Python process keeps one core busy at most.
WORKERS = 2


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
        say("Timing the gateway and the policies ...")
        counted |= {"gateway": process_of("gateway", env), "embedding": process_of("embedding", env)}
        counted["guardrail"] = process_of("guardrail", env)
        policies.main()
        say("Timing turns one after another ...")
        with desk(env, workers=1, threads=32) as running:
            one_after_another(env["PUBLIC_URL"], env["DATABASE_URL"], sessions=3, turns=TURNS)
            sessions = -(-options.sessions // ROUNDS)
            rounds = [one_round(env, model, running, sessions=sessions) for _ in range(ROUNDS)]
        say(f"Timing {CONVERSATIONS_AT_ONCE} conversations at once ...")
        stack.enter_context(backend(MODEL_MS, env))
        with desk(env, workers=WORKERS, threads=CONVERSATIONS_AT_ONCE // WORKERS) as running:
            many = all_at_once(
                env["PUBLIC_URL"], env["DATABASE_URL"], sessions=CONVERSATIONS_AT_ONCE, seconds=options.seconds
            )
            many["worker_mb"] = max(memory_mb(running[name]) for name in running if name != "web")
    report(counted, rounds, many)


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
def desk(env: dict[str, str], *, workers: int, threads: int) -> Iterator[dict[str, psutil.Process]]:
    """A web process and so many worker processes of so many threads each."""
    port = env["PUBLIC_URL"].rpartition(":")[2]
    web = ["uvicorn", "config.asgi:application", "--port", port, "--no-access-log", "--log-level", "warning"]
    worker = ["celery", "-A", "config", "worker", "-P", "threads", "-c", str(threads), "-l", "ERROR"]
    flags = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with ExitStack() as stack:
        processes = {}
        numbered = [(f"worker {number}", [*worker, *flags]) for number in range(workers)]
        for name, command in (("web", web), *numbered):
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


def process_of(module: str, env: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", f"tests.bench.{module}"]
    ran = subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(ran.stdout)
    return measured


def bare_loop(model: str, sessions: int, *, stream: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.bare_loop", model, str(sessions), *(["--stream"] if stream else [])]
    ran = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(ran.stdout)
    return measured


def one_round(env: dict[str, str], model: str, running: dict[str, psutil.Process], *, sessions: int) -> Round:
    return {
        "bare": bare_loop(model, sessions, stream=False),
        "desk": through_the_desk(env, running, sessions=sessions),
        "streaming": bare_loop(model, sessions, stream=True),
        "inside": in_process(env, sessions=sessions),
    }


def through_the_desk(env: dict[str, str], running: dict[str, psutil.Process], *, sessions: int) -> dict[str, Any]:
    before = {name: cpu_of(process) for name, process in running.items()}
    times = one_after_another(env["PUBLIC_URL"], env["DATABASE_URL"], sessions=sessions, turns=TURNS)
    turns = sessions * TURNS
    cpu = {name: (cpu_of(process) - before[name]) / turns * 1000 for name, process in running.items()}
    return {"seconds": times, "cpu_ms": sum(cpu.values()), "cpu_ms_of": cpu}


def memory_mb(process: psutil.Process) -> float:
    """What the process would give back: shared pages count by their share."""
    return float(process.memory_full_info().pss / 2**20)


def cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


# -- the table


def report(counted: dict[str, Any], rounds: Rounds, many: dict[str, Any]) -> None:
    floor_p50, floor_cpu = p50_of(rounds, "bare"), cpu_ms_of(rounds, "bare")
    p50, cpu, inside = p50_of(rounds, "desk"), cpu_ms_of(rounds, "desk"), cpu_ms_of(rounds, "inside")
    first, fifth = (nth_ms(rounds, place) for place in (0, TURNS - 1))
    web = statistics.median(row["desk"]["cpu_ms_of"]["web"] for row in rounds)
    rows = [
        ("bare loop, p50 of a turn", f"{floor_p50:.1f} ms", f"streaming: {p50_of(rounds, 'streaming'):.1f} ms"),
        ("bare loop, CPU of a turn", f"{floor_cpu:.1f} ms", f"streaming: {cpu_ms_of(rounds, 'streaming'):.1f} ms"),
        ("the desk, p50 of a turn", f"{p50:.1f} ms", ratio(rounds, p50_of, "desk", "5")),
        ("the desk, first turn of a session", f"{first:.1f} ms", ""),
        ("the desk, fifth turn", f"{fifth:.1f} ms", f"{fifth / first:.2f} times the first"),
        ("the desk, CPU of a turn, web and worker", f"{cpu:.1f} ms", ratio(rounds, cpu_ms_of, "desk", "2.5")),
        ("  of it the web process", f"{web:.1f} ms", ""),
        ("  of it the worker", f"{cpu - web:.1f} ms", ""),
        ("in one process, no HTTP and no broker, CPU", f"{inside:.1f} ms", ratio(rounds, cpu_ms_of, "inside", "")),
        ("in one process, p50 of a turn", f"{p50_of(rounds, 'inside'):.1f} ms", ""),
        ("SQL round trips of a turn, intake included", f"{counted['round_trips']:.1f}", "aim: 12"),
        ("write commits of a turn, intake included", f"{counted['commits']:.1f}", "aim: 8"),
        ("WAL of a turn", f"{counted['wal_bytes'] / 1024:.1f} KB", "aim: 15 KB"),
        (
            f"turns a second, 64 at once, 200 ms a model call, {WORKERS} workers",
            f"{many['turns_per_second']:.1f}",
            "aim: 45",
        ),
        ("  p50 of such a turn", f"{statistics.median(many['seconds']) * 1000:.0f} ms", "at least 800 ms of model"),
        ("a read through the gateway", f"{counted['gateway']['through']:.2f} ms", ""),
        ("  of it what the gateway adds", f"{counted['gateway']['adds']:.2f} ms", "to the adapter's exchange"),
        *embedding.rows(counted["embedding"]),
        *guardrail.rows(counted["guardrail"]),
        ("memory of a worker then (PSS)", f"{many['worker_mb']:.0f} MB", "aim: 200 MB"),
    ]
    width = max(len(name) for name, _, _ in rows)
    for name, value, remark in rows:
        say(f"{name:<{width}}  {value:>10}  {remark}")


def median_ms(seconds: Iterable[float]) -> float:
    return float(statistics.median(seconds) * 1000)


def p50_of(rounds: Rounds, name: str) -> float:
    return median_ms(seconds for row in rounds for session in row[name]["seconds"] for seconds in session)


def nth_ms(rounds: Rounds, number: int) -> float:
    return median_ms(session[number] for row in rounds for session in row["desk"]["seconds"])


def cpu_ms_of(rounds: Rounds, name: str) -> float:
    return float(statistics.median(row[name]["cpu_ms"] for row in rounds))


def ratio(rounds: Rounds, figure: Callable[[Rounds, str], float], name: str, aim: str) -> str:
    """Taken round by round, with its spread; the median of the rounds is the figure."""
    ratios = [figure([row], name) / figure([row], "bare") for row in rounds]
    text = f"{statistics.median(ratios):.2f} times the bare loop ({min(ratios):.2f} to {max(ratios):.2f})"
    return text + (f"; aim: at most {aim}" if aim else "")


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  the benchmark's output


if __name__ == "__main__":
    main()
