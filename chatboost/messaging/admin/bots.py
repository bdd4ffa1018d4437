"""Bots with their channels."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import BulkAction, DetailLink, OrganizationAdmin, ReadOnlyInline, link_on, register
from chatboost.core.admin.display import EMPTY, choice_label, flag, link
from chatboost.messaging.admin.badges import SECRETS, channel_words
from chatboost.messaging.models import Bot, Channel
from chatboost.messaging.services import bots


class ChannelInline(ReadOnlyInline):
    """A bot's channels; each is changed on its own page."""

    model = Channel
    fields = readonly_fields = ("page", "kind", "address", "active", "health_label")
    verbose_name_plural = "channels"

    active = flag("is_active", "active")
    health_label = choice_label("health")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the secrets where they are."""
        return super().get_queryset(request).defer(*SECRETS)

    @display(description="channel")
    def page(self, channel: Channel) -> SafeString | str:
        """Link to the channel's page."""
        return link(channel)


@register(Bot)
class BotAdmin(OrganizationAdmin):
    """A bot's page: what it is called, whether it answers, and through which channels."""

    list_display = ("name", "channel_list", "chat", "active", "whatsapp", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name__icontains",)
    ordering = ("name", "id")
    empty_hint = "Add a bot: it answers people by the flows that you give it."
    fields = ("name", "description", "is_active", "is_whatsapp_enabled")
    inlines = (ChannelInline,)
    active = flag("is_active", "active")
    whatsapp = flag("is_whatsapp_enabled", "WhatsApp")
    bulk_actions = (
        BulkAction(
            name="switch_on_selected",
            label="Switch on",
            permission="messaging.change_bot",
            confirm="These bots answer again.",
            run=lambda bot, actor: not bot.is_active and bots.update(bot, is_active=True, actor=actor),
        ),
        BulkAction(
            name="switch_off_selected",
            label="Switch off",
            permission="messaging.change_bot",
            confirm="These bots answer nobody. People can still read and write in their conversations.",
            run=lambda bot, actor: bot.is_active and bots.update(bot, is_active=False, actor=actor),
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the channels along."""
        channels = Prefetch("channels", Channel.objects.defer(*SECRETS))
        return super().get_queryset(request).prefetch_related(channels)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show channels once there is a bot to have them."""
        return self.inlines if obj else ()

    def save_model(self, request: HttpRequest, obj: Bot, form: Any, change: bool) -> None:
        """Save through the service, which opens the simulated phone beside a new bot."""
        values = {name: form.cleaned_data[name] for name in self.fields}
        if change:
            bots.update(obj, actor=request.user, **values)
            return
        organization = request.organization  # type: ignore[attr-defined]
        saved = bots.create(organization=organization, actor=request.user, **values)
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: Bot) -> None:
        """Delete through the service."""
        bots.delete(obj, actor=request.user)

    @display(description="channels")
    def channel_list(self, bot: Bot) -> SafeString | str:
        """Name the channels."""
        return (
            format_html_join(", ", "{}", ((channel_words(channel),) for channel in bot.channels.all()))
            or EMPTY
        )

    @display(description="try it")
    def chat(self, bot: Bot) -> SafeString:
        """Link to the simulated phone."""
        url = reverse("admin:messaging_bot_chat", args=[bot.pk])
        return format_html('<a href="{}" class="cb-link">Open the chat</a>', url)


@link_on(Bot)
def _channels_link(request: HttpRequest, bot: Bot) -> DetailLink:
    url = f"{reverse('admin:messaging_channel_changelist')}?bot__id__exact={bot.pk}"
    return DetailLink("Channels", url, "settings_phone", "messaging.view_channel")
