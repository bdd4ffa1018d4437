"""Channels: endpoints of a bot, with credentials that are entered and never shown."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import BulkAction, DetailAction, OrganizationAdmin, register
from chatboost.core.admin.display import choice_label, flag
from chatboost.core.admin.filters import OrganizationRelatedFilter
from chatboost.core.admin.forms import OrganizationForm, SecretField
from chatboost.messaging.admin.badges import channel_words
from chatboost.messaging.models import WHATSAPP_KINDS, Channel, ChannelKind
from chatboost.messaging.providers.base import Rejected, Working
from chatboost.messaging.services import channels

KINDS_ON_ADD = [(ChannelKind.WHATSAPP, "WhatsApp"), (ChannelKind.SIMULATOR, ChannelKind.SIMULATOR.label)]
# The columns can't be edited, so that no form shows them by accident: these fields stand in for them.
SECRET_FIELDS = {name: f"new_{name}" for name in channels.SECRETS}
SECRET_HINTS = {
    "app_secret": "Signs this number's webhooks. Without one the installation's app secret is used.",
    "verify_token": "Meta repeats it when the webhook is registered. Without one the installation's is used.",
}


class ChannelForm(OrganizationForm):
    """A channel with its credentials as write-only fields."""

    is_saved_by_service = True
    error_fields = {"phone_number_id": "external_id", **SECRET_FIELDS}

    new_access_token = SecretField(label="Access token")
    new_app_secret = SecretField(label="App secret")
    new_verify_token = SecretField(label="Verify token")
    clear_secrets = forms.BooleanField(
        required=False, label="Forget the stored credentials", help_text="The channel becomes a sandbox."
    )

    class Meta:
        model = Channel
        fields = ("bot", "kind", "name", "external_id", "address", "is_active", "messages_per_second")
        help_texts = {
            "name": "What colleagues call it. Left empty, its kind.",
            "external_id": "From Meta, under WhatsApp → API setup: a long number, not the phone's own.",
            "address": "The phone number as people know it; filled in by “Check credentials”.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in SECRET_FIELDS.items():
            if field in self.fields:
                state = SecretField(is_set=bool(getattr(self.instance, name))).help_text
                self.fields[field].help_text = f"{state} {SECRET_HINTS.get(name, '')}".strip()
        if "kind" in self.fields:
            self.fields["kind"].choices = KINDS_ON_ADD  # type: ignore[attr-defined]
        for name in {"name", "messages_per_second"} & self.fields.keys():
            self.fields[name].required = False

    def clean_external_id(self) -> str:
        """Refuse what can't stand in a vendor's path."""
        value: str = self.cleaned_data["external_id"]
        channels.validate_phone_number_id(value)
        return value

    def clean(self) -> dict[str, Any] | None:
        """Refuse credentials that a header can't carry."""
        cleaned = super().clean() or {}
        for field in SECRET_FIELDS.values():
            try:
                channels.validate_secret(cleaned.get(field, ""))
            except ValidationError as error:
                self.add_error(field, error)
        return cleaned

    def changes(self) -> dict[str, Any]:
        """Return what the service is to be told; a secret left empty stays as it is."""
        data = self.cleaned_data
        told = {"name": data.get("name"), "address": data.get("address"), "is_active": data.get("is_active")}
        told["phone_number_id"] = data.get("external_id")
        told["messages_per_second"] = data.get("messages_per_second")
        for name, field in SECRET_FIELDS.items():
            told[name] = data.get(field) or ("" if data.get("clear_secrets") else None)
        return told


