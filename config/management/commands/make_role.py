"""`manage.py make_role`: the application's role on a server that lacks it, before a dump is restored there."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

# As the first migration of `memory` makes it; rights on tables come with the dump.
ROLE = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tandem_app') THEN
    CREATE ROLE tandem_app NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
  IF NOT pg_has_role(current_user, 'tandem_app', 'MEMBER') THEN
    EXECUTE format('GRANT tandem_app TO %I', current_user);
  END IF;
END $$
"""


class Command(BaseCommand):
    help = "Make the role tandem_app, which a dump needs to be there. A second time changes nothing."
    requires_system_checks = []

    def handle(self, *_: Any, **__: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(ROLE)
        self.stdout.write("The role tandem_app is there.")
