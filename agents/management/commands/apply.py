"""`manage.py apply FILE.yaml`: agents, targets, tools, policies and limits from a file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from agents.configuration.apply import Applied, ApplyingFailed, Options, apply_file
from agents.configuration.reading import Refused
from observability.access import Role, has_role


class Command(BaseCommand):
    help = "Makes the desk what a file says, and prints what that changes. What the file does not name stays as it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON; see docs/configuration-files.md")
        parser.add_argument("--dry-run", action="store_true", help="print the changes, and make none")
        parser.add_argument("--as", dest="email", default="", metavar="EMAIL", help="the admin who answers for it")
        parser.add_argument(
            "--accept-changes",
            action="store_true",
            help="take over what backends list now, though it differs from what was accepted",
        )
        parser.add_argument(
            "--prune", action="store_true", help="list what the file does not name; it is left as it is all the same"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = Options(
            user=admin_named(options["email"]),
            dry_run=options["dry_run"],
            accepts_changes=options["accept_changes"],
        )
        try:
            applied = apply_file(options["file"], chosen)
        except (Refused, ApplyingFailed) as error:
            raise CommandError(f"{error}\nNothing was changed.") from error
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        self.report(applied, dry_run=options["dry_run"], prune=options["prune"])

    def report(self, applied: Applied, *, dry_run: bool, prune: bool) -> None:
        for line in [*applied.changes, *(f"  {note}" for note in applied.notes)]:
            self.stdout.write(line)
        for label in applied.unnamed if prune else []:
            self.stdout.write(f"? {label}: not in the file, left as it is")
        if not applied.changes:
            self.stdout.write("Nothing to change.")
        elif dry_run:
            self.stdout.write("A dry run: nothing was changed.")


def admin_named(email: str) -> User | None:
    """Raises `CommandError` for somebody who is no admin."""
    if not email:
        return None
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is None or not has_role(user, Role.ADMIN):
        raise CommandError(f"There is no admin with the address {email}.")
    return user
