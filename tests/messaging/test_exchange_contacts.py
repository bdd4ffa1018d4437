"""Contacts from a table: what columns mean, what is written, and what an import never touches."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from chatboost.core import clock, events
from chatboost.core.events import registry
from chatboost.core.exchange import previews, staging
from chatboost.core.exchange.columns import CLEAR
from chatboost.core.exchange.errors import FileRefused
from chatboost.core.exchange.resources import Counts
from chatboost.core.models import OutboxEvent, WorkItem
from chatboost.core.work import kinds
from chatboost.messaging import phones
from chatboost.messaging.events import AttributeChanged, ContactCreated
from chatboost.messaging.exchange.columns import AttributeCells, EmailColumn, PhoneColumn
from chatboost.messaging.exchange.contacts import ContactResource
from chatboost.messaging.models import Contact, ContactAttribute, ContactStatus, ValueType
from chatboost.messaging.services import attributes, contacts
from teams.models import Organization
from tests import factories

pytestmark = pytest.mark.django_db

ADA = "+15550001111"
BOB = "+15550002222"


def write(organization: Organization, table: str, **options: Any) -> tuple[tuple[int, int, int], list[Any]]:
    """Import a table; returns created, updated, unchanged, and what was rejected."""
    resource = ContactResource(organization)
    total, rejected = Counts(), []
    cleaning = staging.Cleaning(resource, io.BytesIO(table.encode()), staging.Options(**options))
    for chunk, refused in cleaning.chunks():
        # As a job does it: through a file.
        done = resource.write(staging.loaded(staging.dumped(chunk)))
        total.created += done.created
        total.updated += done.updated
        total.unchanged += done.unchanged
        rejected += refused
    return (total.created, total.updated, total.unchanged), rejected


def known(contact: Contact) -> dict[str, tuple[Any, str, str]]:
    rows = contact.attributes.values_list("key", "value", "value_type", "search_value")
    return {key: (value, type_, text) for key, value, type_, text in rows}


def test_people_are_created_and_changed_by_their_phone(organization: Organization) -> None:
    factories.contact(organization, phone=ADA, first_name="Eve", last_name="L", email="old@example.com")
    counts, rejected = write(
        organization, "phone,first_name,email\n+1 (555) 000-1111,Ada,\n15550002222,Bob,b@example.com\n"
    )
    assert (counts, rejected) == ((1, 1, 0), [])
    ada, bob = Contact.objects.get(phone=ADA), Contact.objects.get(phone=BOB)
    assert (ada.first_name, ada.last_name, ada.email) == ("Ada", "L", "old@example.com")
    assert (bob.first_name, bob.last_name, bob.email) == ("Bob", "", "b@example.com")
    assert bob.status == ContactStatus.ACTIVE


def test_same_table_again_changes_nothing(organization: Organization) -> None:
    table = f"phone,first_name,city,age:number\n{ADA},Ada,Lahore,36\n{BOB},Bob,,\n"
    write(organization, table)
    before = list(Contact.objects.order_by("id").values())
    facts = list(ContactAttribute.objects.order_by("id").values())
    assert write(organization, table)[0] == (0, 0, 2)
    assert list(Contact.objects.order_by("id").values()) == before
    assert list(ContactAttribute.objects.order_by("id").values()) == facts


def test_empty_cells_leave_and_dashes_clear(organization: Organization) -> None:
    ada = factories.contact(organization, phone=ADA, first_name="Ada", last_name="L")
    attributes.set_many(contact=ada, entries=[{"key": "city", "value": "Rome", "value_type": "string"}])
    assert write(organization, f"phone,first_name,last_name,city\n{ADA},,,\n")[0] == (0, 0, 1)
    assert write(organization, f"phone,first_name,last_name,city\n{ADA},,--,--\n")[0] == (0, 1, 0)
    ada.refresh_from_db()
    assert (ada.first_name, ada.last_name, known(ada)) == ("Ada", "", {})
    assert write(organization, f"phone,first_name,last_name,city\n{ADA},,--,--\n")[0] == (0, 0, 1)


def test_dashes_for_somebody_new_are_nothing(organization: Organization) -> None:
    assert write(organization, f"phone,first_name,city\n{ADA},--,--\n")[0] == (1, 0, 0)
    assert (Contact.objects.get().first_name, known(Contact.objects.get())) == ("", {})


@pytest.mark.parametrize(
    "heading",
    ["Phone number", "phone_number", "PHONE", "mobile", "Mobile Number", "WhatsApp", "Tel.", "cell-phone"],
)
def test_headings_are_known_by_other_names(organization: Organization, heading: str) -> None:
    assert write(organization, f"{heading},First name,Surname,E-Mail,Lang\n{ADA},A,B,a@example.com,en\n")[
        0
    ] == ((1, 0, 0))
    row = Contact.objects.values("phone", "first_name", "last_name", "email", "language").get()
    assert list(row.values()) == [ADA, "A", "B", "a@example.com", "en"]


def test_other_columns_are_attributes_of_the_type_they_name(organization: Organization) -> None:
    table = (
        "phone,City,Favourite colour,age:number,is vip:boolean,born:date,"
        "seen:datetime,raw:json,attribute:email\n"
        f'{ADA},Lahore,red,36.5,yes,1815-12-10,2030-01-01T10:00:00+05:00,"{{""a"": [1]}}",x\n'
    )
    assert write(organization, table)[0] == (1, 0, 0)
    assert known(Contact.objects.get()) == {
        "City": ("Lahore", "string", "Lahore"),
        "Favourite_colour": ("red", "string", "red"),
        "age": (36.5, "number", "36.5"),
        "is_vip": (True, "boolean", "true"),
        "born": ("1815-12-10", "date", "1815-12-10"),
        "seen": ("2030-01-01T05:00:00Z", "datetime", "2030-01-01T05:00:00Z"),
        "raw": ({"a": [1]}, "json", '{"a":[1]}'),
        "email": ("x", "string", "x"),
    }
    assert Contact.objects.get().email == ""


def test_attributes_are_stored_as_the_service_stores_them(organization: Organization) -> None:
    entries = [
        {"key": "a", "value": "x" * 300, "value_type": "string"},
        {"key": "b", "value": "25.0", "value_type": "number"},
        {"key": "c", "value": "no", "value_type": "boolean"},
        {"key": "d", "value": '{"b": 1, "a": "ü"}', "value_type": "json"},
        {"key": "e", "value": "null", "value_type": "json"},
    ]
    by_service = factories.contact(organization)
    attributes.set_many(contact=by_service, entries=entries)
    heading = ",".join(f"{entry['key']}:{entry['value_type']}" for entry in entries)
    values = ",".join('"{}"'.format(entry["value"].replace('"', '""')) for entry in entries)
    write(organization, f"phone,{heading}\n{ADA},{values}\n")
    assert known(Contact.objects.get(phone=ADA)) == known(by_service)
    # And the other way round: what the service has written is the same to an import.
    assert write(organization, f"phone,{heading}\n{by_service.phone},{values}\n")[0] == (0, 0, 1)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL counts the given rows by itself")
def test_given_attributes_are_read_once_and_not_for_each_contact(organization: Organization) -> None:
    with CaptureQueriesContext(connection) as seen:
        write(organization, f"phone,city\n{ADA},Lahore\n{BOB},Rome\n")
    (statement,) = [q["sql"] for q in seen if "INTO messaging_contactattribute" in q["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + statement)
        loops = [detail for *_, detail in cursor.fetchall() if detail.startswith(("SCAN", "SEARCH"))]
    assert loops[0].startswith("SCAN json_each")
    assert loops[1].startswith("SEARCH contact USING")


def test_many_attributes_are_written_a_few_rows_at_a_time(organization: Organization) -> None:
    names = [f"fact{number}" for number in range(40)]
    lines = [",".join([f"+1555{row:07d}", *names]) for row in range(200)]
    table = "\n".join([",".join(["phone", *names]), "no phone", *lines]).encode()
    cleaning = staging.Cleaning(ContactResource(organization), io.BytesIO(table), staging.Options())
    chunks, rejected = zip(*cleaning.chunks(), strict=True)
    sizes = [len(chunk.numbers) for chunk in chunks]
    assert (sizes, [len(rows) for rows in rejected]) == ([75, 75, 50], [1, 0, 0])
    assert [number for chunk in chunks for number in chunk.numbers] == list(range(3, 203))


def test_changed_attribute_counts_as_a_change_of_the_contact(organization: Organization) -> None:
    write(organization, f"phone,age:number\n{ADA},1\n{BOB},2\n")
    assert write(organization, f"phone,age:number\n{ADA},1\n{BOB},3\n")[0] == (0, 1, 1)
    # The same text with another type is something else.
    assert write(organization, f"phone,age\n{ADA},1\n{BOB},3\n")[0] == (0, 2, 0)


def test_wrong_cells_reject_their_row_with_its_number_and_column(organization: Organization) -> None:
    table = (
        "Phone,email,age:number,lang\n"
        ",a@example.com,1,en\n"
        "12345,nobody,x,not a language\n"
        f"{ADA},a@example.com,1,en\n"
        "--,,,\n"
    )
    counts, rejected = write(organization, table)
    assert counts == (1, 0, 0)
    assert [(row, error) for row, _, error in rejected] == [
        (2, "Phone: This is required."),
        (
            3,
            "Phone: A phone number has 7 to 15 digits.; email: Enter a valid email address.; "
            "lang: This is no language, such as en or pt-BR.; age:number: Not a number.",
        ),
        (5, "Phone: A phone number has 7 to 15 digits."),
    ]
    assert rejected[1][1] == ["12345", "nobody", "x", "not a language"]


def test_rows_of_one_phone_are_written_one_after_the_other(organization: Organization) -> None:
    table = f"phone,first_name,city\n{ADA},Ada,Rome\n15550001111,,Lahore\n{ADA},Ada,\n{ADA},--,\n"
    assert write(organization, table)[0] == (1, 2, 1)
    contact = Contact.objects.get()
    assert (contact.first_name, known(contact)["city"][0]) == ("", "Lahore")


def test_whether_somebody_may_be_written_to_is_not_imported(organization: Organization) -> None:
    blocked = factories.contact(organization, phone=ADA, status=ContactStatus.BLOCKED)
    assert write(organization, f"phone,status,id,created_at\n{ADA},active,7,2000-01-01\n")[0] == (0, 0, 1)
    blocked.refresh_from_db()
    assert (blocked.status, known(blocked)) == (ContactStatus.BLOCKED, {})
    assert write(organization, f"phone,status\n{BOB},blocked\n")[0] == (1, 0, 0)
    assert Contact.objects.get(phone=BOB).status == ContactStatus.ACTIVE


def test_somebody_who_was_forgotten_is_somebody_new(organization: Organization) -> None:
    erased = factories.contact(organization, phone=ADA, first_name="Ada")
    contacts.erase(erased)
    assert write(organization, f"phone,first_name\n{ADA},Ann\n")[0] == (1, 0, 0)
    erased.refresh_from_db()
    assert (erased.phone, erased.first_name, erased.status) == (None, "", ContactStatus.ARCHIVED)
    assert ContactResource(organization).get_queryset().count() == 1


def test_same_phone_in_another_organization_is_somebody_else(
    organization: Organization, other_organization: Organization
) -> None:
    theirs = factories.contact(other_organization, phone=ADA, first_name="Theirs")
    attributes.set_many(contact=theirs, entries=[{"key": "city", "value": "Oslo", "value_type": "string"}])
    seen = previews.look(
        io.BytesIO(f"phone,city\n{ADA},Rome\n".encode()), ContactResource(organization), staging.Options()
    )
    assert seen.counts == {"create": 1, "update": 0, "nothing": 0, "rejected": 0}
    assert write(organization, f"phone,first_name,city\n{ADA},Ours,--\n{ADA},Ours,Rome\n")[0] == (1, 1, 0)
    theirs.refresh_from_db()
    assert (theirs.first_name, known(theirs)["city"][0]) == ("Theirs", "Oslo")
    assert known(Contact.objects.get(organization=organization))["city"][0] == "Rome"


def test_preview_says_what_a_write_then_does(organization: Organization) -> None:
    table = f"phone,first_name,age:number\n{ADA},Ada,1\n{BOB},Bob,\n{ADA},Ann,1\n{BOB},,--\n"
    factories.contact(organization, phone=BOB, first_name="Bob")
    seen = previews.look(io.BytesIO(table.encode()), ContactResource(organization), staging.Options())
    assert [difference.action for difference in seen.differences] == [
        "create",
        "nothing",
        "update",
        "nothing",
    ]
    assert seen.differences[2].changes == {"first_name": ("Ada", "Ann")}
    assert not Contact.objects.filter(phone=ADA).exists()
    assert write(organization, table)[0] == (1, 1, 2)


def test_mapping_renames_and_leaves_out(organization: Organization) -> None:
    mapping = {"Handy": "phone", "Notes": None, "Ort": "attribute:city"}
    write(organization, f"Handy,Notes,Ort\n{ADA},x,Rome\n", mapping=mapping)
    assert list(known(Contact.objects.get())) == ["city"]
    with pytest.raises(FileRefused) as caught:
        write(organization, f"Handy\n{ADA}\n", mapping={"Mobil": "phone"})
    assert caught.value.code == "invalid_mapping"


# Events


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_kinds", dict(kinds._kinds))
    for event in (ContactCreated, AttributeChanged):
        listeners = list(registry._by_event[event.name])
        monkeypatch.setitem(registry._by_event, event.name, listeners)
        events.subscribe(event.name, name=f"test.{event.name}", handler=_ignore)


def _ignore(payload: Mapping[str, Any], organization_id: int) -> None:
    """Do nothing."""


@pytest.mark.usefixtures("listening")
def test_who_is_new_is_told_to_those_who_listen(organization: Organization) -> None:
    factories.contact(organization, phone=ADA)
    write(organization, f"phone,city\n{ADA},Rome\n{BOB},\n")
    bob = Contact.objects.get(phone=BOB)
    told = list(OutboxEvent.objects.order_by("id").values_list("name", "payload"))
    assert {name for name, _ in told} == {"contact_created", "attribute_changed"}
    created = dict(told)["contact_created"]
    assert created == {"organization_id": organization.pk, "contact_id": bob.pk, "source": "import"}
    assert WorkItem.objects.filter(kind__startswith="event:test.").count() == 2
    write(organization, f"phone,city\n{ADA},Rome\n{BOB},\n")
    assert OutboxEvent.objects.count() == 2


def test_nothing_is_told_when_nobody_listens(organization: Organization) -> None:
    write(organization, f"phone,city\n{ADA},Rome\n")
    assert not OutboxEvent.objects.exists()


# Cleaning by column is cleaning by cell


_PHONE_LETTERS = "+0123456789 ()-./\t٣x'\n\u200e"


@given(st.lists(st.text(_PHONE_LETTERS, max_size=20), max_size=6))
def test_phones_of_a_column_are_those_of_the_service(values: list[str]) -> None:
    cleaned, errors = PhoneColumn(attribute="phone", is_required=True).clean_many(values)
    for place, value in enumerate(values):
        try:
            expected = phones.normalise(value)
        except phones.PhoneError:
            assert place in errors
        else:
            assert (cleaned[place], place in errors) == (expected, False)


@given(st.lists(st.emails() | st.text("ab@.-_ é", max_size=12), max_size=6))
def test_emails_of_a_column_are_those_of_django(values: list[str]) -> None:
    from django.core.exceptions import ValidationError
    from django.core.validators import validate_email

    _, errors = EmailColumn(attribute="email", max_length=254).clean_many(values)
    for place, value in enumerate(values):
        text = value.strip()
        try:
            is_right = text in ("", "--") or validate_email(text) is None
        except ValidationError:
            is_right = False
        assert (place not in errors) is (is_right and len(text) <= 254)


@given(st.sampled_from(ValueType.values), st.lists(st.text('1-te{}[]no:" Z', max_size=6), max_size=6))
def test_attributes_of_a_column_are_those_of_the_service(value_type: str, values: list[str]) -> None:
    from chatboost.messaging import attribute_values

    cleaned, errors = AttributeCells(value_type).clean_many(values)
    for place, value in enumerate(values):
        text = value.strip()
        if text in ("", "--"):
            assert cleaned[place] is (None if not text else CLEAR)
            continue
        try:
            expected = attribute_values.coerce(text, value_type)
        except attribute_values.AttributeValueError:
            assert place in errors
        else:
            found = cleaned[place][0] if isinstance(cleaned[place], list) else cleaned[place]
            assert (found, place in errors) == (expected, False)


def test_statements_of_a_chunk_do_not_grow_with_it(
    organization: Organization, django_assert_max_num_queries: Any
) -> None:
    rows = "".join(f"+1555000{number:04d},P{number},Rome\n" for number in range(1000))
    with clock.frozen(clock.now()), django_assert_max_num_queries(12):
        assert write(organization, f"phone,first_name,city\n{rows}")[0] == (1000, 0, 0)
