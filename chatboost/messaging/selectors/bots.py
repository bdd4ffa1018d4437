"""Reading bots with the channel they speak through by default."""

from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from chatboost.messaging.models import WHATSAPP_KINDS, Bot, Channel

# An active channel first, then the oldest.
_PREFERENCE = ("-is_active", "id")


def default_channel(bot: Bot) -> Channel | None:
    """Return the WhatsApp channel that a bot's credentials and API messages mean, or None."""
    return Channel.objects.filter(bot=bot, kind__in=WHATSAPP_KINDS).order_by(*_PREFERENCE).first()


def with_default_channel(bots: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate `default_channel_id, whatsapp_phone_number_id, has_whatsapp_credentials`; decrypts nothing."""
    channel = Channel.objects.filter(bot=OuterRef("pk"), kind__in=WHATSAPP_KINDS).order_by(*_PREFERENCE)
    with_token = channel.annotate(
        has_token=ExpressionWrapper(~Q(access_token=""), output_field=BooleanField())
    )
    annotated: QuerySet[Any] = bots.annotate(
        default_channel_id=Subquery(channel.values("pk")[:1]),
        whatsapp_phone_number_id=Coalesce(Subquery(channel.values("external_id")[:1]), Value("")),
        has_whatsapp_credentials=Coalesce(Subquery(with_token.values("has_token")[:1]), Value(False)),
    )
    return annotated
