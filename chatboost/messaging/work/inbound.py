"""Messages that came in: contact, conversation, window, message, handlers; one transaction a batch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from chatboost.core import clock, events, live
from chatboost.core.db import reads
from chatboost.core.db import rows as db_rows
from chatboost.core.work.kinds import BatchKind, Item
from chatboost.messaging import handlers
from chatboost.messaging.events import ContactCreated
from chatboost.messaging.models import (
    WHATSAPP_KINDS,
    Bot,
    Channel,
    ChannelKind,
    Contact,
    ContactStatus,
    Conversation,
    Direction,
    Message,
    MessageStatus,
    OriginKind,
    WebhookReceipt,
)
from chatboost.messaging.selectors.channels import SECRETS
from chatboost.messaging.services.receipts import INBOUND_KIND
from chatboost.messaging.webhooks import whatsapp_payload
from chatboost.messaging.webhooks.whatsapp_content import InboundType
from chatboost.messaging.webhooks.whatsapp_payload import InboundMessage

logger = structlog.get_logger(__name__)

WINDOW = timedelta(hours=24)

# Things that happen to a message or an account; a bot does not answer them.
SILENT_TYPES = {
    InboundType.REACTION,
    InboundType.SYSTEM,
    InboundType.EDIT,
    InboundType.REVOKE,
    InboundType.UNSUPPORTED,
}
# Notices of the vendor's about a person; only what a person writes opens the window.
NOTICES = {InboundType.SYSTEM, InboundType.REVOKE}


# An address of somebody: organization, field of Contact, value.
_People = dict[tuple[int, str, str], Contact]

CONTACTS_ARE = "contact_id IN (SELECT id FROM messaging_contact WHERE {contact})"
CHANNELS_OF = "id IN (SELECT channel_id FROM messaging_webhookreceipt WHERE {receipt})"
BOTS_OF = "id IN (SELECT bot_id FROM messaging_channel WHERE {channel})"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A receipt, read."""

    receipt: WebhookReceipt
    said: InboundMessage

    @property
    def channel(self) -> Channel:
        """The channel it came in on."""
        return self.receipt.channel

    @property
    def identity(self) -> tuple[int, str]:
        """The channel and the vendor's id: the message, for ever."""
        return self.receipt.channel_id, self.said.external_id

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """The sender's addresses as (field of Contact, value): the vendor's user id wins over the phone."""
        pairs = [("external_user_id", self.said.from_user_id), ("phone", self.said.from_phone)]
        return [(field, value) for field, value in pairs if value]

    @property
    def sent_at(self) -> datetime:
        """When it was written; never later than when we got it, so a wrong clock opens no window."""
        return min(self.said.sent_at or self.receipt.received_at, self.receipt.received_at)

    @property
    def source(self) -> str:
        """How somebody new came, in the words of `ContactCreated`."""
        return "simulator" if self.channel.kind == ChannelKind.SIMULATOR else "whatsapp"


