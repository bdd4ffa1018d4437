"""The Celery application: workers and beat start here."""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatboost.settings.dev")

app = Celery("chatboost")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["chatboost.core.work"])
app.steps["worker"].add(DjangoStructLogInitStep)
app.set_default()


@setup_logging.connect
def log_as_the_product_does(**kwargs: Any) -> None:
    """Give worker and beat the settings' format; Celery, which finds it done, adds none of its own."""
    logging.config.dictConfig(settings.LOGGING)
