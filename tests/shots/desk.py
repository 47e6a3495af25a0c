"""What the desk stands on: a PostgreSQL, a demo shop and a scripted model of its own, named in the environment."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.scripted.testing import running_model
from config.embedded_postgres import EmbeddedPostgres
from config.testing import PREFIX as TESTS
from config.testing import names_read_by_settings
from tools.demo_shop.testing import running_shop

# So that a trace has times to look at: about what a quick model takes to its first word.
MODEL_DELAY_MS = 420
# What a killed run leaves behind is swept by the next run of the tests.
PREFIX = f"{TESTS}shots-"


@contextmanager
def throw_away_desk() -> Iterator[str]:
    """Yields the shop's address; nothing of it is left at the end.

    Raises PostgresUnavailable.
    """
    for name in names_read_by_settings():
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    state = Path(tempfile.mkdtemp(prefix=PREFIX))
    state.chmod(0o711)
    postgres = EmbeddedPostgres(state, durable=False)
    try:
        with running_model(delay_ms=MODEL_DELAY_MS) as model_url, running_shop(state / "shop.sqlite3") as shop_url:
            os.environ |= {
                "STATE_DIR": str(state),
                "SECRET_KEY": "not-secret-in-pictures",
                "DATABASE_URL": postgres.acquire(),
                "CELERY_BROKER_URL": "memory://",
                "DEMO": "1",
                "DEMO_SHOP_URL": shop_url,
                "SCRIPTED_MODEL_URL": model_url,
                # A turn that is shown at work must not run out of time while it is photographed.
                "TURN_LEASE_SECONDS": "86400",
                "DJANGO_SETTINGS_MODULE": "config.settings",
                # Playwright's loop runs in the thread that writes the rows.
                "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
            }
            yield shop_url
    finally:
        postgres.release()
        shutil.rmtree(state, ignore_errors=True)
