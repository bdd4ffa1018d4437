"""The outbox: written with the caller's rows, delivered once to each subscriber, loops end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from django.db import transaction

from chatboost.core import events
from chatboost.core.models import OutboxEvent, WorkItem
from chatboost.core.work.drain import drain


@dataclass(frozen=True, slots=True, kw_only=True)
class KettleBoiled(events.Event):
    name: ClassVar[str] = "kettle_boiled"
    litres: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodyCares(events.Event):
    name: ClassVar[str] = "nobody_cares"


@dataclass(frozen=True, slots=True, kw_only=True)
class Echoed(events.Event):
    name: ClassVar[str] = "echoed"


heard: list[tuple[str, Mapping[str, Any], int]] = []


def first(payload: Mapping[str, Any], organization_id: int) -> None:
    heard.append(("first", payload, organization_id))


def second(payload: Mapping[str, Any], organization_id: int) -> None:
    if payload["litres"] == 0:
        raise ValueError("dry")
    heard.append(("second", payload, organization_id))


def echo(payload: Mapping[str, Any], organization_id: int) -> None:
    heard.append(("echo", payload, organization_id))
    events.publish(Echoed(organization_id=organization_id))


events.subscribe("kettle_boiled", name="test.first", handler=first)
events.subscribe("kettle_boiled", name="test.second", handler=second)
events.subscribe("echoed", name="test.echo", handler=echo)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def silence() -> None:
    heard.clear()


def test_publish_reaches_each_subscriber_once() -> None:
    events.publish(KettleBoiled(organization_id=7, litres=2))
    drain("interactive")
    assert [(name, payload["litres"], organization) for name, payload, organization in heard] == [
        ("first", 2, 7),
        ("second", 2, 7),
    ]


def test_publish_without_a_subscriber_writes_nothing() -> None:
    events.publish(NobodyCares(organization_id=7))
    assert not OutboxEvent.objects.exists()


def test_subscriber_that_fails_does_not_rerun_the_other() -> None:
    events.publish(KettleBoiled(organization_id=7, litres=0))
    drain("interactive")
    assert [name for name, _, _ in heard] == ["first"]
    assert WorkItem.objects.get().kind == "event:test.second"


def test_loop_of_events_ends_after_five_hops() -> None:
    events.publish(Echoed(organization_id=7))
    drain("interactive")
    assert len(heard) == 5


@pytest.mark.django_db(transaction=True)
def test_publish_in_a_rolled_back_transaction_reaches_nobody() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        events.publish(KettleBoiled(organization_id=7, litres=2))
        _ = 1 / 0
    drain("interactive")
    assert heard == []
