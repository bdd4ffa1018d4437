"""The Celery application: workers and beat start here."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatboost.settings.dev")

app = Celery("chatboost")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["chatboost.core.work"])
app.set_default()
