"""Bots, and the channels they come with."""

from django.db import transaction
from django.db.models import ProtectedError, RestrictedError

from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.messaging.models import Bot, ChannelKind
from chatboost.messaging.selectors import bots as selectors
from chatboost.messaging.services import channels
from teams.models import Organization


@transaction.atomic
def create(
    *,
    organization: Organization,
    name: str,
    description: str = "",
    is_active: bool = True,
    is_whatsapp_enabled: bool = True,
    access_token: str = "",
    phone_number_id: str = "",
) -> Bot:
    """Add a bot with its simulator, and with a WhatsApp channel when a phone number id is given.

    Raises: Conflict (`phone_number_id_taken`), ValidationFailed (`phone_number_id_required`).
    """
    bot = Bot(
        organization=organization,
        name=name,
        description=description,
        is_active=is_active,
        is_whatsapp_enabled=is_whatsapp_enabled,
    )
    bot.full_clean()
    bot.save()
    channels.create(bot=bot, kind=ChannelKind.SIMULATOR)
    if access_token or phone_number_id:
        _connect(bot, access_token=access_token, phone_number_id=phone_number_id)
    return bot


@transaction.atomic
def update(
    bot: Bot,
    *,
    name: str | None = None,
    description: str | None = None,
    is_active: bool | None = None,
    is_whatsapp_enabled: bool | None = None,
    access_token: str | None = None,
    phone_number_id: str | None = None,
) -> Bot:
    """Change what is not None; credentials go to the bot's default channel, opened when there is none.

    An empty access token clears it; an empty phone number id gives the number up and switches the channel
    off.

    Raises: as `create`.
    """
    row: Bot = Bot.objects.select_for_update().get(pk=bot.pk)
    given = {
        "name": name,
        "description": description,
        "is_active": is_active,
        "is_whatsapp_enabled": is_whatsapp_enabled,
    }
    for field, value in given.items():
        if value is not None:
            setattr(row, field, value)
    row.full_clean()
    row.save()
    if access_token is not None or phone_number_id is not None:
        _connect(row, access_token=access_token, phone_number_id=phone_number_id)
    return row


@transaction.atomic
def delete(bot: Bot) -> None:
    """Remove a bot with its channels, conversations and messages. Raises: Conflict (`bot_in_use`)."""
    try:
        bot.delete()
    except (ProtectedError, RestrictedError) as error:
        raise Conflict("Something still needs this bot.", code="bot_in_use") from error


def _connect(bot: Bot, *, access_token: str | None, phone_number_id: str | None) -> None:
    """Bring the default channel in line with what is not None."""
    channel = selectors.default_channel(bot)
    number = phone_number_id if phone_number_id is not None else (channel.external_id if channel else "")
    if access_token and not number:
        raise ValidationFailed(
            "An access token belongs to a phone number id.",
            code="phone_number_id_required",
            errors={"whatsapp_phone_number_id": ["Required together with whatsapp_access_token."]},
        )
    if channel is None:
        if number:
            channels.create(
                bot=bot, kind=ChannelKind.WHATSAPP, phone_number_id=number, access_token=access_token or ""
            )
    elif not number:
        channels.release(channel)
    else:
        is_revived = not channel.external_id
        channels.update(
            channel,
            phone_number_id=number,
            access_token=access_token,
            is_active=True if is_revived else None,
        )