class InboundKind(BatchKind[dict[int, WebhookReceipt], Arrival | None]):
    """Turns receipts into messages and offers them to the handlers."""

    name = INBOUND_KIND

    def load(self, items: Sequence[Item]) -> dict[int, WebhookReceipt]:
        """Fetch the receipts with their channels and bots."""
        receipt, ids = reads.among("id", [item.subject_id for item in items])
        channel = CHANNELS_OF.format(receipt=receipt)
        bot = BOTS_OF.format(channel=channel)
        receipts, channels, bots = reads.fetch(
            reads.Read(model=WebhookReceipt, where=receipt, values=[ids]),
            # Secrets stay where they are: nobody here needs them, and to decrypt them takes long.
            reads.Read(model=Channel, where=channel, values=[ids], without=SECRETS),
            reads.Read(model=Bot, where=bot, values=[ids]),
        )
        bot_of, channel_of = {row.pk: row for row in bots}, {row.pk: row for row in channels}
        for row in channels:
            row.bot = bot_of[row.bot_id]
        for row in receipts:
            row.channel = channel_of[row.channel_id]
        return {row.pk: row for row in receipts}

    def apply(self, item: Item, context: dict[int, WebhookReceipt]) -> Arrival | None:
        """Read one receipt; None when it says nothing a conversation could hold."""
        receipt = context.get(item.subject_id)
        if receipt is None:
            return None
        try:
            said = whatsapp_payload.parse_message(receipt.payload)
        except whatsapp_payload.PayloadError as error:
            logger.warning("receipt_unreadable", receipt=receipt.pk, error=str(error))
            return None
        # A group is no conversation with one person; its receipts are kept.
        is_personal = said.group_id is None and (said.from_phone or said.from_user_id)
        return Arrival(receipt, said) if is_personal else None

    def save(self, results: Sequence[Arrival | None], context: dict[int, WebhookReceipt]) -> None:
        """Write contacts, conversations and messages, then let the handlers answer."""
        now = clock.now()
        read = [arrival for arrival in results if arrival is not None]
        if not read:
            return
        known = _known(read)
        arrivals = [arrival for arrival in read if arrival.identity not in known.seen]
        if not arrivals:
            return
        contacts = _contacts(arrivals, known.contacts, now)
        conversations = _conversations(arrivals, contacts, known.conversations, now)
        messages = [_message(arrival, conversations[_slot(arrival, contacts)], now) for arrival in arrivals]
        db_rows.create(messages)
        inbounds = [_inbound(arrival, message) for arrival, message in zip(arrivals, messages, strict=True)]
        _answer(inbounds, now)
        for conversation in {inbound.conversation.pk: inbound.conversation for inbound in inbounds}.values():
            live.changed(f"conversation:{conversation.pk}")


@dataclass(frozen=True, slots=True)
class _Known:
    """What we have already: messages by identity, people by address, conversations by channel and person."""

    seen: set[tuple[int, str]]
    contacts: _People
    conversations: dict[tuple[int, int], Conversation]


def _known(arrivals: Sequence[Arrival]) -> _Known:
    """Look for messages we already have, for people, and for their conversations, which are locked.

    The receipt's key says first whether a message is new; its id says so for ever.
    """
    # Found by the senders' addresses, since nobody knows yet who is who.
    by_address = _people_at(arrivals)
    channel, channels = reads.among("channel_id", {arrival.receipt.channel_id for arrival in arrivals})
    external_id, external_ids = reads.among("external_id", {arrival.said.external_id for arrival in arrivals})
    seen, people, conversations = reads.fetch(
        reads.Read(
            model=Message,
            # The index leaves out empty ids.
            where=f"{channel} AND {external_id} AND external_id <> ''",
            values=[channels, external_ids],
            columns=("channel_id", "external_id"),
        ),
        by_address,
        reads.Read(
            model=Conversation,
            where=f"{channel} AND {CONTACTS_ARE.format(contact=by_address.where)}",
            values=[channels, *by_address.values],
            is_locked=True,
        ),
    )
    return _Known(set(seen), _by_address(people), _by_slot(conversations))


def _contacts(arrivals: Sequence[Arrival], known: _People, now: datetime) -> dict[int, Contact]:
    """Return each arrival's contact, known or new, by receipt id."""
    missing = [arrival for arrival in arrivals if _find(arrival, known) is None]
    if missing:
        before = {contact.pk for contact in known.values()}
        new = _new_contacts(missing, now)
        if db_rows.create(new, on_conflict=db_rows.ON_CONFLICT_DO_NOTHING):
            known |= _by_address(new)
        else:
            # Another worker creates the same person now: whoever is first, all find the one row afterwards.
            known = _by_address(reads.fetch(_people_at(arrivals))[0])
        _announce_new({_find(arrival, known): arrival for arrival in missing}, before, now)
    _learn(arrivals, known, now)
    found = {arrival.receipt.pk: _find(arrival, known) for arrival in arrivals}
    return {receipt_id: contact for receipt_id, contact in found.items() if contact is not None}