@register(Channel)
class ChannelAdmin(OrganizationAdmin):
    """A channel's page."""

    form = ChannelForm
    list_display = ("name", "bot", "kind_words", "address", "active", "health_label", "created_at")
    list_filter = (("bot", OrganizationRelatedFilter), "kind", "health")
    search_fields = ("name__icontains", "address__startswith", "external_id__exact")
    list_select_related = ("bot",)
    ordering = ("bot__name", "id")
    empty_hint = "Add a channel to connect a WhatsApp number to one of your bots."
    detail_actions = (
        DetailAction(
            name="check_credentials",
            label="Check credentials",
            permission="messaging.change_channel",
            icon="verified",
        ),
    )

    bulk_actions = (
        BulkAction(
            name="switch_on_selected",
            label="Switch on",
            permission="messaging.change_channel",
            confirm="Messages go out over these channels again.",
            run=lambda channel, actor: (
                not channel.is_active and channels.update(channel, is_active=True, actor=actor)
            ),
        ),
        BulkAction(
            name="switch_off_selected",
            label="Switch off",
            permission="messaging.change_channel",
            confirm="Nothing goes out over these channels until they are switched on again.",
            run=lambda channel, actor: (
                channel.is_active and channels.update(channel, is_active=False, actor=actor)
            ),
        ),
    )

    active = flag("is_active", "active")
    health_label = choice_label("health")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the secrets where they are."""
        return super().get_queryset(request).defer(*channels.SECRETS)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for a number and credentials; show how the vendor reaches us once there is a channel."""
        if obj is not None and obj.kind == ChannelKind.SIMULATOR:
            return [(None, {"fields": ("name", "bot", "kind_words", "is_active")})]
        about = [
            "bot",
            "kind" if obj is None else "kind_words",
            "name",
            "external_id",
            "address",
            "is_active",
            "messages_per_second",
        ]
        secrets = [*SECRET_FIELDS.values(), *(["clear_secrets"] if obj else [])]
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": (*about, "webhook", "health_label", "health_reason")})]
        groups = [
            (None, {"fields": about}),
            ("Credentials", {"fields": secrets, "description": _credentials_hint()}),
        ]
        if obj is not None:
            groups.append(("Webhook", {"fields": ("webhook",)}))
            groups.append(("Health", {"fields": ("health_label", "health_reason")}))
        return groups

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A channel keeps its bot and its kind."""
        always = ("kind_words", "webhook", "health_label", "health_reason")
        return (*always, "bot") if obj else always

    def is_shown(self, action: DetailAction, obj: Channel) -> bool:
        """There is nothing to check about a simulator."""
        return obj.kind in WHATSAPP_KINDS

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        """Save through the service, which makes a channel without an access token a sandbox."""
        changes = form.changes()
        if change:
            saved = channels.update(obj, actor=request.user, **changes)
        else:
            changes = {name: value for name, value in changes.items() if value is not None}
            data = form.cleaned_data
            saved = channels.create(bot=data["bot"], kind=data["kind"], actor=request.user, **changes)
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: Channel) -> None:
        """Delete through the service."""
        channels.delete(obj, actor=request.user)

    def check_credentials(self, request: HttpRequest, channel: Channel) -> None:
        """Ask the vendor whether the credentials work."""
        match channels.check(channel):
            case Working(verified_name=name, display_phone_number=number):
                about = ", ".join(filter(None, [name, number]))
                messages.success(request, f"The credentials work{f': {about}' if about else ''}.")
            case Rejected(error=error):
                messages.error(request, f"The vendor refused: {error.message}")
            case unclear:
                messages.warning(request, f"No clear answer: {unclear.reason}")

    @display(description="kind", ordering="kind")
    def kind_words(self, channel: Channel) -> SafeString:
        """Name the kind, and whether its data is made up."""
        return channel_words(Channel(kind=channel.kind, name=channel.get_kind_display()))

    @display(description="webhook address")
    def webhook(self, channel: Channel) -> SafeString:
        """Say what to enter at Meta."""
        url = f"{settings.PUBLIC_BASE_URL}/whatsapp/webhook/{channel.uuid}"
        return format_html(
            '<code class="cb-copy" data-copy="{}">{}</code><p class="cb-hint">Enter it in Meta’s app under'
            " WhatsApp → Configuration, with the verify token, and subscribe to <b>messages</b>.</p>",
            url,
            url,
        )


def _credentials_hint() -> str:
    return (
        "Stored encrypted and never shown again. "
        "Without an access token the channel is a sandbox: it sends to nobody."
    )
