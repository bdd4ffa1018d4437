"""Base classes of the console's model pages."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Model, ProtectedError, QuerySet
from django.forms import BaseInlineFormSet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import capfirst
from unfold import admin as unfold

from chatboost.core.admin import registry
from chatboost.core.admin.bulk import BulkActions
from chatboost.core.admin.buttons import DetailActions
from chatboost.core.admin.forms import OrganizationForm, OrganizationInlineFormSet
from chatboost.core.admin.pagination import UncountedPaginator
from chatboost.core.admin.scoping import OrganizationScope, is_allowed
from chatboost.core.errors import DomainError, ValidationFailed


class _RefusalMixin:
    """Turns a service's refusal into words on the form that caused it."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
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


class OrganizationAdmin(OrganizationScope, BulkActions, DetailActions, _RefusalMixin, unfold.ModelAdmin):
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
    # What the menu calls the list; the site sets it.
    list_title: str = ""
    # What to do about a list that is empty, for whoever sees it for the first time.
    empty_hint: str = ""

    @property
    def page_permissions(self) -> Mapping[str, str]:
        """What further pages ask, by the names of their addresses."""
        return {}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Call the page what the menu calls it."""
        title = self.list_title or capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def row_title(self, row: Any) -> str:
        """Return what stands above the row's page."""
        return str(row)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row if it is the organization's."""
        return super().get_object(request, object_id, None)

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        raise Http404(f"No such {opts.verbose_name}.")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the field; a yes or no is called "Active", not "Is active"."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and str(field.label or "").startswith("Is "):
            field.label = capfirst(str(field.label)[3:]).replace("Whatsapp", "WhatsApp")
        return field

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form; a relation can be chosen, its row is made or changed on its own page."""
        form = super().get_form(request, obj, change=change, **kwargs)
        for field in form.base_fields.values():
            for verb in ("add", "change", "delete", "view"):
                if hasattr(field.widget, f"can_{verb}_related"):
                    setattr(field.widget, f"can_{verb}_related", False)
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save into the request's organization."""
        if not change:
            obj.organization = request.organization  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow what the page itself offers; Django would let a visitor probe any column of the table."""
        offered = [*self.allowed_lookups]
        for item in self.get_list_filter(request) if request else self.list_filter:
            name = item[0] if isinstance(item, list | tuple) else item
            if isinstance(item, list | tuple):
                # A range of dates asks for its two ends by these names.
                offered += [f"{name}_from", f"{name}_to"]
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

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add the row's links to the page."""
        row = kwargs.get("obj")
        if row is not None:
            links = [*registry.links_of(request, row), _audit_link(row)]
            context["detail_links"] = [link for link in links if is_allowed(request, link.permission)]
            # The audit log knows more: changes by the API, by keys and by the product too.
            context["show_history"] = False
        return super().render_change_form(request, context, *args, **kwargs)


class ReadOnlyAdmin(OrganizationAdmin):
    """Pages of rows that only the machine makes. Big tables: no counting."""

    paginator = UncountedPaginator
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


class OrganizationTabularInline(OrganizationScope, unfold.TabularInline):
    """Related rows as a table."""

    form = OrganizationForm
    formset = OrganizationInlineFormSet
    extra = 0

    def get_formset(
        self, request: HttpRequest, obj: Any = None, **kwargs: Any
    ) -> type[BaseInlineFormSet[Any, Any, Any]]:
        """Return a formset class of this request's organization."""
        return _scoped_formset(super().get_formset(request, obj, **kwargs), request)


class OrganizationStackedInline(OrganizationScope, unfold.StackedInline):
    """Related rows one below the other."""

    form = OrganizationForm
    formset = OrganizationInlineFormSet
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


def _audit_link(row: Model) -> registry.DetailLink:
    query = urlencode({"object_type": row._meta.label_lower, "object_id": row.pk})
    url = f"{reverse('admin:core_auditentry_changelist')}?{query}"
    return registry.DetailLink("History", url, "history", "teams.view_audit")


def _by_field(error: ValidationError) -> dict[str, list[str]]:
    return dict(error.message_dict) if hasattr(error, "error_dict") else {"": list(error.messages)}


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
