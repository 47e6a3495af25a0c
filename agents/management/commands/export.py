"""`manage.py export`: the desk as a file for `manage.py apply`, without secrets."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.configuration.export import export_text


class Command(BaseCommand):
    help = "Prints the desk's agents, targets, tools, policies and limits as a file for `manage.py apply`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="write it there instead of printing it")
        parser.add_argument("--full", action="store_true", help="write what need not be said, too")

    def handle(self, *args: Any, **options: Any) -> None:
        text = export_text(full=options["full"])
        path: Path | None = options["file"]
        if path is None:
            self.stdout.write(text, ending="")
            return
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
