"""Channels: connected, changed, checked, disabled."""

import re
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from chatboost.core import audit, clock, events
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.messaging.events import ChannelHealthChanged
from chatboost.messaging.models import (
    MESSAGES_PER_SECOND,
    WHATSAPP_KINDS,
    Bot,
    Channel,
    ChannelHealth,
    ChannelKind,
    Conversation,
)
from chatboost.messaging.providers import registry
from chatboost.messaging.providers.base import CheckOutcome, Credentials, Rejected, Working
from chatboost.messaging.selectors.channels import SECRETS
from teams import limits

# Meta's are digits; the sandbox takes any word that is safe in a path.
_PHONE_NUMBER_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECRET = re.compile(r"[!-~]{1,2000}")


def validate_phone_number_id(value: str) -> None:
    """Refuse what can't stand in a vendor's path. Raises ValidationError."""
    if value and not _PHONE_NUMBER_ID.fullmatch(value):
        raise ValidationError(
            "A phone number id has up to 64 letters, digits, dots, hyphens and underscores."
        )


def validate_secret(value: str) -> None:
    """Refuse what a header can't carry. Raises ValidationError."""
    if value and not _SECRET.fullmatch(value):
        raise ValidationError("A credential is one word of up to 2000 visible ASCII characters.")


@transaction.atomic
def create(
    *,
    bot: Bot,
    kind: str,
    name: str = "",
    phone_number_id: str = "",
    address: str = "",
    access_token: str = "",
    app_secret: str = "",
    verify_token: str = "",
    is_active: bool = True,
    messages_per_second: int = MESSAGES_PER_SECOND,
    actor: Any | None = None,
) -> Channel:
    """Open a channel of a bot. Either WhatsApp word will do: the access token makes it real or a sandbox.

    Raises: Conflict (`phone_number_id_taken, simulator_exists, limit_reached`), ValidationFailed
        (`phone_number_id_required, simulator_has_no_credentials`).
    """
    channel = Channel(
        organization_id=bot.organization_id,
        bot=bot,
        kind=kind,
        external_id=phone_number_id,
        address=address,
        access_token=access_token,
        app_secret=app_secret,
        verify_token=verify_token,
        is_active=is_active,
        messages_per_second=messages_per_second,
    )
    _settle_kind(channel)
    channel.name = name or channel.get_kind_display()
    if channel.kind in WHATSAPP_KINDS:
        limits.check(bot.organization, "channels")
    _save(channel)
    made = {"kind": (None, channel.kind), "external_id": (None, channel.external_id)}
    audit.record(actor=actor, verb="channel.created", object=channel, changes=made)
    return channel


@transaction.atomic
def update(
    channel: Channel,
    *,
    name: str | None = None,
    phone_number_id: str | None = None,
    address: str | None = None,
    access_token: str | None = None,
    app_secret: str | None = None,
    verify_token: str | None = None,
    is_active: bool | None = None,
    messages_per_second: int | None = None,
    actor: Any | None = None,
) -> Channel:
    """Change what is not None; an empty credential clears it, new ones make a disabled channel OK again.

    Another number closes the 24-hour windows, which belong to the number that was written to.

    Raises: as `create`.
    """
    row: Channel = _itself(channel).select_for_update().get()
    given = {
        "name": name,
        "external_id": phone_number_id,
        "address": address,
        "access_token": access_token,
        "app_secret": app_secret,
        "verify_token": verify_token,
        "is_active": is_active,
        "messages_per_second": messages_per_second,
    }
    told = {field: value for field, value in given.items() if value is not None}
    changed = audit.changes_of(row, **told)
    for field in changed:
        setattr(row, field, told[field])
    _settle_kind(row)
    _save(row)
    if changed:
        audit.record(actor=actor, verb="channel.changed", object=row, changes=changed)
    if "external_id" in changed:
        Conversation.objects.filter(channel=row).update(window_expires_at=None)
    if changed.keys() & {"external_id", "access_token"}:
        enable(row)
    return row


def release(channel: Channel, *, actor: Any | None = None) -> Channel:
    """Give the number up: credentials are forgotten, the channel is off, its conversations stay."""
    nothing: dict[str, Any] = {
        "phone_number_id": "",
        "access_token": "",
        "app_secret": "",
        "verify_token": "",
    }
    return update(channel, is_active=False, actor=actor, **nothing)


