"""`manage.py rotate_vault_key`: a new key for what is secret in the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.second_factors import keys_of_second_factors, reseal_second_factors
from observability.notice_channels import keys_of_channels, reseal_channels
from observability.vault import KeysFixed, add_key, forget_keys, is_newest, key_ring
from tools.credentials import keys_of_credentials, reseal_credentials


class Command(BaseCommand):
    help = "Makes a new key for the secrets in the database and seals them with it. The desk may run meanwhile."

    def add_arguments(self, parser: CommandParser) -> None:
        only = parser.add_mutually_exclusive_group()
        only.add_argument("--no-new-key", action="store_true", help="seal with the newest key that there is")
        only.add_argument(
            "--forget",
            action="store_true",
            help="make no new key; drop the older ones that nothing is sealed with. A backup made before cannot be "
            "read any more",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["no_new_key"] and not options["forget"]:
            self.add()
        broken = self.reseal()
        if options["forget"]:
            self.forget()
        if broken:
            raise CommandError("Not everything opens. What is named above has to be set again.")

    def add(self) -> None:
        try:
            self.stdout.write(f"A new key was made: {add_key()}.")
        except KeysFixed as error:
            raise CommandError(
                f"A new key cannot be made here: {error}. Put one in front there (32 bytes in base64), start the desk "
                "anew, and run this with --no-new-key."
            ) from error

    def reseal(self) -> bool:
        """Whether something does not open."""
        broken = []
        for what, reseal in (
            ("credentials", reseal_credentials),
            ("second factors", reseal_second_factors),
            ("addresses and keys of channels", reseal_channels),
        ):
            done, problems = reseal()
            self.stdout.write(f"Sealed with the newest key: {done} {what}.")
            broken += problems
        for problem in broken:
            self.stderr.write(f"Does not open: {problem}.")
        return bool(broken)

    def forget(self) -> None:
        used = keys_of_credentials() | keys_of_second_factors() | keys_of_channels()
        try:
            dropped = forget_keys(used)
        except KeysFixed as error:
            older = sorted(key.hex() for key in key_ring().ciphers if not is_newest(key) and key not in used)
            raise CommandError(f"{error}; not needed there: {', '.join(older) or 'none'}.") from error
        self.stdout.write(f"Dropped: {', '.join(dropped) or 'no key'}.")