def _people_at(arrivals: Sequence[Arrival]) -> reads.Read:
    """Ask for everybody who has an address of the arrivals'; of organizations that are the arrivals', too."""
    owner, owners = reads.among("organization_id", {arrival.receipt.organization_id for arrival in arrivals})
    conditions, values = [], []
    for field in ("phone", "external_user_id"):
        wanted = {value for arrival in arrivals for name, value in arrival.addresses if name == field}
        if wanted:
            condition, texts = reads.among(field, wanted)
            conditions.append(condition)
            values.append(texts)
    return reads.Read(
        model=Contact, where=f"{owner} AND ({' OR '.join(conditions)})", values=[owners, *values]
    )


def _by_address(contacts: Iterable[Contact]) -> _People:
    known: _People = {}
    for contact in contacts:
        if contact.phone:
            known[contact.organization_id, "phone", contact.phone] = contact
        if contact.external_user_id:
            known[contact.organization_id, "external_user_id", contact.external_user_id] = contact
    return known


def _find(arrival: Arrival, known: _People) -> Contact | None:
    for field, value in arrival.addresses:
        contact = known.get((arrival.receipt.organization_id, field, value))
        if contact is not None:
            return contact
    return None


def _new_contacts(missing: Sequence[Arrival], now: datetime) -> list[Contact]:
    people: dict[tuple[int, str], Contact] = {}
    for arrival in missing:
        name = (arrival.said.profile_name or "").strip()
        first, _, last = name.partition(" ")
        people.setdefault(
            (arrival.receipt.organization_id, arrival.addresses[0][1]),
            Contact(
                organization_id=arrival.receipt.organization_id,
                phone=arrival.said.from_phone,
                external_user_id=arrival.said.from_user_id,
                first_name=first[:100],
                last_name=last[:100],
                created_at=now,
                updated_at=now,
            ),
        )
    return list(people.values())


def _announce_new(arrivals: Mapping[Contact | None, Arrival], before: set[int], now: datetime) -> None:
    for contact, arrival in arrivals.items():
        # Another worker that was faster announces its own.
        if contact is not None and contact.pk not in before and contact.created_at == now:
            events.publish(
                ContactCreated(
                    organization_id=contact.organization_id, contact_id=contact.pk, source=arrival.source
                )
            )


def _learn(arrivals: Sequence[Arrival], known: _People, now: datetime) -> None:
    """Note the other address of people known by one: next time WhatsApp may show only that one.

    An address that is somebody else's stays theirs; people are merged by people.
    """
    changed: dict[int, Contact] = {}
    for arrival in arrivals:
        contact = _find(arrival, known)
        for field, value in arrival.addresses:
            key = (arrival.receipt.organization_id, field, value)
            if contact is not None and key not in known and not getattr(contact, field):
                setattr(contact, field, value)
                contact.updated_at = now
                known[key] = changed[contact.pk] = contact
    if changed:
        db_rows.update(changed.values(), ["phone", "external_user_id", "updated_at"])


def _slot(arrival: Arrival, contacts: dict[int, Contact]) -> tuple[int, int]:
    return arrival.receipt.channel_id, contacts[arrival.receipt.pk].pk


