"""Pages of a person's own notifications, and of how they want to be told."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from chatboost.core.admin import BulkAction, ConsolePage, DetailAction, ReadOnlyAdmin, register
from chatboost.core.admin.display import EMPTY, choice_label, label
from chatboost.core.admin.filters import ChoicesDropdownFilter, DayRangeFilter
from teams.models import Medium, Notification, NotificationType, Severity
from teams.notifications import preferences, reading

VIEW, CHANGE = "teams.view_notification", "teams.change_notification"

COLOURS: dict[str, str] = {
    Severity.INFO: "default",
    Severity.SUCCESS: "success",
    Severity.WARNING: "warning",
    Severity.ERROR: "danger",
}


class ReadFilter(DropdownFilter):
    """Choose what was read, or what was not."""

    title = "read"
    parameter_name = "is_read"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return both."""
        return [("false", "Unread"), ("true", "Read")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the chosen ones."""
        chosen = {"false": True, "true": False}.get(str(self.value()))
        return queryset if chosen is None else queryset.filter(read_at__isnull=chosen)


@register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """The visitor's own notifications in the organization, the newest first."""

    list_display = ("title", "type_label", "severity_label", "read_label", "created_at")
    list_filter = (
        ReadFilter,
        ("type", ChoicesDropdownFilter),
        ("severity", ChoicesDropdownFilter),
        ("created_at", DayRangeFilter),
    )
    list_filter_submit = True
    search_fields = ("title__icontains",)
    ordering = ("-seq",)
    empty_hint = "What needs you, and what has become of what you started, appears here."
    fields = ("title", "body_text", "opens", "type_label", "severity_label", "created_at", "read_at")
    list_before_template = "teams/notifications_note.html"
    detail_actions = (
        DetailAction(
            name="mark_read", label="Mark read", permission=CHANGE, icon="mark_email_read", is_primary=True
        ),
        DetailAction(name="mark_unread", label="Mark unread", permission=CHANGE, icon="mark_email_unread"),
        DetailAction(name="remove", label="Remove", permission=CHANGE, icon="delete"),
    )
    bulk_actions = (
        BulkAction(
            name="mark_selected_read",
            label="Mark read",
            permission=CHANGE,
            confirm="They no longer count as unread, in every window of yours.",
            run=lambda row, actor: reading.mark_read(row.organization, actor, [row.pk]) > 0,
        ),
        BulkAction(
            name="mark_selected_unread",
            label="Mark unread",
            permission=CHANGE,
            confirm="They count as unread again.",
            run=lambda row, actor: reading.mark_unread(row.organization, actor, [row.pk]) > 0,
        ),
        BulkAction(
            name="remove_selected",
            label="Remove",
            permission=CHANGE,
            confirm="They are gone for you; others who were told the same keep theirs.",
            run=lambda row, actor: reading.remove(row.organization, actor, [row.pk]) > 0,
            is_dangerous=True,
        ),
    )

    type_label = choice_label("type", {})
    severity_label = choice_label("severity", COLOURS)

    def scope(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what the visitor was told in the console."""
        own = super().scope(request, queryset).filter(user_id=request.user.pk, seq__isnull=False)
        return own.select_related("organization")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the role may see its own."""
        return self.has_view_permission(request)

    def get_urls(self) -> list[URLPattern]:
        """Add the page of the visitor's preferences."""
        page = self.admin_site.admin_view(PreferencesPage.as_view(site=self.admin_site))
        return [path("preferences/", page, name="teams_notification_preferences"), *super().get_urls()]

    def is_shown(self, action: DetailAction, obj: Notification) -> bool:
        """Offer what changes something."""
        return {"mark_read": obj.read_at is None, "mark_unread": obj.read_at is not None}.get(
            action.name, True
        )

    def mark_read(self, request: HttpRequest, row: Notification) -> None:
        """Mark it read."""
        reading.mark_read(row.organization, _person(request), [row.pk])

    def mark_unread(self, request: HttpRequest, row: Notification) -> None:
        """Mark it unread."""
        reading.mark_unread(row.organization, _person(request), [row.pk])

    def remove(self, request: HttpRequest, row: Notification) -> HttpResponse:
        """Remove it and show the others."""
        reading.remove(row.organization, _person(request), [row.pk])
        messages.success(request, "The notification is removed.")
        return HttpResponseRedirect(self.url("changelist"))

    @display(description="read", ordering="read_at")
    def read_label(self, row: Notification) -> SafeString:
        """Tell whether it was read."""
        return label("Read") if row.read_at else label("New", "info")

    @display(description="text")
    def body_text(self, row: Notification) -> SafeString | str:
        """Show the text with its lines."""
        return format_html('<div class="cb-bubble-text" dir="auto">{}</div>', row.body) if row.body else EMPTY

    @display(description="opens")
    def opens(self, row: Notification) -> SafeString | str:
        """Lead to what it is about."""
        return format_html('<a href="{0}" class="cb-link">{0}</a>', row.url) if row.url else EMPTY


class PreferencesPage(ConsolePage):
    """The visitor's own choice: each type by each medium."""

    permission = VIEW
    template_name = "teams/preferences.html"
    title = "My preferences"

    def breadcrumbs(self) -> list[tuple[str, str]]:
        """Lead back to the notifications."""
        return [("My notifications", reverse("admin:teams_notification_changelist"))]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add a line of switches for each type."""
        shown = preferences.matrix(self.organization, _person(self.request))
        lines = [
            (type.label, [(f"{type}.{medium}", medium.label, shown[type][medium]) for medium in Medium])
            for type in NotificationType
        ]
        return super().get_context_data(lines=lines, media=list(Medium), **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Switch to what the boxes say: one that is not ticked is not sent."""
        wanted = {
            type.value: {medium.value: f"{type}.{medium}" in request.POST for medium in Medium}
            for type in NotificationType
        }
        user = _person(request)
        preferences.change(organization=self.organization, user=user, wanted=wanted, actor=user)
        messages.success(request, "Your preferences are saved.")
        return HttpResponseRedirect(reverse("admin:teams_notification_preferences"))


def _person(request: HttpRequest) -> Any:
    return request.user
