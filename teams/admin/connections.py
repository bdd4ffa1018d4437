"""Pages of the accounts at Google that the organization has connected."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from unfold import widgets
from unfold.decorators import display

from chatboost.core.admin import DetailAction, OrganizationAdmin, register
from chatboost.core.admin.display import EMPTY, choice_label
from chatboost.core.admin.filters import ChoicesDropdownFilter
from chatboost.core.admin.forms import OrganizationForm
from chatboost.core.admin.scoping import is_allowed, organization_of
from chatboost.core.errors import DomainError
from teams import google
from teams.google import registration
from teams.models import AccountKind, AccountState, ConnectedAccount, Purpose, User
from teams.providers.google_keys import FIELD, MAX_CHARACTERS
from teams.services import connections, consent, google_access
from teams.services.consent import Visitor

ICONS = {Purpose.DRIVE: "add_to_drive", Purpose.CALENDAR: "calendar_add_on"}
NOT_OFFERED = (
    "People’s accounts can be connected once this installation is registered at Google: whoever runs it sets "
    "GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET. A service account needs no registration."
)
HOW = (
    "A service account has no storage of its own: Google refuses its files, unless they go to a Shared "
    "Drive. Make the account’s e-mail a content manager of one, then hand in the key and that drive’s id."
)


class ServiceAccountForm(OrganizationForm):
    """A service account: its key, which is never shown again, and where its files go."""

    is_saved_by_service: ClassVar[bool] = True
    error_fields: ClassVar[Mapping[str, str]] = {FIELD: "key_file"}

    key_file = forms.FileField(
        label="Key",
        widget=widgets.UnfoldAdminFileFieldWidget(attrs={"accept": ".json,application/json"}),
        help_text="The JSON file that Google hands out for the service account.",
    )

    class Meta:
        model = ConnectedAccount
        fields = ("shared_drive_id", "folder_id")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, words in (
            ("shared_drive_id", "The end of the Shared Drive’s address, or all of it."),
            ("folder_id", "Optional: a folder of that drive."),
        ):
            if name in self.fields:
                field: Any = self.fields[name]
                field.help_text, field.max_length, field.validators = words, None, []
                field.widget.attrs.pop("maxlength", None)


@register(ConnectedAccount)
class ConnectedAccountAdmin(OrganizationAdmin):
    """Accounts of the organization. They are connected at Google, and by the keys of service accounts."""

    form = ServiceAccountForm
    list_display = ("account", "purpose_label", "kind", "state_label", "error", "connected_at")
    list_filter = (("purpose", ChoicesDropdownFilter), ("state", ChoicesDropdownFilter))
    list_select_related = ("connected_by",)
    search_fields = ("email",)
    ordering = ("-id",)
    list_before_template = "teams/connect_note.html"
    empty_hint = "Nothing is connected. With Google Drive, files that are made here can go there."
    page_permissions = {"teams_connectedaccount_connect": connections.MANAGE}
    detail_actions = (
        DetailAction(
            name="reconnect",
            label="Reconnect",
            permission=connections.MANAGE,
            icon="sync",
            is_primary=True,
        ),
        DetailAction(name="ask_google", label="Check", permission=connections.MANAGE, icon="network_check"),
        DetailAction(
            name="disconnect",
            label="Disconnect",
            permission=connections.MANAGE,
            icon="link_off",
            confirm="What needs this account stops until it is connected again. Disconnect it?",
        ),
    )

    purpose_label = choice_label("purpose", {})
    state_label = choice_label("state")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for a key, or show what is known of an account."""
        if obj is None:
            entered = ("key_file", "shared_drive_id", "folder_id")
            return [(None, {"fields": entered, "description": HOW})]
        drive = (("shared_drive_id", "folder_id"),) if obj.kind == AccountKind.SERVICE_ACCOUNT else ()
        known = (("email", "purpose"), ("state_label", "kind"), "error", "may", *drive)
        times = (("connected_at", "connected_by"), ("refreshed_at", "paused_until"), "ended_at")
        return [(None, {"fields": known}), ("When", {"fields": times})]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave what opens the accounts where it is."""
        return super().get_queryset(request).defer("refresh_token", "access_token", "service_account_key")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the role may connect a service account."""
        return is_allowed(request, connections.MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits an account: it is connected again, or disconnected."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes an account: what it was used for names it."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer what can be connected."""
        context = {**_offers(request), **(extra_context or {})}
        return _leading_to_google(super().changelist_view(request, context))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Call the page what it is for."""
        context = {"title": "Add a service account", **(extra_context or {})}
        return super().add_view(request, form_url, context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Let the button lead to Google."""
        return _leading_to_google(super().change_view(request, object_id, form_url, extra_context))

    def save_model(self, request: HttpRequest, obj: ConnectedAccount, form: Any, change: bool) -> None:
        """Store the service account through the service."""
        entered = form.cleaned_data
        saved = connections.add_service_account(
            organization=organization_of(request),
            service_account_key=entered["key_file"].read(MAX_CHARACTERS + 1).decode("utf-8", "replace"),
            shared_drive_id=entered["shared_drive_id"],
            folder_id=entered["folder_id"],
            actor=request.user,
        )
        obj.__dict__.update(saved.__dict__)

    def get_urls(self) -> list[URLPattern]:
        """Add the address that leads to Google."""
        view = self.admin_site.admin_view(require_POST(self.connect_view))
        connect = path("connect/<slug:purpose>/", view, name="teams_connectedaccount_connect")
        return [connect, *super().get_urls()]

    def connect_view(self, request: HttpRequest, purpose: str) -> HttpResponse:
        """Send the browser to Google."""
        if not is_allowed(request, connections.MANAGE):
            raise PermissionDenied
        try:
            return _to_google(request, purpose)
        except DomainError as refusal:
            messages.error(request, refusal.message)
        return HttpResponseRedirect(self.url("changelist"))

    def is_shown(self, action: DetailAction, obj: ConnectedAccount) -> bool:
        """Only a person's account can be connected again at Google; what is disconnected is left alone."""
        if action.name == "reconnect":
            return obj.kind == AccountKind.OAUTH and registration.is_offered()
        return obj.state != AccountState.REVOKED

    def reconnect(self, request: HttpRequest, account: ConnectedAccount) -> HttpResponse:
        """Send the browser to Google, for the same account."""
        return _to_google(request, account.purpose, login_hint=account.email)

    def ask_google(self, request: HttpRequest, account: ConnectedAccount) -> None:
        """Ask Google whether it still lets us in."""
        google_access.check(account)
        messages.success(request, "Google lets us in.")

    def disconnect(self, request: HttpRequest, account: ConnectedAccount) -> None:
        """End the use of it."""
        connections.disconnect(account, actor=request.user)
        messages.success(request, "The account is disconnected.")

    @display(description="account", ordering="email")
    def account(self, account: ConnectedAccount) -> str:
        """Name it."""
        return str(account)

    @display(description="may")
    def may(self, account: ConnectedAccount) -> str:
        """Say what Google lets us do, by the last word of each scope."""
        return ", ".join(scope.rpartition("/")[2] for scope in account.scopes) or EMPTY


def _offers(request: HttpRequest) -> dict[str, Any]:
    if not is_allowed(request, connections.MANAGE):
        return {}
    key_url = reverse("admin:teams_connectedaccount_add")
    if not registration.is_offered():
        return {"connect_hint": NOT_OFFERED, "key_url": key_url}
    return {
        "key_url": key_url,
        "connect_buttons": [
            (
                f"Connect {purpose.label}",
                ICONS[purpose],
                reverse("admin:teams_connectedaccount_connect", args=[purpose]),
            )
            for purpose in (Purpose.DRIVE, Purpose.CALENDAR)
        ],
    }


def _leading_to_google(response: HttpResponse) -> HttpResponse:
    """Let the page's forms end at Google: browsers hold redirects of a form to the page's policy."""
    if registration.is_offered():
        google.let_forms_lead_there(response)
    return response


def _to_google(request: HttpRequest, purpose: str, *, login_hint: str = "") -> HttpResponse:
    assert isinstance(request.user, User)
    visitor = Visitor(request.user, organization_of(request), request.session.session_key or "")
    return HttpResponseRedirect(consent.begin(visitor, purpose=purpose, login_hint=login_hint))
