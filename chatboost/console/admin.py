"""Links to the console's own pages, and django-celery-beat's tables for the staff of the installation."""

from typing import Any

from django.db.models import Model
from django.forms import ChoiceField
from django.http import HttpRequest
from django.urls import reverse
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from chatboost.core.admin import DetailLink, StaffAdmin, link_on, register
from chatboost.messaging.models import Bot


@link_on(Bot)
def _chat_link(request: HttpRequest, bot: Bot) -> DetailLink:
    return DetailLink(
        "Open the chat", reverse("admin:messaging_bot_chat", args=[bot.pk]), "smartphone", "messaging.send"
    )


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    """The list of known tasks in the console's looks."""


class TaskForm(beat.PeriodicTaskForm):
    """The form of a periodic task in the console's looks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "regtask" in self.fields:
            task: ChoiceField = self.fields["regtask"]
            task.widget = TaskSelect()
        if "task" in self.fields:
            self.fields["task"].widget = UnfoldAdminTextInputWidget()


@register(PeriodicTask)
class PeriodicTaskAdmin(StaffAdmin, beat.PeriodicTaskAdmin):
    """Periodic tasks."""

    form = TaskForm
    date_hierarchy = None

    def get_queryset(self, request: HttpRequest) -> Any:
        """Load the schedules along."""
        return super().get_queryset(request).select_related("interval", "crontab", "solar", "clocked")


def _declare(model: type[Model]) -> None:
    register(model)(
        type(f"{model.__name__}Admin", (StaffAdmin,), {"__doc__": f"{model._meta.verbose_name}."})
    )


for _model in (IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule):
    _declare(_model)
