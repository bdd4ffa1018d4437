"""Pages of rows that belong to the installation, not to an organization: for its staff."""

from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from unfold import admin as unfold

from chatboost.core import audit
from chatboost.core.admin.bulk import AT_ONCE, BulkActions
from chatboost.core.admin.buttons import DetailActions
from chatboost.core.admin.pagination import UncountedPaginator
from chatboost.core.admin.scoping import INSTALLATION, is_staff


class StaffAdmin(BulkActions, DetailActions, unfold.ModelAdmin):
    """Whoever runs the installation may look and change; what they change is in the audit log.

    `managed` says, for a row that the product itself keeps, why nobody edits it here.
    """

    list_fullwidth = True
    list_filter_sheet = True
    list_per_page = 50
    compressed_fields = True
    # There is no organization whose job it could be.
    max_bulk_rows: ClassVar[int] = AT_ONCE
    # What the menu calls the list; the site sets it.
    list_title: str = ""
    empty_hint: str = ""

    def managed(self, obj: Any) -> str:
        """Return who keeps this row, or an empty string when it is the operators' own."""
        return ""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user is of the installation's staff."""
        return is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may look."""
        return is_staff(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may create."""
        return is_staff(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may change this row."""
        return is_staff(request) and not (obj and self.managed(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may delete this row."""
        return is_staff(request) and not (obj and self.managed(obj))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Call the page what the menu calls it."""
        return super().changelist_view(request, {"title": self.list_title, **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Say of a row that the product keeps why there is no form."""
        row = self.get_object(request, object_id) if object_id and request.method == "GET" else None
        if row is not None and (reason := self.managed(row)):
            messages.info(request, reason)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and note who changed what."""
        stored = type(obj)._default_manager.filter(pk=obj.pk).first() if change else None
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            changes = audit.diff(audit.state_of(stored), audit.state_of(obj))
            if changes:
                self.note(request, "changed" if change else "created", obj, changes)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete, and note who did."""
        with transaction.atomic():
            self.note(request, "deleted", obj)
            super().delete_model(request, obj)

    def note(self, request: HttpRequest, what: str, obj: Model, changes: Any = None) -> None:
        """Write an entry of the installation's own log."""
        verb = f"{self.opts.verbose_name}.{what}".replace(" ", "_").replace("-", "")
        audit.record(actor=request.user, verb=verb, object=obj, changes=changes, organization_id=INSTALLATION)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask before deleting; a row that the product keeps stays."""
        row = self.get_object(request, object_id)
        if row is not None and self.managed(row):
            raise PermissionDenied(self.managed(row))
        return super().delete_view(request, object_id, extra_context)


class ReadOnlyStaffAdmin(StaffAdmin):
    """Rows that only the machine makes. Tables that grow: no counting."""

    paginator = UncountedPaginator
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody makes such a row by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes such a row by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes such a row by hand, unless its page says otherwise."""
        return False
