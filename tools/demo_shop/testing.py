"""The real shop in a thread, for tests and benchmarks of whatever talks to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from tools.demo_shop.records import utc_today
from tools.demo_shop.server import base_url, listen, make_server
from tools.demo_shop.store import Store


@contextmanager
def running_shop(database: Path, *, today: Callable[[], date] = utc_today) -> Iterator[str]:
    """Serve `database` (made when it is new) on a free port of this machine; yields the base URL, without a slash."""
    with Store(database, today=today) as store:
        # Requests that come before the server's first turn wait in the socket's queue.
        listener = listen("127.0.0.1", 0)
        server = make_server(store)
        thread = threading.Thread(target=server.run, args=([listener],), name="demo-shop", daemon=True)
        thread.start()
        try:
            yield base_url(listener)
        finally:
            server.should_exit = True
            thread.join()
            listener.close()
