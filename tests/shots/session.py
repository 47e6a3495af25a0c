"""One run: prepare the database, serve the desk, photograph it empty, fill it, photograph it full."""

from __future__ import annotations

import argparse
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import uvicorn

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from config.asgi import application  # noqa: E402
from tests.shots import filling, pages, sheet  # noqa: E402
from tests.shots.camera import Camera, Shot  # noqa: E402

IMAGES = Path(settings.BASE_DIR) / "docs" / "images"


def take_all(options: argparse.Namespace, *, shop_url: str) -> None:
    began = time.monotonic()
    # Pages that fail and turns that fail are wanted here; what is not wanted is asserted while filling.
    logging.disable(logging.CRITICAL)
    prepare()
    with served() as base_url:
        out: Path = options.out
        wanted = [] if options.readme else chosen(pages.before_the_first_message(), options.only)
        camera = Camera(base_url, out=out, widths=options.widths, themes=options.themes)
        camera.take(wanted)
        say(began, "the desk is empty; filling it")
        scene = filling.fill(shop_url)
        say(began, f"{scene.sessions} conversations; taking pictures")
        if options.readme:
            IMAGES.mkdir(parents=True, exist_ok=True)
            for shot, theme in pages.of_the_readme(scene):
                Camera(base_url, out=IMAGES, widths="1440", themes=theme, plain_names=True).take([shot])
            say(began, f"pictures in {IMAGES}")
        else:
            full = chosen(pages.of_a_busy_desk(scene), options.only)
            camera.take(full)
            index = sheet.write(out, [*wanted, *full], widths=camera.widths, themes=camera.themes)
            if camera.sideways:
                say(began, f"wider than their window: {', '.join(camera.sideways)}")
            say(began, f"{camera.taken} pictures, all of them on {index}")
    for connection in connections.all(initialized_only=True):
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL's


def chosen(shots: list[Shot], only: str) -> list[Shot]:
    parts = [part for part in only.split(",") if part]
    return [shot for shot in shots if not parts or any(part in shot.name for part in parts)]


def prepare() -> None:
    settings.ROOT_URLCONF = "tests.shots.urls"
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("load_demo", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


@contextmanager
def served() -> Iterator[str]:
    """The application in a thread; yields its address."""
    options: dict[str, Any] = {"lifespan": "off", "ws": "none", "log_config": None, "access_log": False}
    server = uvicorn.Server(uvicorn.Config(application, timeout_graceful_shutdown=1, **options))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(15)


def say(began: float, text: str) -> None:
    print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)  # noqa: T201
