"""Links to the console's own pages, and django-celery-beat's tables for the staff of the installation."""

from typing import Any

from django.db.models import QuerySet
from django.forms import ChoiceField
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from chatboost.console import schedules
from chatboost.core.admin import BulkAction, DetailLink, StaffAdmin, link_on, register
from chatboost.core.admin.display import label, link
from chatboost.core.admin.scoping import STAFF, is_staff
from chatboost.messaging.models import Bot

# A schedule's page names the first of its tasks.
MAX_TASKS = 50


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
    """Periodic tasks: the product's own, which nobody edits, and the operators'."""

    form = TaskForm
    date_hierarchy = None
    # The package's own template brings a script in the page's text.
    change_form_template = None
    list_display = ("name", "keeper", "enabled", "schedule_words", "last_run_at", "one_off")
    list_filter = ("enabled", "one_off")
    ordering = ("name",)
    actions = ()
    bulk_actions = (
        BulkAction(
            name="enable_selected",
            label="Switch on",
            permission=STAFF,
            confirm="The tasks run by their schedule again. Those of the installation stay as they are.",
            run=lambda task, actor: schedules.set_enabled(task, is_enabled=True, actor=actor),
        ),
        BulkAction(
            name="disable_selected",
            label="Switch off",
            permission=STAFF,
            confirm="The tasks don’t run any more. Those of the installation stay as they are.",
            run=lambda task, actor: schedules.set_enabled(task, is_enabled=False, actor=actor),
        ),
        BulkAction(
            name="run_selected",
            label="Run now",
            permission=STAFF,
            confirm="Each task is sent to the workers once, beside its schedule.",
            run=lambda task, actor: schedules.run_now(task, actor=actor),
        ),
    )

    def managed(self, obj: Any) -> str:
        """The product's ticks are kept by each migrate."""
        return schedules.MANAGED if schedules.is_managed(obj) else ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the schedules along."""
        return super().get_queryset(request).select_related("interval", "crontab", "solar", "clocked")

    @display(description="kept by", ordering="name")
    def keeper(self, task: PeriodicTask) -> SafeString:
        """Say whose it is."""
        return label("Installation") if schedules.is_managed(task) else label("Operators", "info")

    @display(description="schedule")
    def schedule_words(self, task: PeriodicTask) -> str:
        """Say when it runs."""
        if task.crontab:
            return f"{task.crontab.human_readable} ({task.crontab.timezone})"
        return str(task.interval or task.solar or task.clocked or "")


class TaskInline(TabularInline):
    """The tasks that run by a schedule."""

    model = PeriodicTask
    fields = readonly_fields = ("page", "task", "enabled", "last_run_at")
    ordering = ("name",)
    verbose_name_plural = "tasks that run by it"
    extra = max_num = 0
    can_delete = False
    hide_title = True
    per_page = MAX_TASKS

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user is of the installation's staff."""
        return is_staff(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A task is made on its own page."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A task is changed on its own page."""
        return False

    @display(description="task")
    def page(self, task: PeriodicTask) -> SafeString | str:
        """Link to the task."""
        return link(task, task.name)


class ScheduleAdmin(StaffAdmin):
    """A schedule, with the tasks that run by it."""

    inlines = (TaskInline,)

    def managed(self, obj: Any) -> str:
        """A schedule that one of the product's tasks runs by is the product's."""
        return schedules.MANAGED if obj.periodictask_set.filter(schedules.managed()).exists() else ""


@register(IntervalSchedule)
class IntervalAdmin(ScheduleAdmin):
    """Every so often."""

    list_display = ("__str__", "every", "period")


@register(CrontabSchedule)
class CrontabAdmin(ScheduleAdmin):
    """By a crontab's fields."""

    list_display = ("human_readable", "__str__", "timezone")
    fields = ("human_readable", "minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")
    readonly_fields = ("human_readable",)


@register(ClockedSchedule)
class ClockedAdmin(ScheduleAdmin):
    """Once, at a point in time."""

    list_display = ("clocked_time",)


@register(SolarSchedule)
class SolarAdmin(ScheduleAdmin):
    """At sunrise and its like."""

    list_display = ("__str__", "event", "latitude", "longitude")
