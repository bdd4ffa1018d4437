"""The sends row's messages: queued in the database, then drained. Import after `django.setup()`."""

from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.db import transaction

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.core.work import drain as loop
from chatboost.messaging.models import (
    MAX_MESSAGES_PER_SECOND,
    Channel,
    ChannelKind,
    Contact,
    Conversation,
    Message,
    MessageStatus,
)
from chatboost.messaging.providers import registry
from chatboost.messaging.providers.base import Accepted, OutboundMessage, Provider
from chatboost.messaging.services import channels, messages
from tests import factories

PEOPLE = 2000


def seed() -> Channel:
    """Make a number with people in open conversations."""
    organization = factories.organization(name="Bench", slug="bench")
    channel = factories.channel(
        factories.bot(organization),
        kind=ChannelKind.WHATSAPP,
        external_id="100000000000009",
        access_token="bench",
        messages_per_second=MAX_MESSAGES_PER_SECOND,
    )
    people = Contact.objects.bulk_create(
        Contact(organization=organization, phone=f"+1555{number:07d}") for number in range(PEOPLE)
    )
    Conversation.objects.bulk_create(
        Conversation(
            organization=organization,
            bot=channel.bot,
            channel=channel,
            contact=person,
            window_expires_at=clock.now() + timedelta(days=1),
        )
        for person in people
    )
    return channel


def queue(number: int) -> None:
    """Queue a text to each of that many people."""
    rows = Conversation.objects.select_related("contact", "channel__bot").order_by("id")[:number]
    drafts = [
        messages.Draft(conversation=row, type="text", content={"text": "Hello"}, origin_kind="api")
        for row in rows
    ]
    with transaction.atomic():
        messages.queue_many(drafts)


def drain() -> None:
    """Send all that waits, as a pump does: intents, calls in threads, outcomes."""
    while loop.drain("interactive", names=[messages.SEND_KIND]):
        pass


def count_sent() -> int:
    """Count what the vendor took; nothing may be left in line."""
    if WorkItem.objects.exists():
        raise RuntimeError(f"left in line: {WorkItem.objects.values('state', 'last_error')[:3]}")
    return Message.objects.filter(status=MessageStatus.SENT).count()


def provider(channel: Channel) -> Provider:
    """Return the channel's adapter."""
    return registry.create(channel.kind, channels.credentials(channel))


def send_once(adapter: Provider) -> None:
    """Send one text by the adapter alone."""
    outcome = adapter.send(
        OutboundMessage(tracker=str(uuid4()), type="text", content={"text": "Hello"}, to_phone="+15550001111")
    )
    if not isinstance(outcome, Accepted):
        raise RuntimeError(f"not accepted by {settings.WHATSAPP_API_BASE_URL}: {outcome}")
