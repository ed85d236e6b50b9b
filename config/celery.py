"""The Celery application: `celery -A config worker`."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect(dispatch_uid="config.celery.embedded")
def start_embedded_valkey(**_: Any) -> None:
    from django.conf import settings

    from config import embedded

    if settings.EMBEDDED_VALKEY:
        embedded.ensure_running(settings.VAR_DIR)
