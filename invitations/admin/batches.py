"""Batches: how far they are, every card as a thumbnail, and why it waits when it waits."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.cache import get_conditional_response
from django.utils.crypto import salted_hmac
from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import BulkAction, DetailAction, OrganizationAdmin, register
from chatboost.core.admin.display import EMPTY, choice_label, link
from chatboost.core.admin.filters import ChoicesDropdownFilter, DayRangeFilter, OrganizationRelatedFilter
from chatboost.core.admin.forms import OrganizationForm
from chatboost.core.admin.pagination import UncountedPaginator
from invitations.admin import shown, source_forms
from invitations.admin.asked import CHANGE_BATCHES, VIEW_BATCHES
from invitations.choices import UNFINISHED, BatchState, InvitationState
from invitations.models import InvitationBatch
from invitations.services import batches as services
from invitations.services import reports

SECRETS = (
    *(f"source__{name}" for name in ("password", "client_secret", "access_token", "webhook_secret")),
    *(f"account__{name}" for name in ("refresh_token", "access_token", "service_account_key")),
)
# Which buttons make sense in which state.
OFFERED: Mapping[str, frozenset[str]] = {
    "start": frozenset({BatchState.DRAFT}),
    "pause": frozenset({BatchState.RUNNING}),
    "resume": frozenset({BatchState.PAUSED}),
    "cancel": frozenset({BatchState.DRAFT, *UNFINISHED}),
    "report": frozenset({*BatchState} - {BatchState.DRAFT}),
}
READ = (
    "source_link",
    "layout_link",
    "account_link",
    "numbers",
    "folder",
    "begun_by",
    "created_at",
    "started_at",
    "finished_at",
)


class BatchForm(OrganizationForm):
    """A new batch: whose contacts, and whether it is for real. The source says the rest."""

    is_saved_by_service = True

    class Meta:
        model = InvitationBatch
        fields = ("source", "name", "is_dry_run", "changed_since", *services.PLAN)
        help_texts = {"name": "What colleagues call it. Left empty, the source’s name and the day."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:
            self.fields["name"].required = False


@register(InvitationBatch)
class InvitationBatchAdmin(OrganizationAdmin):
    """Batches of the organization, the newest first."""

    form = BatchForm
    paginator = UncountedPaginator
    show_full_result_count = False
    list_display = ("name", "state_label", "progress", "failed", "source_name", "kind_of_run", "created_at")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("source", OrganizationRelatedFilter),
        ("created_at", DayRangeFilter),
    )
    list_filter_submit = True
    search_fields = ("name__icontains", "uuid__exact")
    search_help_text = "Name or batch id"
    ordering = ("-id",)
    empty_hint = "Run a source, and the cards of its contacts appear here, with how far they are."
    change_form_outer_before_template = "invitations/batch.html"
    delete_confirmation_template = "invitations/delete_batch.html"
    detail_actions = (
        DetailAction(
            name="start",
            label="Start",
            permission=CHANGE_BATCHES,
            icon="play_arrow",
            confirm="Make the cards of this batch?",
            is_primary=True,
        ),
        DetailAction(
            name="resume", label="Resume", permission=CHANGE_BATCHES, icon="resume", is_primary=True
        ),
        DetailAction(
            name="retry_failed",
            label="Try failed ones again",
            permission=CHANGE_BATCHES,
            icon="refresh",
            confirm="Try again what failed: fetching contacts, and invitations?",
            is_primary=True,
        ),
        DetailAction(name="pause", label="Pause", permission=CHANGE_BATCHES, icon="pause"),
        DetailAction(
            name="cancel",
            label="Cancel",
            permission=CHANGE_BATCHES,
            icon="cancel",
            confirm="Cancel this batch? Cards that are done, and their links, stay. It can’t be resumed.",
        ),
        DetailAction(name="report", label="Report", permission=VIEW_BATCHES, icon="table_view"),
    )
    bulk_actions = (
        BulkAction(
            name="cancel_selected",
            label="Cancel",
            permission=CHANGE_BATCHES,
            confirm="Cards that are done, and their links, stay. A cancelled batch can’t be resumed.",
            run=lambda row, actor: services.cancel(row, actor=actor),
        ),
    )

    state_label = choice_label("state")

    class Media:
        css = {"all": ["core/jobs.css", "invitations/invitations.css"]}
        js = [Script("invitations/batch.js", type="module"), Script("invitations/needs.js", type="module")]

    @property
    def page_permissions(self) -> Mapping[str, str]:
        """What the further pages ask."""
        return {"invitations_invitationbatch_cards": VIEW_BATCHES}

    def get_urls(self) -> list[URLPattern]:
        """Add the part of a page that moves."""
        view = self.admin_site.admin_view(self.cards_view)
        cards = path("<int:pk>/cards/", view, name="invitations_invitationbatch_cards")
        return [cards, *super().get_urls()]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only a draft can be changed."""
        return (obj is None or obj.state == BatchState.DRAFT) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What is under way is cancelled first."""
        is_over = obj is None or obj.state not in UNFINISHED
        return is_over and super().has_delete_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for little; show how its cards are made, and when."""
        if obj is None:
            return [(None, {"fields": ("source", "name", "is_dry_run", "changed_since")})]
        if self.has_change_permission(request, obj):
            return [
                (None, {"fields": ("source_link", "name", "changed_since")}),
                ("How its cards are made", {"fields": source_forms.PLAN}),
            ]
        return [
            (
                "How its cards are made",
                {
                    "fields": (
                        ("source_link", "layout_link"),
                        ("storage", "account_link"),
                        ("numbers", "notices"),
                        "folder",
                    )
                },
            ),
            ("When", {"fields": (("begun_by", "created_at"), ("started_at", "finished_at"))}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A batch keeps its source; what has begun is read."""
        return READ

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Take a source from the address, if it is the organization's."""
        found = super().get_changeform_initial_data(request)
        source = found.get("source", "")
        return {"source": source} if source.isascii() and source.isdigit() and len(source) < 19 else {}

    def get_queryset(self, request: HttpRequest) -> Any:
        """Bring the source and the account, which say why a batch waits, without their secrets."""
        return super().get_queryset(request).select_related("source", "account").defer(*SECRETS)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add what moves."""
        context["show_save_and_add_another"] = False
        if (row := kwargs.get("obj")) is not None:
            context |= self._moving(request, row)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: InvitationBatch, form: Any, change: bool) -> None:
        """Make or change a draft through the service."""
        given = dict(form.cleaned_data)
        if change:
            saved = services.change(obj, actor=request.user, **given)
        else:
            saved = services.create(actor=request.user, **given)
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: InvitationBatch) -> None:
        """Delete through the service, with the cards that are kept here."""
        services.delete(obj, actor=request.user)

    def response_add(
        self, request: HttpRequest, obj: InvitationBatch, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Lead to its page: it is started there."""
        self.message_user(request, "The batch is a draft. Start it when you are ready.")
        return HttpResponseRedirect(self.url("change", obj.pk))

    def cards_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the part that moves alone, for a page that is open; 304 while nothing has changed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, str(pk))
        if row is None:
            raise Http404("No such batch.")
        response = render(request, self.change_form_outer_before_template, self._moving(request, row))
        etag = f'"{salted_hmac("invitations.batch", response.content).hexdigest()}"'
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        return get_conditional_response(request, etag=etag, response=response) or response

    def is_shown(self, action: DetailAction, obj: InvitationBatch) -> bool:
        """Offer what is possible now."""
        if action.name == "retry_failed":
            has_failed = obj.failed_count or obj.fetch_error
            return bool(has_failed) and obj.state not in (*services.CLOSED, BatchState.PAUSED)
        return obj.state in OFFERED[action.name]

    def start(self, request: HttpRequest, row: InvitationBatch) -> None:
        """Begin."""
        services.start(row, actor=request.user)
        self.message_user(request, "Started.")

    def pause(self, request: HttpRequest, row: InvitationBatch) -> None:
        """Begin nothing new for now."""
        services.pause(row, actor=request.user)
        self.message_user(request, "Paused. What is under way ends.")

    def resume(self, request: HttpRequest, row: InvitationBatch) -> None:
        """Go on."""
        services.resume(row, actor=request.user)
        self.message_user(request, "It goes on.")

    def cancel(self, request: HttpRequest, row: InvitationBatch) -> None:
        """End the batch."""
        services.cancel(row, actor=request.user)
        self.message_user(request, "Cancelled.")

    def retry_failed(self, request: HttpRequest, row: InvitationBatch) -> None:
        """Try what failed again."""
        services.retry_failed(row, actor=request.user)
        self.message_user(request, "What failed is tried again.")

    def report(self, request: HttpRequest, row: InvitationBatch) -> HttpResponse:
        """Have the report made, and show the job: its result is the file."""
        job = reports.start(row, actor=request.user)
        return HttpResponseRedirect(reverse("admin:core_job_change", args=[job.pk]))

    def _moving(self, request: HttpRequest, row: InvitationBatch) -> dict[str, Any]:
        only = request.GET.get("only", "")
        only = only if only in InvitationState.values else ""
        page = shown.tiles(row, only=only, page=_number(request.GET.get("page")))
        query = f"?only={only}&page={page.number}" if only else f"?page={page.number}"
        waits, tone = shown.waiting(row)
        return {
            "batch": row,
            "batch_is_open": row.state in UNFINISHED,
            "batch_needs": source_forms.needs(),
            "batch_label": self.state_label(row),
            "batch_bar": shown.bar(row),
            "batch_figures": shown.figures(row),
            "batch_waits": waits,
            "batch_tone": tone,
            "batch_page": page,
            "batch_only": only,
            "batch_states": shown.state_counts(row),
            "batch_url": f"{self.url('cards', row.pk)}{query}",
            "batch_page_url": self.url("change", row.pk),
        }

    @display(description="progress")
    def progress(self, row: InvitationBatch) -> SafeString:
        """Draw the bar."""
        return render_to_string("core/job_bar.html", shown.bar(row))

    @display(description="failed", ordering="failed_count")
    def failed(self, row: InvitationBatch) -> str:
        """Count what could not be done."""
        return f"{row.failed_count:,}" if row.failed_count else EMPTY

    @display(description="source", ordering="source__name")
    def source_name(self, row: InvitationBatch) -> str:
        """Name whose contacts they are."""
        return row.source.name

    @display(description="run")
    def kind_of_run(self, row: InvitationBatch) -> str:
        """Say what it began with, and whether it is for real."""
        return "Dry run" if row.is_dry_run else row.get_origin_display()

    @display(description="source")
    def source_link(self, row: InvitationBatch) -> SafeString | str:
        """Link to the source."""
        return link(row.source)

    @display(description="layout")
    def layout_link(self, row: InvitationBatch) -> SafeString | str:
        """Link to the version that its cards are made with."""
        if row.layout_version is not None:
            return link(row.layout_version.layout, f"{row.layout_version.layout}, {row.layout_version}")
        return link(row.layout) if row.layout else "The layout that comes with ChatBoost"

    @display(description="account")
    def account_link(self, row: InvitationBatch) -> SafeString | str:
        """Link to whose Drive it is."""
        return link(row.account)

    @display(description="lucky numbers")
    def numbers(self, row: InvitationBatch) -> str:
        """Say where the numbers come from."""
        words = row.get_lucky_mode_display()
        counted = row.lucky_mode in ("sequential", "random")
        return f"{words}, {row.lucky_first:,} to {row.lucky_last:,}" if counted else words

    @display(description="folder on Drive")
    def folder(self, row: InvitationBatch) -> SafeString | str:
        """Show where the cards are."""
        return (
            render_to_string("invitations/outside_link.html", {"url": row.folder_url})
            if row.folder_url
            else EMPTY
        )

    @display(description="begun by")
    def begun_by(self, row: InvitationBatch) -> str:
        """Name whoever or whatever began it."""
        return row.actor_label or row.get_origin_display()


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else 1
