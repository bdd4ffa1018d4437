"""Messages, with the attempts to send them and what the vendor said."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import DetailLink, ReadOnlyAdmin, ReadOnlyInline, link_on, register
from chatboost.core.admin.display import choice_label, json_block, shortened
from chatboost.core.admin.filters import ChoicesDropdownFilter, DayRangeFilter, OrganizationRelatedFilter
from chatboost.messaging.admin.badges import CHANNEL_SECRETS, channel_words
from chatboost.messaging.models import DeliveryStatus, Direction, Message, SendAttempt


class AttemptInline(ReadOnlyInline):
    """Each call to the vendor."""

    model = SendAttempt
    permission_model = Message
    fields = readonly_fields = (
        "number",
        "state_label",
        "started_at",
        "finished_at",
        "error_code",
        "error_detail",
    )
    ordering = ("number",)
    verbose_name_plural = "attempts to send"

    state_label = choice_label("state")


class StatusInline(ReadOnlyInline):
    """Each status the vendor reported."""

    model = DeliveryStatus
    permission_model = Message
    fields = readonly_fields = ("status", "occurred_at", "received_at", "error_code", "error_detail")
    ordering = ("occurred_at", "id")
    verbose_name_plural = "statuses from the vendor"


@register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Messages of all conversations, newest first."""

    list_display = (
        "text_line",
        "direction_label",
        "status_label",
        "contact",
        "channel_name",
        "origin",
        "created_at",
    )
    list_filter = (
        ("direction", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("origin_kind", ChoicesDropdownFilter),
        ("bot", OrganizationRelatedFilter),
        ("created_at", DayRangeFilter),
    )
    allowed_lookups = ("conversation__id__exact", "contact__id__exact")
    search_fields = ("external_id__exact", "contact__phone__startswith")
    search_help_text = "Phone number, or the vendor’s message id"
    list_select_related = ("contact", "channel")
    list_filter_submit = True
    ordering = ("-id",)
    empty_hint = "Write to a bot on its simulated phone (Bots, Open the chat), and the first messages appear."
    inlines = (AttemptInline, StatusInline)
    fieldsets = (
        (None, {"fields": ("text", ("direction_label", "status_label"), ("reason", "reason_detail"))}),
        ("Where", {"fields": (("bot", "channel"), ("contact", "conversation"), "origin")}),
        (
            "When",
            {"fields": (("created_at", "sent_at"), ("delivered_at", "read_at"))},
        ),
        ("Content", {"fields": ("type", "content_json", "external_id", "reply_to_external_id", "uuid")}),
    )

    status_label = choice_label("status")
    direction_label = choice_label("direction", {"inbound": "info", "outbound": "default"})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the channels' secrets where they are."""
        return super().get_queryset(request).defer(*CHANNEL_SECRETS)

    def row_title(self, row: Message) -> str:
        """Say who wrote to whom."""
        return f"{'From' if row.direction == Direction.INBOUND else 'To'} {row.contact}"

    @display(description="text")
    def text_line(self, message: Message) -> str:
        """Show the start of the text."""
        return shortened(message.text) or f"[{message.type}]"

    @display(description="channel")
    def channel_name(self, message: Message) -> SafeString:
        """Name the channel."""
        return channel_words(message.channel)

    @display(description="written by", ordering="origin_kind")
    def origin(self, message: Message) -> str:
        """Say who wrote it."""
        return message.get_origin_kind_display()

    @display(description="content")
    def content_json(self, message: Message) -> Any:
        """Show the whole content."""
        return json_block(message.content)


@link_on(Message)
def _thread_link(request: HttpRequest, message: Message) -> DetailLink:
    url = reverse("admin:messaging_conversation_thread", args=[message.conversation_id])
    return DetailLink("Open the conversation", url, "forum", "messaging.view_message")
