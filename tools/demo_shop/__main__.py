"""Run the demo shop: `python -m tools.demo_shop --host 127.0.0.1 --port 8010 --database FILE`."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import logging
import os
import signal
import sys
from pathlib import Path

from tools.demo_shop.errors import DatabaseUnusableError
from tools.demo_shop.server import base_url, listen, make_server
from tools.demo_shop.store import Store

# From <sys/prctl.h>.
PR_SET_PDEATHSIG = 1

logger = logging.getLogger("demo_shop")


def main(arguments: list[str] | None = None) -> None:
    """Ends with status 0 after an ordinary stop; with 1 and one line on standard error when it cannot start."""
    options = parse_arguments(arguments)
    if options.parent_death:
        end_with_parent()
    # uvicorn stops in good order on a signal and then raises it again: an ordinary end, with everything closed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stdout)
    logger.setLevel(logging.INFO)
    try:
        serve(options.host, options.port, options.database)
    except DatabaseUnusableError as error:
        sys.exit(f"demo shop: {error}")
    except OSError as error:
        reason = error.strerror or error
        sys.exit(f"demo shop: cannot listen on {options.host} port {options.port}: {reason}.")


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.demo_shop", description="A small shop to try agents on.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", default=8010, type=_port, help="port to listen on (default: %(default)s)")
    parser.add_argument("--database", required=True, type=Path, help="SQLite file, made with demo orders when missing")
    parser.add_argument("--parent-death", action="store_true", help="end when the parent process ends (Linux)")
    return parser.parse_args(arguments)


def serve(host: str, port: int, database: Path) -> None:
    with contextlib.closing(listen(host, port)) as listener, Store(database) as store:
        logger.info("listening on %s with %d orders", base_url(listener), store.count_orders())
        with contextlib.suppress(KeyboardInterrupt):
            make_server(store).run([listener])


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its parent ends; see prctl(2), PR_SET_PDEATHSIG."""
    parent = os.getppid()
    # Other systems have no prctl; there the supervisor has to end us.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("demo shop: the parent process has already ended.")


def _port(text: str) -> int:
    port = int(text)
    if port not in range(2**16):
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 65535")
    return port


if __name__ == "__main__":
    main()
