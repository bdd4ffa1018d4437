"""Base classes of the console's model pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, ProtectedError, QuerySet
from django.forms import BaseInlineFormSet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from unfold import admin as unfold
from unfold import paginator

from chatboost.core.admin import registry
from chatboost.core.admin.forms import OrganizationForm
from chatboost.core.admin.scoping import OrganizationScope, is_allowed
from chatboost.core.errors import DomainError, ValidationFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailAction:
    """A button on a row's page that changes state, by POST.

    `name` is the admin's method `name(request, row)`, which returns a response or None for the row's page.
    `permission` is asked in full (`flows.publish`). `confirm` is the question asked first, if any.
    """

    name: str
    label: str
    permission: str
    icon: str = ""
    confirm: str = ""
    is_primary: bool = False


class _RefusalMixin:
    """Turns a service's refusal into words on the form that caused it."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT
        """Return a form class of this request."""
        form = super().get_form(request, obj, change=change, **kwargs)  # type: ignore[misc]
        form.organization = getattr(request, "organization", None)
        form.refusal = getattr(request, "_refusal", None)
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Save, or show the form again with the reason why a service refused."""
        refusal: DomainError
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)  # type: ignore[misc]
        except DomainError as error:
            refusal = error
        except ValidationError as error:
            refusal = ValidationFailed("The entries don’t fit together.", errors=_by_field(error))
        # The transaction is rolled back: the same input is validated again, this time with the reason.
        request._refusal = refusal  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)  # type: ignore[misc]


class OrganizationAdmin(OrganizationScope, _RefusalMixin, unfold.ModelAdmin):
    """Pages of an organization's rows. A row of another organization does not exist here: 404."""

    form = OrganizationForm
    list_per_page = 50
    save_on_top = False
    compressed_fields = True
    list_filter_sheet = True
    list_fullwidth = True
    show_facets = False
    # Lookups that a link may put into a changelist's address, beside those of `list_filter`.
    allowed_lookups: ClassVar[Sequence[str]] = ()
    detail_actions: ClassVar[Sequence[DetailAction]] = ()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Call the page by what it lists."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row if it is the organization's."""
        return super().get_object(request, object_id, None)

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        raise Http404(f"No such {opts.verbose_name}.")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT
        """Return the form; a relation can be chosen, its row is made or changed on its own page."""
        form = super().get_form(request, obj, change=change, **kwargs)
        for field in form.base_fields.values():
            for verb in ("add", "change", "delete", "view"):
                if hasattr(field.widget, f"can_{verb}_related"):
                    setattr(field.widget, f"can_{verb}_related", False)
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT
        """Save into the request's organization."""
        if not change:
            obj.organization = request.organization  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow what the page itself offers; Django would let a visitor probe any column of the table."""
        offered = [*self.allowed_lookups]
        for item in self.get_list_filter(request) if request else self.list_filter:
            name = item[0] if isinstance(item, list | tuple) else item
            offered.append(name if isinstance(name, str) else getattr(name, "parameter_name", None) or "")
        return any(lookup == name or lookup.startswith(f"{name}__") for name in offered if name)

    def get_deleted_objects(
        self, objs: Sequence[Model], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name what would go, without loading every row that hangs on it."""
        rows = list(objs)
        return [str(row) for row in rows], _related_counts(rows), set(), []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Delete, or say why not."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except DomainError as refusal:
            messages.error(request, refusal.message)
        except ProtectedError as error:
            kept = next(iter(error.protected_objects))
            messages.error(request, f"Still needed by {kept._meta.verbose_name} “{kept}”.")
        return HttpResponseRedirect(self.url("change", object_id))

    def is_shown(self, action: DetailAction, obj: Any) -> bool:
        """Tell whether a button makes sense for this row."""
        return True

    def get_urls(self) -> list[URLPattern]:
        """Add the buttons' addresses."""
        buttons = path(
            "<path:object_id>/do/<slug:action_name>/",
            self.admin_site.admin_view(self.detail_action_view),
            name=f"{self.opts.app_label}_{self.opts.model_name}_action",
        )
        return [buttons, *super().get_urls()]

    def detail_action_view(self, request: HttpRequest, object_id: str, action_name: str) -> HttpResponse:
        """Run a row's button; anything but a POST is refused."""
        if request.method != "POST":
            return HttpResponse(
                "Use the button: this address takes POST only.", status=405, headers={"Allow": "POST"}
            )
        action = next((action for action in self.detail_actions if action.name == action_name), None)
        row = self.get_object(request, object_id)
        if action is None or row is None:
            raise Http404("No such row or button.")
        if not is_allowed(request, action.permission):
            raise PermissionDenied
        try:
            response = getattr(self, action.name)(request, row)
        except DomainError as refusal:
            _show_refusal(request, refusal)
            response = None
        return response or HttpResponseRedirect(self.url("change", row.pk))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add the row's buttons and links to the page."""
        row = kwargs.get("obj")
        if row is not None:
            context["detail_buttons"] = [
                (
                    action,
                    reverse(
                        f"admin:{self.opts.app_label}_{self.opts.model_name}_action",
                        args=[row.pk, action.name],
                    ),
                )
                for action in self.detail_actions
                if is_allowed(request, action.permission) and self.is_shown(action, row)
            ]
            context["detail_links"] = [
                link for link in registry.links_of(request, row) if is_allowed(request, link.permission)
            ]
        return super().render_change_form(request, context, *args, **kwargs)

    def url(self, page: str, *args: Any) -> str:
        """Return the address of one of this model's pages (`change`, `changelist`, `add`, …)."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)


class ReadOnlyAdmin(OrganizationAdmin):
    """Pages of rows that only the machine makes. Big tables: no counting."""

    paginator = paginator.InfinitePaginator
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody makes such a row by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes such a row by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes such a row by hand."""
        return False


