"""What lists of this room can be filtered by. A foreign id simply finds nothing."""

from typing import Any

import django_filters as filters
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError

from chatboost.core import clock
from chatboost.core.api.filters import BooleanFilter, FilterSet, IdFilter, MomentFilter, TextFilter
from chatboost.messaging import phones
from chatboost.messaging.models import (
    Bot,
    Channel,
    ChannelHealth,
    ChannelKind,
    Contact,
    ContactStatus,
    Conversation,
    Direction,
    Message,
    MessageStatus,
)


class PhoneFilter(TextFilter):
    """A phone number in any notation."""

    described = {"format": "phone", "maxLength": phones.MAX_TEXT}

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Compare with the stored form. Raises ValidationError for what is no phone number."""
        if not value:
            return qs
        try:
            return super().filter(qs, phones.normalise(value))
        except phones.PhoneError as problem:
            raise ValidationError({self.extra.get("label") or "phone": [str(problem)]}) from problem


class CreatedFilterSet(FilterSet):
    """`created_after` (inclusive) and `created_before` (exclusive), ISO 8601; without a zone they are UTC."""

    created_after = MomentFilter("created_at", "gte")
    created_before = MomentFilter("created_at", "lt")


class BotFilter(FilterSet):
    """Filters of /bots/."""

    class Meta:
        model = Bot
        fields = ["is_active", "is_whatsapp_enabled"]


class ChannelFilter(FilterSet):
    """Filters of /channels/."""

    bot = IdFilter("bot_id")
    kind = filters.ChoiceFilter(choices=ChannelKind.choices)
    health = filters.ChoiceFilter(choices=ChannelHealth.choices)

    class Meta:
        model = Channel
        fields = ["bot", "kind", "health", "is_active"]


class ContactFilter(CreatedFilterSet):
    """Filters of /contacts/."""

    phone = PhoneFilter("phone")
    status = filters.ChoiceFilter(choices=ContactStatus.choices)

    class Meta:
        model = Contact
        fields = ["phone", "status", "language", "email"]


class ConversationFilter(FilterSet):
    """Filters of /conversations/."""

    bot = IdFilter("bot_id")
    channel = IdFilter("channel_id")
    contact = IdFilter("contact_id")
    is_window_open = BooleanFilter(method="by_window")

    class Meta:
        model = Conversation
        fields = ["bot", "channel", "contact", "is_bot_paused", "is_window_open"]

    def by_window(self, queryset: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        """Keep conversations that may, or may not, be answered freely now."""
        is_open = {"window_expires_at__gt": clock.now()}
        return queryset.filter(**is_open) if value else queryset.exclude(**is_open)


class MessageFilter(CreatedFilterSet):
    """Filters of the message history."""

    contact = IdFilter("contact_id")
    phone = PhoneFilter("contact__phone")
    conversation = IdFilter("conversation_id")
    direction = filters.ChoiceFilter(choices=Direction.choices)
    status = filters.MultipleChoiceFilter(choices=MessageStatus.choices)

    class Meta:
        model = Message
        fields = ["contact", "phone", "conversation", "direction", "status", "type"]
