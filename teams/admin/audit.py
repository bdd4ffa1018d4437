"""The audit log: who did what, newest first. Nobody changes it."""

import json
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from chatboost.core.admin.display import EMPTY, admin_url, label, shortened
from chatboost.core.admin.exchange import ImportExport
from chatboost.core.admin.filters import DayRangeFilter
from chatboost.core.admin.installation import InstallationAdmin
from chatboost.core.admin.registry import register
from chatboost.core.admin.scoping import is_allowed
from chatboost.core.models import AuditEntry
from teams.jobs import EXPORT_AUDIT, VIEW_AUDIT

# A filter offers what the newest entries hold: the words of all of them would cost a scan.
LOOKED_AT = 2000

COLOURS = {
    "created": "success",
    "published": "success",
    "activated": "success",
    "changed": "info",
    "deleted": "danger",
    "revoked": "danger",
    "erased": "danger",
    "discarded": "danger",
}


class RecentFilter(DropdownFilter):
    """Choose among the values that a column has had lately."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the values of the newest entries that the visitor may see."""
        newest = model_admin.get_queryset(request).order_by("-id")
        values = newest.values_list(self.parameter_name, flat=True)[:LOOKED_AT]
        return sorted((value, self.words(value)) for value in set(values) if value)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the entries with the chosen value."""
        return queryset.filter(**{self.parameter_name: self.value()}) if self.value() else queryset

    def words(self, value: str) -> str:
        """Return how a value is shown."""
        return value


class VerbFilter(RecentFilter):
    """What was done."""

    title = "what was done"
    parameter_name = "verb"

    def words(self, value: str) -> str:
        """Return a verb in words."""
        return verb_words(value)


class ObjectTypeFilter(RecentFilter):
    """To what kind of thing."""

    title = "kind of thing"
    parameter_name = "object_type"

    def words(self, value: str) -> str:
        """Return a model's name in words."""
        return type_words(value)


@register(AuditEntry)
class AuditEntryAdmin(ImportExport, InstallationAdmin):
    """Pages of the log."""

    export_job = EXPORT_AUDIT

    list_display = ("created_at", "who", "verb_label", "object_line", "changed_fields")
    list_display_links = ("created_at",)
    list_filter = (VerbFilter, ObjectTypeFilter, ("created_at", DayRangeFilter))
    list_filter_submit = True
    allowed_lookups = ("object_id", "object_type")
    search_fields = ("object_label__icontains", "actor_label__icontains", "request_id__exact")
    search_help_text = "Name of a thing or a person, or a request id"
    ordering = ("-id",)
    empty_hint = "Whatever people, keys and the product change is noted here."
    fieldsets = (
        (None, {"fields": ("created_at", "who", "verb_label", "object_link", "request_id")}),
        ("What changed", {"fields": ("changes_list",)}),
    )

    def allows(self, request: HttpRequest, verb: str) -> bool:
        """Tell whether the role may look; nobody may do anything else."""
        return verb == "view" and is_allowed(request, VIEW_AUDIT)

    def row_title(self, row: AuditEntry) -> str:
        """Say what was done."""
        return verb_words(row.verb)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the entry, knowing where its thing is to be seen by this visitor."""
        entry = super().get_object(request, object_id, from_field)
        if entry is not None:
            entry.object_url = self._url(request, entry)
        return entry

    def _url(self, request: HttpRequest, entry: AuditEntry) -> str:
        model = model_of(entry.object_type)
        if model is None or not self.admin_site.is_registered(model) or entry.verb.endswith(".deleted"):
            return ""
        admin = self.admin_site.get_model_admin(model)
        # The row's own page is asked: it finds only what the visitor's organization has.
        row = admin.get_object(request, entry.object_id) if admin.has_view_permission(request) else None
        return admin_url(row) if row is not None and admin.has_view_permission(request, row) else ""

    @display(description="who", ordering="actor_label")
    def who(self, entry: AuditEntry) -> str:
        """Name the person or the key."""
        return entry.actor_label

    @display(description="what", ordering="verb")
    def verb_label(self, entry: AuditEntry) -> SafeString:
        """Say what was done."""
        return label(verb_words(entry.verb), COLOURS.get(entry.verb.rpartition(".")[2], "default"))

    @display(description="to")
    def object_line(self, entry: AuditEntry) -> str:
        """Name the thing."""
        if not entry.object_type:
            return EMPTY
        return f"{type_words(entry.object_type)} {shortened(entry.object_label, 60)}".strip()

    @display(description="changed")
    def changed_fields(self, entry: AuditEntry) -> str:
        """Name the fields that changed."""
        return shortened(", ".join(name.replace("_", " ") for name in entry.changes)) or EMPTY

    @display(description="to")
    def object_link(self, entry: AuditEntry) -> SafeString | str:
        """Name the thing, with a link to its page where the visitor may see it and it is still there."""
        url, words = getattr(entry, "object_url", ""), self.object_line(entry)
        return format_html('<a href="{}" class="cb-link">{}</a>', url, words) if url else words

    @display(description="before → after")
    def changes_list(self, entry: AuditEntry) -> SafeString | str:
        """Show each field before and after."""
        if not entry.changes:
            return "Nothing noted"
        rows = format_html_join(
            "",
            "<div><dt>{}</dt><dd><span>{}</span> → <b>{}</b></dd></div>",
            (
                (name.replace("_", " "), _shown(before), _shown(after))
                for name, before, after in _pairs(entry.changes)
            ),
        )
        return format_html('<dl class="cb-facts">{}</dl>', rows)


def verb_words(verb: str) -> str:
    """Return `api_key.revoked` as "API key revoked"."""
    words = verb.replace(".", " ").replace("_", " ").strip()
    return f"{words[:1].upper()}{words[1:]}".replace("Api key", "API key")


def type_words(object_type: str) -> str:
    """Return `messaging.bot` as "Bot"; a model that is no more keeps its word."""
    model = model_of(object_type)
    name = str(model._meta.verbose_name) if model else object_type
    return f"{name[:1].upper()}{name[1:]}"


def model_of(object_type: str) -> type[Model] | None:
    """Return the model of `messaging.bot`, or None where it is no more."""
    try:
        return apps.get_model(object_type)
    except (LookupError, ValueError):
        return None


def _pairs(changes: Any) -> Iterable[tuple[str, Any, Any]]:
    for name, pair in changes.items():
        before, after = pair if isinstance(pair, list) and len(pair) == 2 else (None, pair)
        yield name, before, after


def _shown(value: Any) -> str:
    match value:
        case None | "" | [] | {}:
            return EMPTY
        case bool():
            return "yes" if value else "no"
        case str():
            return value
    return json.dumps(value, ensure_ascii=False)
