"""Reading conversations as an inbox shows them."""

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject

from chatboost.messaging.models import Conversation, Message
from chatboost.messaging.selectors.channels import SECRETS


def existing() -> QuerySet[Any]:
    """Return conversations with people who have not been erased; contact, channel and bot come along."""
    return (
        Conversation.objects.filter(contact__erased_at=None)
        .select_related("contact", "channel", "bot")
        .defer(*(f"channel__{name}" for name in SECRETS))
    )


def with_last_message(conversations: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate `last_message`: {"id", "direction", "status", "type", "text"} or None."""
    newest = Message.objects.filter(conversation=OuterRef("pk")).order_by("-id")
    shown = newest.values(
        shown=JSONObject(id="id", direction="direction", status="status", type="type", text="text")
    )
    annotated: QuerySet[Any] = conversations.annotate(last_message=Subquery(shown[:1]))
    return annotated
