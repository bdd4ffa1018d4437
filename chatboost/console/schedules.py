"""What the staff of the installation may do with django-celery-beat's tasks."""

import json
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django_celery_beat.models import PeriodicTask, PeriodicTasks
from kombu.exceptions import OperationalError

from chatboost.core import audit
from chatboost.core.errors import Conflict
from chatboost.core.ticks.beat import PREFIX

MANAGED = "Managed by the installation: the product keeps it as it is, so there is nothing to edit here."


# Celery's own, and what the settings schedule: beat writes their rows anew at each start.
_BY_SETTINGS = {"celery.backend_cleanup", *settings.CELERY_BEAT_SCHEDULE}


def managed() -> Q:
    """Return the condition for tasks that the product keeps; the others are the operators' own."""
    return Q(name__startswith=PREFIX) | Q(name__in=_BY_SETTINGS)


def is_managed(task: PeriodicTask) -> bool:
    """Tell whether the product keeps this task."""
    return task.name.startswith(PREFIX) or task.name in _BY_SETTINGS


@transaction.atomic
def set_enabled(task: PeriodicTask, *, is_enabled: bool, actor: Any) -> bool:
    """Switch a task on or off; returns whether that changed anything. Raises: Conflict (`managed`)."""
    if is_managed(task):
        raise Conflict(MANAGED, code="managed")
    if task.enabled == is_enabled:
        return False
    task.enabled = is_enabled
    task.save(update_fields=["enabled"])
    PeriodicTasks.update_changed()
    changes = {"enabled": (not is_enabled, is_enabled)}
    audit.record(actor=actor, verb="schedule.changed", object=task, changes=changes, organization_id=0)
    return True


def run_now(task: PeriodicTask, *, actor: Any) -> None:
    """Send a task to the workers once, now. Raises: Conflict (`unknown_task`, `no_broker`)."""
    current_app.loader.import_default_modules()
    known = current_app.tasks.get(task.task)
    if known is None:
        raise Conflict(f"No worker knows the task {task.task}.", code="unknown_task")
    try:
        where = {"queue": task.queue} if task.queue else {}
        known.apply_async(args=json.loads(task.args), kwargs=json.loads(task.kwargs), **where)
    except OperationalError as error:
        raise Conflict("The broker can’t be reached: nothing was sent.", code="no_broker") from error
    audit.record(actor=actor, verb="schedule.run", object=task, organization_id=0)
