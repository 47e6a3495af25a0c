"""Every `manage.py` command: `.env` is read first, and a command that needs a database gets one while it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from config.database import hold_database, leave_on_signals
from config.dotenv import DotenvError, load_dotenv
from config.embedded_postgres import PostgresUnavailable
from config.embedded_postgres.errors import NO_ROOM, no_room, not_ours
from config.management.commands.up import Command as Up
from config.supervisor.plan import BASE_DIR, state_folder
from config.supervisor.record import running_environment

WITHOUT_DATABASE = frozenset(
    {"--help", "--version", "-h", "check", "collectstatic", "compilemessages", "findstatic", "help", "makemessages"}
    | {"makemigrations", "up", "version"}
)


def run(arguments: Sequence[str]) -> None:
    """Run the command; what a person can mend is said in one line."""
    try:
        load_dotenv(BASE_DIR / ".env", os.environ)
        _run(arguments)
    except (DotenvError, ImproperlyConfigured, PostgresUnavailable) as error:
        sys.exit(f"manage.py: {error}")
    except OSError as error:
        told = _told(error)
        if told is None:
            raise
        sys.exit(f"manage.py: {told}")


def _told(error: OSError) -> str | None:
    """What a person can do about it: make room, or use a state folder of their own."""
    place = Path(error.filename or BASE_DIR)
    if error.errno in NO_ROOM:
        return no_room(place)
    if isinstance(error, PermissionError) and place.is_relative_to(state_folder()):
        return not_ours(place)
    return None


def _run(arguments: Sequence[str]) -> None:
    if arguments[1:2] == ["up"]:
        # Without Django's own set-up, which `up` does later with the database in the settings: it speaks at once.
        Up().run_from_argv(list(arguments))
        return
    if needs_database(arguments):
        for name, value in running_environment(state_folder()).items():
            os.environ.setdefault(name, value)
        leave_on_signals()
        hold_database(state_folder())
    execute_from_command_line(list(arguments))


def needs_database(arguments: Sequence[str]) -> bool:
    return len(arguments) > 1 and arguments[1] not in WITHOUT_DATABASE and not {"--help", "-h"} & set(arguments[2:])
