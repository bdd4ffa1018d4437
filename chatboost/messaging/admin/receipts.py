"""Webhook receipts: what vendors delivered, as it came."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from chatboost.core.admin import ReadOnlyAdmin, register
from chatboost.core.admin.display import choice_label, json_block, shortened
from chatboost.core.admin.filters import ChoicesDropdownFilter, DayRangeFilter, OrganizationRelatedFilter
from chatboost.messaging.admin.badges import CHANNEL_SECRETS, channel_words
from chatboost.messaging.models import ReceiptKind, WebhookReceipt

KIND_COLOURS = {ReceiptKind.MESSAGE: "info", ReceiptKind.STATUS: "default", ReceiptKind.OTHER: "warning"}


@register(WebhookReceipt)
class WebhookReceiptAdmin(ReadOnlyAdmin):
    """Receipts, newest first."""

    list_display = ("key_line", "kind_label", "channel_name", "received_at")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("channel", OrganizationRelatedFilter),
        ("received_at", DayRangeFilter),
    )
    list_filter_submit = True
    search_fields = ("key__exact",)
    list_select_related = ("channel",)
    ordering = ("-id",)
    empty_hint = "What WhatsApp delivers appears here as it came. The home page says where it delivers to."
    fields = ("key", "kind_label", "channel", "received_at", "payload_json")

    kind_label = choice_label("kind", KIND_COLOURS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the channels' secrets where they are."""
        return super().get_queryset(request).defer(*CHANNEL_SECRETS)

    def row_title(self, row: WebhookReceipt) -> str:
        """Say what it is."""
        return f"{row.get_kind_display()} {shortened(row.key, 32)}"

    @display(description="key")
    def key_line(self, receipt: WebhookReceipt) -> str:
        """Show the start of the key."""
        return shortened(receipt.key, 48)

    @display(description="channel")
    def channel_name(self, receipt: WebhookReceipt) -> SafeString:
        """Name the channel."""
        return channel_words(receipt.channel)

    @display(description="payload")
    def payload_json(self, receipt: WebhookReceipt) -> Any:
        """Show what came."""
        return json_block(receipt.payload)
