"""`manage.py load_demo`: people, agent, tools and customers of the demonstration."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from agents.demo import load_demo


class Command(BaseCommand):
    help = "Adds the demonstration's people, agent, tools and customers where they are missing."

    def handle(self, *args: Any, **options: Any) -> None:
        load_demo()
