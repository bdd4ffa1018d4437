"""Sources: where contacts come from, whether we are let in, and runs at the press of a button."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from chatboost.core.admin import BulkAction, DetailAction, OrganizationAdmin, register
from chatboost.core.admin.filters import ChoicesDropdownFilter
from chatboost.core.admin.scoping import is_allowed, organization_of
from chatboost.core.errors import DomainError
from invitations.admin import source_forms, states, uploading
from invitations.admin.asked import CHANGE_BATCHES, CHANGE_SOURCES
from invitations.admin.source_checks import CheckPages
from invitations.choices import SourceKind
from invitations.models import InvitationBatch, InvitationSource
from invitations.services import batches
from invitations.services import sources as services

# What a sandbox is called that is made without a question.
SANDBOX = "Sandbox"


@register(InvitationSource)
class InvitationSourceAdmin(CheckPages, OrganizationAdmin):
    """Sources of the organization."""

    form = source_forms.SourceForm
    list_display = ("name", "kind_words", "audience_words", "state_label", "looked_at")
    list_filter = (("kind", ChoicesDropdownFilter), "is_enabled")
    search_fields = ("name__icontains",)
    ordering = ("name", "id")
    empty_hint = "Connect a Mautic, hand a table in, or try it with a sandbox: fifty made-up people."
    change_list_template = "invitations/sources.html"
    change_form_outer_before_template = "invitations/source.html"
    detail_actions = (
        DetailAction(
            name="run_now",
            label="Run now",
            permission=CHANGE_BATCHES,
            icon="play_arrow",
            confirm="Make cards for all contacts that have no link yet, and write the links back?",
            is_primary=True,
        ),
        DetailAction(name="dry_run", label="Dry run on five", permission=CHANGE_BATCHES, icon="science"),
        DetailAction(
            name="check_connection", label="Check connection", permission=CHANGE_SOURCES, icon="verified"
        ),
        DetailAction(
            name="renew_secret",
            label="Make a new secret",
            permission=CHANGE_SOURCES,
            confirm="Webhooks that are signed with the secret of before are refused then. Continue?",
        ),
    )
    bulk_actions = (
        BulkAction(
            name="switch_on_selected",
            label="Switch on",
            permission=CHANGE_SOURCES,
            confirm="These sources are looked at again, and their webhooks are taken.",
            run=lambda source, actor: (
                not source.is_enabled and services.change(source, is_enabled=True, actor=actor)
            ),
        ),
        BulkAction(
            name="switch_off_selected",
            label="Switch off",
            permission=CHANGE_SOURCES,
            confirm="Nobody looks for new contacts there until they are switched on again.",
            run=lambda source, actor: (
                source.is_enabled and services.change(source, is_enabled=False, actor=actor)
            ),
        ),
    )

    class Media:
        css = {"all": ["invitations/invitations.css"]}
        js = [Script("invitations/needs.js", type="module")]

    @property
    def page_permissions(self) -> Mapping[str, str]:
        """What the further pages ask."""
        return {
            "invitations_invitationsource_sandbox": CHANGE_SOURCES,
            "invitations_invitationsource_map": CHANGE_SOURCES,
            "invitations_invitationsource_file": CHANGE_SOURCES,
        }

    def get_urls(self) -> list[URLPattern]:
        """Add the sandbox's button, and the mapping."""
        view, name = self.admin_site.admin_view, "invitations_invitationsource"
        file_page = uploading.taking(
            self.file_view, site=self.admin_site, handler=services.TableHandler, refused=self.refused_view
        )
        pages = [
            path("sandbox/", view(require_POST(self.sandbox_view)), name=f"{name}_sandbox"),
            path("<int:pk>/map/", view(require_POST(self.map_view)), name=f"{name}_map"),
            path("<int:pk>/file/", view(file_page), name=f"{name}_file"),
        ]
        return [*pages, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the secrets where they are."""
        return super().get_queryset(request).defer(*source_forms.SECRET_FIELDS, "access_token")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer the sandbox."""
        url = self.url("sandbox") if is_allowed(request, CHANGE_SOURCES) else ""
        return super().changelist_view(request, {"sandbox_url": url, **(extra_context or {})})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for what the kind needs, and at first for no more than lets us in."""
        groups: list[tuple[str | None, Sequence[Any]]] = [
            (None, ("name", "kind_words", "is_enabled") if obj else ("name", "kind")),
            ("Connection", source_forms.CONNECTION),
            ("Contacts", source_forms.AUDIENCE),
        ]
        if obj is not None:
            groups += source_forms.LATER
        is_read = not self.has_change_permission(request, obj)
        hidden = set(source_forms.SECRET_FIELDS.values()) if is_read else set()
        shown = []
        for title, fields in groups:
            kept = [
                each
                for each in fields
                if each not in hidden and (obj is None or source_forms.is_for(obj.kind, str(each)))
            ]
            if kept:
                shown.append((title, {"fields": kept}))
        return shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A source keeps its kind."""
        return ("kind_words",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with a Mautic."""
        return {"kind": SourceKind.MAUTIC, **super().get_changeform_initial_data(request)}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add how it is, its webhook's address, and its last batches."""
        row = kwargs.get("obj")
        context |= {"source": row, "source_needs": source_forms.needs()}
        if row is not None:
            context |= self._about(request, row)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: InvitationSource, form: Any, change: bool) -> None:
        """Save through the service."""
        told = form.changes()
        if change:
            saved = services.change(obj, actor=request.user, **told)
        else:
            saved = services.create(
                organization=organization_of(request),
                kind=form.cleaned_data["kind"],
                actor=request.user,
                **told,
            )
        obj.__dict__.update(saved.__dict__)

    def response_add(
        self, request: HttpRequest, obj: InvitationSource, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Stay: the connection is checked next."""
        next_step = "Hand its table in" if obj.kind == SourceKind.FILE else "Check the connection"
        messages.success(request, f"The source is here. {next_step} next.")
        return HttpResponseRedirect(self.url("change", obj.pk))

    def delete_model(self, request: HttpRequest, obj: InvitationSource) -> None:
        """Delete through the service."""
        services.remove(obj, actor=request.user)

    def is_shown(self, action: DetailAction, obj: InvitationSource) -> bool:
        """A source that is switched off, or has no table yet, runs nothing."""
        # The secret’s button stands beside the secret.
        if action.name in ("renew_secret", "check_connection"):
            return action.name == "check_connection"
        has_contacts = obj.kind != SourceKind.FILE or obj.file_uuid is not None
        return obj.is_enabled and has_contacts

    def run_now(self, request: HttpRequest, source: InvitationSource) -> HttpResponse:
        """Begin a batch of all contacts."""
        return self._begin(request, source, is_dry_run=False)

    def dry_run(self, request: HttpRequest, source: InvitationSource) -> HttpResponse:
        """Begin a batch of five, that uploads nothing."""
        return self._begin(request, source, is_dry_run=True)

    def renew_secret(self, request: HttpRequest, source: InvitationSource) -> None:
        """Make a new secret for webhooks."""
        services.rotate_webhook_secret(source, actor=request.user)
        messages.success(request, "There is a new secret: enter it in Mautic, too.")

    @transaction.atomic
    def _begin(self, request: HttpRequest, source: InvitationSource, *, is_dry_run: bool) -> HttpResponse:
        batch = batches.create(source=source, is_dry_run=is_dry_run, actor=request.user)
        batches.start(batch, actor=request.user)
        messages.success(request, "The dry run has begun." if is_dry_run else "The batch has begun.")
        return HttpResponseRedirect(reverse("admin:invitations_invitationbatch_change", args=[batch.pk]))

    def sandbox_view(self, request: HttpRequest) -> HttpResponse:
        """Make a sandbox, without a question."""
        if not is_allowed(request, CHANGE_SOURCES):
            raise PermissionDenied
        organization = organization_of(request)
        taken = InvitationSource.objects.for_organization(organization).filter(name__startswith=SANDBOX)
        names = set(taken.values_list("name", flat=True))
        name = next(each for each in _numbered(SANDBOX) if each not in names)
        source = services.create(
            organization=organization, kind=SourceKind.SANDBOX, name=name, actor=request.user
        )
        messages.success(request, "Here is a sandbox: fifty made-up people, who get no mail from anybody.")
        return HttpResponseRedirect(self.url("change", source.pk))

    def file_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take the table of a file source."""
        source = self.get_object(request, str(pk))
        if source is None:
            raise Http404("No such source.")
        if not is_allowed(request, CHANGE_SOURCES):
            raise PermissionDenied
        form = source_forms.FileForm(request.POST, request.FILES)
        if not form.is_valid():
            messages.error(request, "Choose a table that is not empty.")
            return HttpResponseRedirect(self.url("change", pk))
        file = form.cleaned_data["file"]
        services.upload(source, file.file, file_name=file.name, actor=request.user)
        messages.success(request, f"{file.name} is taken. “Check connection” shows its columns.")
        return HttpResponseRedirect(self.url("change", pk))

    def refused_view(self, request: HttpRequest, refusal: DomainError, pk: int) -> HttpResponse:
        """Say why a table was not taken."""
        messages.error(request, refusal.message)
        return HttpResponseRedirect(self.url("change", pk))

    def _about(self, request: HttpRequest, row: InvitationSource) -> dict[str, Any]:
        may_change = self.has_change_permission(request, row)
        has_webhook = row.kind == SourceKind.MAUTIC
        takes_file = row.kind == SourceKind.FILE and may_change
        return {
            "source_file_url": self.url("file", row.pk) if takes_file else "",
            "source_file_form": source_forms.FileForm(),
            "source_health": states.health(row),
            "source_webhook": f"{settings.PUBLIC_BASE_URL}/invitations/mautic-webhook/{row.uuid}"
            if has_webhook
            else "",
            "source_renew_url": self.url("action", row.pk, "renew_secret") if may_change else "",
            "source_secret": row.webhook_secret if has_webhook and may_change else "",
            "source_batches": InvitationBatch.objects.filter(source=row).order_by("-id")[:5],
        }

    @display(description="kind", ordering="kind")
    def kind_words(self, source: InvitationSource) -> str:
        """Name the kind."""
        return "Sandbox" if source.kind == SourceKind.SANDBOX else source.get_kind_display()

    @display(description="contacts")
    def audience_words(self, source: InvitationSource) -> str:
        """Say which contacts are meant."""
        return states.audience(source)

    @display(description="state")
    def state_label(self, source: InvitationSource) -> SafeString:
        """Say how it is."""
        return states.health(source).label

    @display(description="last look", ordering="polled_at", empty_value="never")
    def looked_at(self, source: InvitationSource) -> Any:
        """Say when somebody looked for contacts."""
        return source.polled_at or source.checked_at


def _numbered(name: str) -> Iterator[str]:
    """Return the name, then the name with 2, 3, … behind it."""
    yield name
    yield from (f"{name} {number}" for number in itertools.count(2))
