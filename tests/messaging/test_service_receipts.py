"""Receipts: one per key and channel, for ever, each with its work in the order of arrival."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from chatboost.core.models import WorkItem
from chatboost.messaging.models import Channel, ReceiptKind, WebhookReceipt
from chatboost.messaging.services import receipts
from teams.models import Organization
from tests import factories
from tests.messaging.pipeline import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization))


def part(channel: Channel, key: str, **fields: Any) -> receipts.Delivered:
    given: dict[str, Any] = {"kind": ReceiptKind.MESSAGE, "payload": {"key": key}, "sender": "+15550001111"}
    return receipts.Delivered(channel=channel, key=key, **(given | fields))


def test_store_writes_receipts_and_work(channel: Channel) -> None:
    assert receipts.store([part(channel, "m:1"), part(channel, "s:1", kind=ReceiptKind.STATUS)], now=NOW) == 2

    message, status = WebhookReceipt.objects.order_by("key")
    assert (message.payload, message.received_at) == ({"key": "m:1"}, NOW)
    assert message.organization_id == channel.organization_id
    items = {item.kind: item for item in WorkItem.objects.all()}
    assert items[receipts.INBOUND_KIND].subject_id == message.pk
    assert items[receipts.STATUS_KIND].subject_id == status.pk


def test_store_gives_each_person_a_lane_and_statuses_none(channel: Channel) -> None:
    receipts.store([part(channel, "m:1"), part(channel, "s:1", kind=ReceiptKind.STATUS)])

    lanes = dict(WorkItem.objects.values_list("kind", "lane"))
    assert lanes == {
        receipts.INBOUND_KIND: f"in:{channel.pk}:+15550001111",
        receipts.STATUS_KIND: None,
    }


def test_store_lets_messages_overtake_statuses(channel: Channel) -> None:
    receipts.store([part(channel, "s:1", kind=ReceiptKind.STATUS), part(channel, "m:1")])

    assert WorkItem.objects.order_by("priority").first().kind == receipts.INBOUND_KIND


def test_store_keeps_what_it_does_not_understand_without_work(channel: Channel) -> None:
    assert receipts.store([part(channel, "x:1", kind=ReceiptKind.OTHER)]) == 1

    assert WebhookReceipt.objects.get().kind == ReceiptKind.OTHER
    assert not WorkItem.objects.exists()


def test_store_the_same_key_again_is_nothing_new(channel: Channel) -> None:
    receipts.store([part(channel, "m:1", payload={"first": True})])

    assert receipts.store([part(channel, "m:1"), part(channel, "m:2")]) == 1
    assert WorkItem.objects.count() == 2
    assert WebhookReceipt.objects.get(key="m:1").payload == {"first": True}


def test_store_the_same_key_twice_at_once_is_one_receipt(channel: Channel) -> None:
    assert receipts.store([part(channel, "m:1"), part(channel, "m:1")]) == 1
    assert WorkItem.objects.count() == 1


def test_store_the_same_key_of_another_channel_is_new(
    channel: Channel, other_organization: Organization
) -> None:
    other = factories.channel(factories.bot(other_organization))

    assert receipts.store([part(channel, "m:1"), part(other, "m:1")]) == 2
    assert set(WebhookReceipt.objects.values_list("organization_id", flat=True)) == {
        channel.organization_id,
        other.organization_id,
    }


def test_store_nothing_is_nothing() -> None:
    assert receipts.store([]) == 0


def test_store_enqueues_in_the_order_of_the_delivery(channel: Channel) -> None:
    receipts.store([part(channel, key) for key in ("m:9", "m:1", "m:5")])

    keys = dict(WebhookReceipt.objects.values_list("id", "key"))
    order = [
        keys[subject] for subject in WorkItem.objects.order_by("id").values_list("subject_id", flat=True)
    ]
    assert order == ["m:9", "m:1", "m:5"]


def test_store_more_than_a_statement_takes_is_stored_whole(channel: Channel) -> None:
    parts = [part(channel, f"x:{number}", kind=ReceiptKind.OTHER) for number in range(2500)]

    assert receipts.store(parts) == 2500
    assert receipts.store(parts) == 0


def test_store_in_a_rolled_back_transaction_leaves_nothing(channel: Channel) -> None:
    with transaction.atomic():
        receipts.store([part(channel, "m:1")])
        transaction.set_rollback(True)

    assert not WebhookReceipt.objects.exists()
    assert not WorkItem.objects.exists()


def test_store_keeps_payloads_letter_by_letter(channel: Channel) -> None:
    payload = {"text": "خوش آمدید 👩‍👩‍👧 \\ \" ' %s", "number": 10**20, "nested": [{"a": None}]}
    receipts.store([part(channel, "m:1", payload=payload)])

    assert WebhookReceipt.objects.get().payload == payload


def test_store_with_a_very_long_sender_fits_the_lane(channel: Channel) -> None:
    receipts.store([part(channel, "m:1", sender="US." + "9" * 150)])

    assert len(WorkItem.objects.get().lane) == 120


def test_store_costs_the_same_for_ten_as_for_two(channel: Channel) -> None:
    def queries(count: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            receipts.store([part(channel, f"m:{count}:{number}") for number in range(count)])
        return len(captured)

    assert queries(2) == queries(10)