class StaffAdmin(unfold.ModelAdmin):
    """Pages of rows that belong to the installation, not to an organization: for its staff."""

    list_fullwidth = True

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user is of the installation's staff."""
        return bool(request.user.is_active and request.user.is_staff)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may look."""
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may create."""
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may change."""
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may delete."""
        return self.has_module_permission(request)


class OrganizationTabularInline(OrganizationScope, unfold.TabularInline):
    """Related rows as a table."""

    form = OrganizationForm
    extra = 0

    def get_formset(
        self, request: HttpRequest, obj: Any = None, **kwargs: Any
    ) -> type[BaseInlineFormSet[Any, Any, Any]]:
        """Return a formset class of this request's organization."""
        return _scoped_formset(super().get_formset(request, obj, **kwargs), request)


class OrganizationStackedInline(OrganizationScope, unfold.StackedInline):
    """Related rows one below the other."""

    form = OrganizationForm
    extra = 0

    def get_formset(
        self, request: HttpRequest, obj: Any = None, **kwargs: Any
    ) -> type[BaseInlineFormSet[Any, Any, Any]]:
        """Return a formset class of this request's organization."""
        return _scoped_formset(super().get_formset(request, obj, **kwargs), request)


class ReadOnlyInline(OrganizationTabularInline):
    """Related rows that only the machine makes."""

    can_delete = False
    max_num = 0
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody makes such a row by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes such a row by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes such a row by hand."""
        return False


def _scoped_formset(formset: Any, request: HttpRequest) -> Any:
    formset.form.organization = getattr(request, "organization", None)
    return formset


def _by_field(error: ValidationError) -> dict[str, list[str]]:
    return dict(error.message_dict) if hasattr(error, "error_dict") else {"": list(error.messages)}


def _show_refusal(request: HttpRequest, refusal: DomainError) -> None:
    messages.error(request, refusal.message)
    for name, found in refusal.errors.items():
        for message in found:
            messages.warning(request, f"{name}: {message}")


def _related_counts(rows: Sequence[Model]) -> dict[str, int]:
    """Count the rows of each kind that hang on these directly."""
    counts: dict[str, int] = {str(rows[0]._meta.verbose_name_plural): len(rows)} if rows else {}
    for relation in rows[0]._meta.related_objects if rows else ():
        related = relation.related_model
        found: QuerySet[Any] = related._default_manager.filter(**{f"{relation.field.name}__in": rows})
        if count := found.count():
            name = str(related._meta.verbose_name_plural)
            counts[name] = counts.get(name, 0) + count
    return counts
