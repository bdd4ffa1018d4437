"""Rows read by a condition of one's own are the rows the ORM would have read."""

import pytest
from pytest_django import DjangoAssertNumQueries

from chatboost.core.db import reads
from chatboost.messaging.models import Channel, Contact, ContactAttribute, Conversation, WebhookReceipt
from teams.models import Organization
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel(organization: Organization) -> Channel:
    return factories.channel(factories.bot(organization), access_token="secret")


def where_id(*ids: int) -> dict[str, object]:
    condition, values = reads.among("id", ids)
    return {"where": condition, "values": [values]}


@pytest.mark.parametrize("payload", [{"a": [1, None, "ü"]}, "text", 7, [], None])
def test_fetch_of_json_returns_what_the_orm_returns(channel: Channel, payload: object) -> None:
    made = WebhookReceipt.objects.create(
        organization_id=channel.organization_id, channel=channel, key="m:1", kind="message", payload={}
    )
    attribute = ContactAttribute.objects.create(
        organization_id=channel.organization_id,
        contact=factories.contact(channel.organization),
        key="key",
        value=payload,
    )

    (receipts, attributes) = reads.fetch(
        reads.Read(model=WebhookReceipt, **where_id(made.pk)),
        reads.Read(model=ContactAttribute, **where_id(attribute.pk)),
    )

    assert receipts[0].received_at == WebhookReceipt.objects.get().received_at
    assert attributes[0].value == ContactAttribute.objects.get().value == payload


def test_fetch_of_columns_returns_tuples(channel: Channel) -> None:
    read = reads.Read(model=Channel, columns=("bot_id", "access_token"), **where_id(channel.pk))

    assert reads.fetch(read) == [[(channel.bot_id, "secret")]]


def test_fetch_without_a_column_defers_it(
    channel: Channel, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    [[found]] = reads.fetch(reads.Read(model=Channel, without=("access_token",), **where_id(channel.pk)))

    assert found == channel
    assert not found._state.adding
    assert found.get_deferred_fields() == {"access_token"}
    with django_assert_num_queries(1):
        assert found.access_token == "secret"


def test_fetch_of_several_answers_each_in_order(channel: Channel) -> None:
    person = factories.contact(channel.organization)
    talk = factories.conversation(channel, person)

    nobody, people, talks = reads.fetch(
        reads.Read(model=Contact, **where_id()),
        reads.Read(model=Contact, **where_id(person.pk, person.pk + 1)),
        reads.Read(model=Conversation, is_locked=True, **where_id(talk.pk)),
    )

    assert (nobody, people, talks) == ([], [person], [talk])


def test_fetch_locked_answers_in_the_order_of_ids(organization: Organization) -> None:
    people = [factories.contact(organization) for _ in range(5)]

    [found] = reads.fetch(
        reads.Read(model=Contact, is_locked=True, **where_id(*[row.pk for row in reversed(people)]))
    )

    assert found == people


def test_among_texts_takes_them_as_they_are(organization: Organization) -> None:
    names = ['a"b', "c,d", "{e}", "f\\g", ""]
    for name in names:
        factories.contact(organization, first_name=name)
    condition, values = reads.among("first_name", names)

    [found] = reads.fetch(reads.Read(model=Contact, where=condition, values=[values]))

    assert sorted(row.first_name for row in found) == sorted(names)
