"""Bots, and the channels they come with."""

from typing import Any

from django.db import transaction
from django.db.models import ProtectedError, RestrictedError

from chatboost.core import audit
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.messaging.models import Bot, ChannelKind
from chatboost.messaging.selectors import bots as selectors
from chatboost.messaging.services import channels
from teams import limits
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
    actor: Any | None = None,
) -> Bot:
    """Add a bot with its simulator, and with a WhatsApp channel when a phone number id is given.

    Raises: Conflict (`phone_number_id_taken`, `limit_reached`), ValidationFailed
        (`phone_number_id_required`).
    """
    limits.check(organization, "bots")
    bot = Bot(
        organization=organization,
        name=name,
        description=description,
        is_active=is_active,
        is_whatsapp_enabled=is_whatsapp_enabled,
    )
    bot.full_clean()
    bot.save()
    audit.record(actor=actor, verb="bot.created", object=bot)
    channels.create(bot=bot, kind=ChannelKind.SIMULATOR, actor=actor)
    if access_token or phone_number_id:
        _connect(bot, access_token=access_token, phone_number_id=phone_number_id, actor=actor)
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
    actor: Any | None = None,
) -> Bot:
    """Change what is not None; credentials go to the bot's default channel, opened when there is none.

    An empty access token clears it; an empty phone number id gives the number up and switches the channel
    off.

    Raises: as `create`.
    """
    row: Bot = Bot.objects.for_organization(bot.organization_id).select_for_update().get(pk=bot.pk)
    given = {
        "name": name,
        "description": description,
        "is_active": is_active,
        "is_whatsapp_enabled": is_whatsapp_enabled,
    }
    told = {field: value for field, value in given.items() if value is not None}
    changes = audit.changes_of(row, **told)
    for field, value in told.items():
        setattr(row, field, value)
    row.full_clean()
    row.save()
    if changes:
        audit.record(actor=actor, verb="bot.changed", object=row, changes=changes)
    if access_token is not None or phone_number_id is not None:
        _connect(row, access_token=access_token, phone_number_id=phone_number_id, actor=actor)
    return row


@transaction.atomic
def delete(bot: Bot, *, actor: Any | None = None) -> None:
    """Remove a bot with its channels, conversations and messages. Raises: Conflict (`bot_in_use`)."""
    audit.record(actor=actor, verb="bot.deleted", object=bot)
    try:
        bot.delete()
    except (ProtectedError, RestrictedError) as error:
        raise Conflict("Something still needs this bot.", code="bot_in_use") from error


def _connect(bot: Bot, *, access_token: str | None, phone_number_id: str | None, actor: Any | None) -> None:
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
                bot=bot,
                kind=ChannelKind.WHATSAPP,
                phone_number_id=number,
                access_token=access_token or "",
                actor=actor,
            )
    elif not number:
        channels.release(channel, actor=actor)
    else:
        is_revived = not channel.external_id
        channels.update(
            channel,
            phone_number_id=number,
            access_token=access_token,
            is_active=True if is_revived else None,
            actor=actor,
        )