def _conversations(
    arrivals: Sequence[Arrival],
    contacts: dict[int, Contact],
    known: dict[tuple[int, int], Conversation],
    now: datetime,
) -> dict[tuple[int, int], Conversation]:
    """Return the conversations, known or new, locked, with the window moved on."""
    by_slot: dict[tuple[int, int], list[Arrival]] = {}
    for arrival in arrivals:
        by_slot.setdefault(_slot(arrival, contacts), []).append(arrival)
    old = {slot: known[slot] for slot in by_slot if slot in known}
    new = {slot: _new_conversation(mine[0], slot, now) for slot, mine in by_slot.items() if slot not in old}
    for slot, conversation in new.items():
        _touch(conversation, by_slot[slot], now)
    if not db_rows.create(list(new.values()), on_conflict=db_rows.ON_CONFLICT_DO_NOTHING):
        # Another worker opened one of them in between: lock whatever there is now.
        old, new = _locked_conversations(list(by_slot)), {}
    for slot, conversation in old.items():
        _touch(conversation, by_slot[slot], now)
    db_rows.update(old.values(), ["window_expires_at", "last_inbound_at", "last_message_at"])
    found = old | new
    for slot, conversation in found.items():
        conversation.contact = contacts[by_slot[slot][0].receipt.pk]
        conversation.channel = by_slot[slot][0].channel
    return found


def _locked_conversations(slots: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Conversation]:
    channels, contacts = {channel for channel, _ in slots}, {contact for _, contact in slots}
    rows = (
        Conversation.objects.filter(channel_id__in=channels, contact_id__in=contacts)
        .select_for_update()
        .order_by("id")
    )
    found = _by_slot(rows)
    return {slot: found[slot] for slot in slots if slot in found}


def _by_slot(conversations: Iterable[Conversation]) -> dict[tuple[int, int], Conversation]:
    return {(row.channel_id, row.contact_id): row for row in conversations}


def _new_conversation(arrival: Arrival, slot: tuple[int, int], now: datetime) -> Conversation:
    return Conversation(
        organization_id=arrival.receipt.organization_id,
        bot_id=arrival.channel.bot_id,
        channel_id=slot[0],
        contact_id=slot[1],
        created_at=now,
    )


def _touch(conversation: Conversation, arrivals: Sequence[Arrival], now: datetime) -> None:
    conversation.last_message_at = now
    times = [arrival.sent_at for arrival in arrivals if arrival.said.type not in NOTICES]
    if times:
        newest = max(times)
        conversation.last_inbound_at = max(newest, conversation.last_inbound_at or newest)
        # Counted from these messages alone: the window was closed if the channel's number changed since.
        expires = newest + WINDOW
        conversation.window_expires_at = max(expires, conversation.window_expires_at or expires)


def _message(arrival: Arrival, conversation: Conversation, now: datetime) -> Message:
    said = arrival.said
    return Message(
        organization_id=conversation.organization_id,
        bot_id=conversation.bot_id,
        channel_id=conversation.channel_id,
        conversation=conversation,
        contact_id=conversation.contact_id,
        direction=Direction.INBOUND,
        status=MessageStatus.RECEIVED,
        type=said.type.value,
        text=said.text or said.reply_title or "",
        content=said.content,
        external_id=said.external_id,
        reply_to_external_id=said.context_id or "",
        origin_kind=OriginKind.CONTACT,
        created_at=now,
        changed_at=now,
        sent_at=arrival.sent_at,
    )


def _inbound(arrival: Arrival, message: Message) -> handlers.Inbound:
    return handlers.Inbound(
        message=message,
        conversation=message.conversation,
        contact=message.conversation.contact,
        channel=arrival.channel,
        bot=arrival.channel.bot,
        reply_id=arrival.said.reply_id or "",
        reply_title=arrival.said.reply_title or "",
    )


def _answer(inbounds: Sequence[handlers.Inbound], now: datetime) -> None:
    answerable = [inbound for inbound in inbounds if _may_answer(inbound)]
    batch = handlers.Batch(answerable, now=now)
    for inbound in answerable:
        handlers.offer(inbound, batch)
    batch.flush()


def _may_answer(inbound: handlers.Inbound) -> bool:
    return (
        inbound.bot.is_active
        and (inbound.bot.is_whatsapp_enabled or inbound.channel.kind not in WHATSAPP_KINDS)
        and inbound.contact.status != ContactStatus.BLOCKED
        and inbound.message.type not in SILENT_TYPES
    )
