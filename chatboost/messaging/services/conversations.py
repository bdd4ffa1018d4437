"""Conversations: opened, written to, handed to a person, given back to the bot."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from chatboost.core import audit, clock, live
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.messaging.gate import Verdict
from chatboost.messaging.models import Bot, Channel, Contact, Conversation, Message
from chatboost.messaging.providers import whatsapp_body
from chatboost.messaging.providers.base import OutboundMessage
from chatboost.messaging.selectors import bots as bot_selectors
from chatboost.messaging.services import contacts, messages


@transaction.atomic
def find_or_open(*, channel: Channel, contact: Contact) -> Conversation:
    """Return the contact's conversation on the channel, with both loaded; a new one has no open window."""
    conversation, _ = Conversation.objects.get_or_create(
        channel=channel,
        contact=contact,
        defaults={"organization_id": channel.organization_id, "bot_id": channel.bot_id},
    )
    # get_or_create leaves the relations of a found row to be fetched one by one.
    conversation.channel, conversation.contact = channel, contact
    return conversation


@transaction.atomic
def write_to(
    *, bot: Bot, phone: str, message_type: str, content: Mapping[str, Any], origin_kind: str
) -> tuple[Message, Verdict]:
    """Queue a message to a phone number on the bot's default channel, with the gate's verdict.

    The contact and the conversation are made when they are new. A refused message is kept, as `refused`.

    Raises: Conflict (`no_channel, whatsapp_disabled`), ValidationFailed (`invalid_phone, invalid_message`).
    """
    channel = _channel_of(bot)
    contact, _ = contacts.find_or_create(organization=bot.organization, phone=phone, source=origin_kind)
    _require_sendable(contact, message_type, content)
    conversation = find_or_open(channel=channel, contact=contact)
    now = clock.now()
    verdict = messages.preview(conversation, message_type, now=now)
    message = messages.queue(
        conversation=conversation, type=message_type, content=content, origin_kind=origin_kind, now=now
    )
    return message, verdict


def preview(*, bot: Bot, phone: str, message_type: str) -> Verdict:
    """Ask the gate about a message to a phone number; nothing is written, nobody is created.

    Raises: as `write_to`.
    """
    channel, number = _channel_of(bot), contacts.read_phone(phone)
    contact = Contact.objects.filter(organization_id=bot.organization_id, phone=number).first()
    conversation = Conversation.objects.filter(channel=channel, contact=contact).first() if contact else None
    contact = contact or Contact(organization_id=bot.organization_id, phone=number)
    conversation = conversation or Conversation(organization_id=bot.organization_id)
    conversation.channel, conversation.contact = channel, contact
    return messages.preview(conversation, message_type)


def pause_bot(conversation: Conversation, *, actor: Any | None = None) -> None:
    """Keep the bot silent: a person has taken over. Telling it twice changes nothing."""
    _set_paused(conversation, is_paused=True, actor=actor)


def resume_bot(conversation: Conversation, *, actor: Any | None = None) -> None:
    """Let the bot answer again. Telling it twice changes nothing."""
    _set_paused(conversation, is_paused=False, actor=actor)


@transaction.atomic
def _set_paused(conversation: Conversation, *, is_paused: bool, actor: Any | None) -> None:
    own = Conversation.objects.for_organization(conversation.organization_id)
    stale = own.filter(pk=conversation.pk, is_bot_paused=not is_paused)
    if stale.update(is_bot_paused=is_paused):
        verb = "conversation.bot_paused" if is_paused else "conversation.bot_resumed"
        audit.record(actor=actor, verb=verb, object=conversation)
    conversation.is_bot_paused = is_paused
    live.changed(f"conversation:{conversation.pk}")


def _channel_of(bot: Bot) -> Channel:
    if not bot.is_whatsapp_enabled:
        raise Conflict("WhatsApp is switched off for this bot.", code="whatsapp_disabled")
    channel = bot_selectors.default_channel(bot)
    if channel is None:
        raise Conflict("The bot has no WhatsApp channel.", code="no_channel")
    return channel


def _require_sendable(contact: Contact, message_type: str, content: Mapping[str, Any]) -> None:
    """Refuse at the door what the vendor would refuse later."""
    draft = OutboundMessage(tracker="draft", type=message_type, content=content, to_phone=contact.phone)
    try:
        whatsapp_body.build(draft)
    except whatsapp_body.InvalidMessage as problem:
        raise ValidationFailed(
            str(problem), code="invalid_message", errors={message_type: [str(problem)]}
        ) from problem
