"""Contact attributes: one statement, all or nothing, the later one wins."""

import pytest
from pytest_django import DjangoAssertNumQueries

from chatboost.core.errors import NotFound, ValidationFailed
from chatboost.messaging.models import Contact, ContactAttribute
from chatboost.messaging.services import attributes
from chatboost.messaging.services.attributes import AttributeWrite
from teams.models import Organization
from tests import factories
from tests.messaging.listening import listening


@pytest.fixture
def contact(organization: Organization) -> Contact:
    return factories.contact(organization)


def _write(contact: Contact, key: str, value: object, value_type: str = "string") -> AttributeWrite:
    return AttributeWrite(
        organization_id=contact.organization_id,
        contact_id=contact.pk,
        key=key,
        value=value,
        value_type=value_type,
    )


def _stored(contact: Contact) -> dict[str, object]:
    return dict(ContactAttribute.objects.filter(contact=contact).values_list("key", "value"))


def test_write_costs_one_statement(
    contact: Contact, organization: Organization, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    other = factories.contact(organization)
    rows = [_write(person, f"key{n}", str(n)) for person in (contact, other) for n in range(20)]

    with django_assert_num_queries(1):
        attributes.write(rows)

    assert len(_stored(other)) == 20


def test_write_of_two_values_for_a_key_keeps_the_later(contact: Contact) -> None:
    attributes.write([_write(contact, "age", "24"), _write(contact, "age", 25, "number")])

    assert _stored(contact) == {"age": 25}


def test_write_again_replaces_value_type_and_search_text(contact: Contact) -> None:
    attributes.write([_write(contact, "age", "many")])
    first = ContactAttribute.objects.get(contact=contact)

    attributes.write([_write(contact, "age", 25.0, "number")])

    second = ContactAttribute.objects.get(contact=contact)
    assert (second.pk, second.value_type, second.search_value) == (first.pk, "number", "25")
    assert second.updated_at > first.updated_at


def test_write_of_nothing_does_nothing(contact: Contact) -> None:
    attributes.write([])

    assert _stored(contact) == {}


def test_write_tells_each_key_once(contact: Contact) -> None:
    with listening("attribute_changed") as heard:
        attributes.write([_write(contact, "b", "1"), _write(contact, "a", "1"), _write(contact, "b", "2")])

    assert [event["key"] for event in heard] == ["a", "b"]


def test_set_many_with_one_wrong_value_stores_nothing(contact: Contact) -> None:
    entries = [
        {"key": "name", "value": "Ana", "value_type": "string"},
        {"key": "age", "value": "many", "value_type": "number"},
        {"key": "9", "value": "x", "value_type": "string"},
    ]

    with pytest.raises(ValidationFailed) as caught:
        attributes.set_many(contact=contact, entries=entries)

    assert sorted(caught.value.errors) == ["9", "age"]
    assert _stored(contact) == {}


def test_set_many_of_too_many_is_refused(contact: Contact) -> None:
    entries = [
        {"key": f"k{n}", "value": "x", "value_type": "string"} for n in range(attributes.MAX_PER_CALL + 1)
    ]

    with pytest.raises(ValidationFailed) as caught:
        attributes.set_many(contact=contact, entries=entries)

    assert caught.value.code == "too_many_attributes"


def test_remove_twice_is_not_found(contact: Contact) -> None:
    attributes.write([_write(contact, "age", "24")])
    attribute = ContactAttribute.objects.get(contact=contact)

    attributes.remove(attribute)
    with pytest.raises(NotFound):
        attributes.remove(attribute)
