"""The Celery application; the queue only nudges, the rows say what there is to do."""

from __future__ import annotations

import os
import warnings

from celery import Celery
from celery.exceptions import SecurityWarning

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Celery warns a worker that runs as root, for fear of pickled tasks: ours are JSON, and only ids.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("tandem")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
