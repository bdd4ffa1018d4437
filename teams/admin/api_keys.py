"""Pages of API keys: made, shown once, revoked."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from chatboost.core import clock
from chatboost.core.admin import BulkAction, DetailAction, OrganizationAdmin, register
from chatboost.core.admin.display import EMPTY, state_label
from chatboost.core.admin.forms import OrganizationForm
from chatboost.core.admin.scoping import is_allowed
from teams import roles
from teams.models import ApiKey
from teams.roles import Role
from teams.services import api_keys

MANAGE = "teams.manage_keys"

HELP = {
    "name": "What uses the key, such as “Shop backend”.",
    "role": "The key can't hold more than you do.",
    "expires_at": "Empty: it works until it is revoked.",
}


class ApiKeyForm(OrganizationForm):
    """A new key."""

    scopes = forms.MultipleChoiceField(
        choices=lambda: [(name, name) for name in roles.permissions_of(Role.OWNER)],
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text="Permissions out of what the role holds. None: everything the role holds.",
    )

    class Meta:
        model = ApiKey
        fields = ("name", "role", "scopes", "expires_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # In Meta they would stand below the values of an old key too.
        for name, help_text in HELP.items():
            if name in self.fields:
                self.fields[name].help_text = help_text


@register(ApiKey)
class ApiKeyAdmin(OrganizationAdmin):
    """Keys of the organization. Their text is nowhere but in the message after saving."""

    form = ApiKeyForm
    list_display = ("name", "shown_prefix", "role", "state_label", "last_used_at", "created_at")
    list_select_related = ("created_by",)
    list_filter = ("role",)
    search_fields = ("name", "prefix")
    ordering = ("-id",)
    empty_hint = "A program that uses the API needs a key. Its text is shown once, when it is made."
    detail_actions = (
        DetailAction(
            name="revoke",
            label="Revoke",
            permission=MANAGE,
            icon="key_off",
            confirm="Programs that use this key stop working at once. Revoke it?",
        ),
    )

    bulk_actions = (
        BulkAction(
            name="revoke_selected",
            label="Revoke",
            permission=MANAGE,
            confirm="Programs that use these keys stop working at once. A revoked key never works again.",
            run=lambda key, actor: key.revoked_at is None and api_keys.revoke(key, actor=actor),
            is_dangerous=True,
        ),
    )

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Return what is asked of a new key, or shown of an old one."""
        if obj is None:
            return ("name", "role", "scopes", "expires_at")
        return (
            "name",
            "shown_prefix",
            "role",
            "held",
            "state",
            "expires_at",
            "maker",
            "created_at",
            "last_used_at",
        )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the role may make keys."""
        return is_allowed(request, MANAGE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes a key: revoke it and make another."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes a key: what it did stays explainable."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Make the key through the service, and show its text this once."""
        key, text = api_keys.create(
            organization=request.organization,  # type: ignore[attr-defined]
            name=obj.name,
            role=obj.role,
            scopes=form.cleaned_data["scopes"],
            expires_at=obj.expires_at,
            actor=request.user,
        )
        obj.pk = key.pk
        obj.refresh_from_db()
        notice = "Copy the key now, it is not shown again: <code class='cb-copy'>{}</code>"
        messages.warning(request, format_html(notice, text))

    def is_shown(self, action: DetailAction, obj: ApiKey) -> bool:
        """A key is revoked once."""
        return obj.revoked_at is None

    def revoke(self, request: HttpRequest, key: ApiKey) -> None:
        """End the key at once."""
        api_keys.revoke(key, actor=request.user)
        self.message_user(request, f"{key.name} is revoked.")

    @display(description="key")
    def shown_prefix(self, key: ApiKey) -> str:
        """Show the part of the key that is no secret."""
        return f"cb_{key.prefix}_…"

    @display(description="permissions")
    def held(self, key: ApiKey) -> str:
        """Name what the key may do."""
        return ", ".join(key.scopes) or "Everything the role holds"

    @display(description="created by")
    def maker(self, key: ApiKey) -> str:
        """Name who made the key."""
        return key.created_by.get_full_name() if key.created_by else EMPTY

    @display(description="state")
    def state(self, key: ApiKey) -> str:
        """Tell whether the key works."""
        if key.revoked_at is not None:
            return "Revoked"
        is_expired = key.expires_at is not None and key.expires_at <= clock.now()
        return "Expired" if is_expired else "Active"

    @display(description="state")
    def state_label(self, key: ApiKey) -> SafeString:
        """Tell it in colour, for the list."""
        return state_label(self.state(key).lower())
