"""Inbound handlers: the slot is the order, the first that takes a message ends the round."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from chatboost.core.models import WorkItem
from chatboost.messaging import handlers
from chatboost.messaging.handlers import Batch, Inbound, Slot
from chatboost.messaging.models import Channel, Conversation, Message
from teams.models import Organization
from tests import factories
from tests.messaging.pipeline import receive, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def registry() -> Iterator[None]:
    """Start without the product's handlers; put them back afterwards."""
    before = list(handlers._handlers)
    handlers._handlers.clear()
    yield
    handlers._handlers[:] = before


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization))


@dataclass
class Heard:
    """What handlers were offered, as (slot's name, text)."""

    calls: list[tuple[str, str]] = field(default_factory=list)

    def register(self, slot: Slot, *, takes: bool = False) -> None:
        def handle(inbound: Inbound, batch: Batch) -> bool:
            self.calls.append((slot.name, inbound.message.text))
            return takes

        handlers.register(slot, slot.name.lower(), handle)

    @property
    def slots(self) -> list[str]:
        return [name for name, _ in self.calls]


@pytest.fixture
def heard(registry: None) -> Heard:
    return Heard()


@pytest.mark.parametrize(
    "order", [list(Slot), list(reversed(Slot)), sorted(Slot, key=lambda slot: slot.name)]
)
def test_handlers_are_asked_in_slot_order_however_they_were_registered(
    channel: Channel, heard: Heard, order: list[Slot]
) -> None:
    for slot in order:
        heard.register(slot)

    receive(channel, text())

    assert heard.slots == [slot.name for slot in Slot]


@pytest.mark.parametrize("taker", list(Slot))
def test_handler_that_takes_a_message_ends_the_round(channel: Channel, heard: Heard, taker: Slot) -> None:
    for slot in Slot:
        heard.register(slot, takes=slot == taker)

    receive(channel, text())

    assert heard.slots == [slot.name for slot in Slot if slot <= taker]


def test_offer_returns_the_name_of_the_handler_that_took_it(channel: Channel, heard: Heard) -> None:
    heard.register(Slot.COMMAND)
    heard.register(Slot.EVENT, takes=True)
    receive(channel, text())
    message = Message.objects.select_related("conversation__contact", "channel__bot").get()
    inbound = Inbound(
        message=message,
        conversation=message.conversation,
        contact=message.conversation.contact,
        channel=message.channel,
        bot=message.channel.bot,
        reply_id="",
        reply_title="",
    )

    assert handlers.offer(inbound, Batch([inbound], now=message.created_at)) == "event"


def test_message_that_nobody_takes_is_kept(channel: Channel, heard: Heard) -> None:
    receive(channel, text("Anyone?"))

    assert Message.objects.get().text == "Anyone?"


def test_register_a_taken_slot_is_an_error(registry: None) -> None:
    handlers.register(Slot.EVENT, "first", lambda inbound, batch: False)

    with pytest.raises(ValueError, match="EVENT"):
        handlers.register(Slot.EVENT, "second", lambda inbound, batch: False)


def test_product_keeps_the_bot_silent_in_a_paused_conversation(channel: Channel) -> None:
    names = [name for _, name, _ in handlers._handlers]
    receive(channel, text())
    conversation = Conversation.objects.get()
    conversation.is_bot_paused = True
    inbound = Inbound(
        message=Message.objects.get(),
        conversation=conversation,
        contact=conversation.contact,
        channel=channel,
        bot=channel.bot,
        reply_id="",
        reply_title="",
    )

    assert handlers.offer(inbound, Batch([inbound], now=conversation.created_at)) == "handover"
    assert names.index("handover") < names.index("interrupt") < names.index("waiting_flow")


@dataclass
class Notes:
    """What parts did, shared by the parts of a test."""

    made: list[str] = field(default_factory=list)
    flushed: list[str] = field(default_factory=list)


def test_part_is_made_once_for_a_batch(channel: Channel, registry: None) -> None:
    notes = Notes()

    class Part:
        def __init__(self, batch: Batch) -> None:
            notes.made.append(f"for {len(batch.inbounds)}")

        def flush(self) -> None:
            notes.flushed.append("part")

    handlers.register(Slot.EVENT, "event", lambda inbound, batch: bool(batch.part(Part)))
    receive(channel, text(sender="15550001111"), text(sender="15550002222"))

    assert (notes.made, notes.flushed) == (["for 2"], ["part"])


def test_part_is_flushed_after_the_part_it_builds_on(channel: Channel, registry: None) -> None:
    notes = Notes()

    class Base:
        def __init__(self, batch: Batch) -> None:
            pass

        def flush(self) -> None:
            notes.flushed.append("base")

    class Upper:
        def __init__(self, batch: Batch) -> None:
            self.base = batch.part(Base)

        def flush(self) -> None:
            notes.flushed.append("upper")

    handlers.register(Slot.EVENT, "event", lambda inbound, batch: bool(batch.part(Upper)))
    handlers.register(Slot.CATCH_ALL, "catch_all", lambda inbound, batch: bool(batch.part(Base)))
    receive(channel, text())

    assert notes.flushed == ["base", "upper"]


def test_flush_that_fails_undoes_the_whole_message(channel: Channel, registry: None) -> None:
    class Broken:
        def __init__(self, batch: Batch) -> None:
            pass

        def flush(self) -> None:
            raise RuntimeError("the flush broke")

    handlers.register(Slot.EVENT, "event", lambda inbound, batch: bool(batch.part(Broken)))
    receive(channel, text())

    assert not Message.objects.exists()
    assert "the flush broke" in WorkItem.objects.get().last_error