@transaction.atomic
def delete(channel: Channel, *, actor: Any | None = None) -> None:
    """Remove a channel with its conversations and messages."""
    audit.record(actor=actor, verb="channel.deleted", object=channel)
    channel.delete()


@transaction.atomic
def disable(channel: Channel, *, reason: str) -> None:
    """Stop sending on the channel until somebody acts. Telling it twice changes nothing."""
    reason = reason[:300]
    healthy = _itself(channel).filter(health=ChannelHealth.OK)
    if healthy.update(health=ChannelHealth.DISABLED, health_reason=reason):
        _announce(channel, ChannelHealth.DISABLED)
    channel.health, channel.health_reason = ChannelHealth.DISABLED, reason


@transaction.atomic
def enable(channel: Channel) -> None:
    """Let a disabled channel send again. Telling it twice changes nothing."""
    disabled = _itself(channel).filter(health=ChannelHealth.DISABLED)
    if disabled.update(health=ChannelHealth.OK, health_reason=""):
        _announce(channel, ChannelHealth.OK)
    channel.health, channel.health_reason = ChannelHealth.OK, ""


def hold(channel_id: int, *, until: datetime) -> None:
    """Send nothing on the channel until then: the vendor has asked for it. Never shortens a pause."""
    earlier = Q(held_until=None) | Q(held_until__lt=until)
    Channel.objects.filter(earlier, pk=channel_id).update(held_until=until)


def check(channel: Channel) -> CheckOutcome:
    """Ask the vendor whether the credentials work, outside any transaction, and note what it says.

    Credentials that work make the channel OK again; refused ones disable it.
    """
    outcome = registry.create(channel.kind, credentials(channel)).check()
    match outcome:
        case Working():
            _note_working(channel, outcome)
        case Rejected(error=error) if error.disables_channel:
            disable(channel, reason=f"{error.kind}: {error.message}")
    return outcome


def credentials(channel: Channel) -> Credentials:
    """Return what the channel's adapter needs."""
    return Credentials(
        phone_number_id=channel.external_id,
        access_token=channel.access_token,
        base_url=settings.WHATSAPP_API_BASE_URL,
        api_version=settings.WHATSAPP_API_VERSION,
        deadline=settings.VENDOR_DEADLINE,
    )


@transaction.atomic
def _note_working(channel: Channel, outcome: Working) -> None:
    enable(channel)
    number = outcome.display_phone_number[:32]
    if number and channel.kind == ChannelKind.WHATSAPP and number != channel.address:
        _itself(channel).update(address=number)
        channel.address = number


def _itself(channel: Channel) -> QuerySet[Channel]:
    return Channel.objects.for_organization(channel.organization_id).filter(pk=channel.pk)


def _announce(channel: Channel, health: ChannelHealth) -> None:
    events.publish(
        ChannelHealthChanged(
            organization_id=channel.organization_id,
            channel_id=channel.pk,
            health=health.value,
            at=clock.now().isoformat(),
        )
    )


def _settle_kind(channel: Channel) -> None:
    """Make the kind follow the credentials, and refuse credentials that could never be used."""
    has_secret = any(getattr(channel, name) for name in SECRETS)
    if channel.kind not in WHATSAPP_KINDS:
        if has_secret or channel.external_id:
            raise ValidationFailed("A simulator has no credentials.", code="simulator_has_no_credentials")
        return
    if not channel.external_id and has_secret:
        raise ValidationFailed(
            "Credentials belong to a phone number id.",
            code="phone_number_id_required",
            errors={"phone_number_id": ["Required together with credentials."]},
        )
    channel.kind = ChannelKind.WHATSAPP if channel.access_token else ChannelKind.WHATSAPP_SANDBOX


def _save(channel: Channel) -> None:
    validate_phone_number_id(channel.external_id)
    for name in SECRETS:
        validate_secret(getattr(channel, name))
    # The database decides about uniqueness: asking first would race.
    channel.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            channel.save()
    except IntegrityError as error:
        if channel.kind == ChannelKind.SIMULATOR:
            raise Conflict("The bot has a simulator already.", code="simulator_exists") from error
        raise Conflict("This phone number id is connected already.", code="phone_number_id_taken") from error
