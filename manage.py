#!/usr/bin/env python3
"""Tandem's command line: Django's, with `.env` read and a database at hand."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from config.command_line import run

        run(sys.argv)
    except ModuleNotFoundError as error:
        if error.name not in {"celery", "django"}:
            raise
        sys.exit(f"manage.py: {sys.executable} has no {error.name}; use .venv/bin/python, or see `make help`")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
