"""Sources that are rows or files of ours: the sandbox, our own contacts, tables."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pytest_django import Settings

from chatboost.core import clock, files
from chatboost.messaging.models import Contact, ContactStatus
from chatboost.messaging.services import attributes
from chatboost.messaging.services import contacts as contact_service
from invitations import drawn_people, providers
from invitations.choices import AudienceKind, SourceKind
from invitations.models import InvitationSource, SandboxContact
from invitations.providers import base
from invitations.providers.files import PAGE_SIZE, FileSource
from invitations.services import sources
from teams.models import Organization
from tests import factories
from tests.core import corpus_exchange

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _folder(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def sandbox(organization: Organization, other_organization: Organization) -> InvitationSource:
    sources.create(organization=other_organization, kind=SourceKind.SANDBOX, name="Theirs")
    with clock.frozen(NOW - timedelta(days=1)):
        return sources.create(organization=organization, kind=SourceKind.SANDBOX, name="Ours")


def table(organization: Organization, content: bytes, *, email_field: str = "email") -> FileSource:
    (place,) = files.reserve(
        1, organization_id=organization.pk, purpose="test", permission="x.y", expires_at=None
    )
    files.complete([files.fill(place, content, name="people.csv", content_type="text/csv")])
    return FileSource(place.uuid, organization.pk, email_field=email_field)


def set_attribute(contact: Contact, key: str, value: Any, value_type: str = "string") -> None:
    attributes.set_many(contact=contact, entries=[{"key": key, "value": value, "value_type": value_type}])


def test_sandbox_begins_with_fifty_people_of_many_scripts(sandbox: InvitationSource) -> None:
    people = SandboxContact.objects.for_organization(sandbox.organization_id).order_by("number")

    assert [person.values["email"] for person in people] == [
        f"guest{number:02}@people.example" for number in range(1, 51)
    ]
    names = " ".join(person.values["firstname"] + person.values["lastname"] for person in people)
    assert {"ع", "é", "🎉", "Ł", "ا"} <= set(names)


def test_sandbox_since_holds_who_has_changed(sandbox: InvitationSource) -> None:
    adapter = providers.source_of(sandbox)
    with clock.frozen(NOW):
        adapter.write_link("7", "invitation_link", "https://a.example/7")

    assert [person.external_id for person in adapter.page("", NOW).people] == ["7"]


def test_sandbox_draws_its_own_portraits_only(sandbox: InvitationSource) -> None:
    adapter = providers.source_of(sandbox)
    person = adapter.person("1")

    assert adapter.photo(person.values["photo"]) == drawn_people.portrait(1)
    assert adapter.person("17").values["photo"] == ""
    for address in ("chatboost-sandbox:portrait/51", "chatboost-sandbox:portrait/0", "chatboost-sandbox:x"):
        with pytest.raises(base.PhotoProblem) as caught:
            adapter.photo(address)
        assert caught.value.code == "not_found"


def test_sandbox_has_no_field_but_its_own(sandbox: InvitationSource) -> None:
    adapter = providers.source_of(sandbox)
    for call in (lambda: adapter.read_link("1", "card"), lambda: adapter.write_link("1", "card", "x")):
        with pytest.raises(base.Invalid) as caught:
            call()
        assert caught.value.code == "no_such_field"


def test_contacts_are_the_organization_s_active_ones(
    organization: Organization, other_organization: Organization
) -> None:
    contact = factories.contact(organization, first_name="Ada", email="ada@example.com")
    factories.contact(other_organization)
    factories.contact(organization, status=ContactStatus.BLOCKED)
    contact_service.erase(factories.contact(organization))
    set_attribute(contact, "city", "Lahore")
    set_attribute(contact, "age", 41, "number")
    source = sources.create(organization=organization, kind=SourceKind.CONTACTS, name="Contacts")
    (person,) = providers.source_of(source).page("", None).people

    assert person.external_id == str(contact.pk)
    assert person.values | {"first_name": "Ada", "city": "Lahore", "age": "41"} == person.values


def test_contacts_of_an_attribute_have_its_value(organization: Organization) -> None:
    guest, other = factories.contact(organization), factories.contact(organization)
    set_attribute(guest, "event", "launch")
    set_attribute(other, "event", "later")
    source = sources.create(
        organization=organization,
        kind=SourceKind.CONTACTS,
        name="Contacts",
        audience=AudienceKind.ATTRIBUTE,
        audience_id="event = launch",
    )
    people = providers.source_of(source).page("", None).people

    assert [person.external_id for person in people] == [str(guest.pk)]


def test_contacts_since_counts_attributes_too(organization: Organization) -> None:
    old, renamed, told = (factories.contact(organization) for _ in range(3))
    Contact.objects.for_organization(organization).update(updated_at=NOW - timedelta(days=1))
    Contact.objects.for_organization(organization).filter(pk=renamed.pk).update(updated_at=NOW)
    with clock.frozen(NOW - timedelta(days=1)):
        set_attribute(old, "city", "Lahore")
    with clock.frozen(NOW):
        set_attribute(told, "city", "Lahore")
    source = sources.create(organization=organization, kind=SourceKind.CONTACTS, name="Contacts")
    people = providers.source_of(source).page("", NOW).people

    assert {person.external_id for person in people} == {str(renamed.pk), str(told.pk)}


def test_contacts_of_another_organization_are_gone(
    organization: Organization, other_organization: Organization
) -> None:
    theirs = factories.contact(other_organization)
    source = sources.create(organization=organization, kind=SourceKind.CONTACTS, name="Contacts")
    adapter = providers.source_of(source)
    with pytest.raises(base.Gone):
        adapter.write_link(str(theirs.pk), "invitation_link", "https://a.example")

    assert not theirs.attributes.exists()


@pytest.mark.parametrize("field", ["email", "no key", "", "x" * 65])
def test_link_of_a_contact_goes_into_an_attribute_only(organization: Organization, field: str) -> None:
    contact = factories.contact(organization)
    source = sources.create(organization=organization, kind=SourceKind.CONTACTS, name="Contacts")
    with pytest.raises(base.Invalid):
        providers.source_of(source).write_link(str(contact.pk), field, "https://a.example")


def test_file_tells_people_apart_by_address_or_by_row(organization: Organization) -> None:
    content = "name;email;size\nZoë;Zoe@People.example ;S\nعائشہ;;M\nعائشہ;;L\n".encode()
    people = table(organization, content).page("", None).people

    assert people[0].external_id == "zoe@people.example"
    assert people[0].values == {"email": "Zoe@People.example", "name": "Zoë", "size": "S"}
    assert len({person.external_id for person in people}) == 3
    assert people[1].external_id.startswith("row:")


def test_file_of_excel_is_read(organization: Organization) -> None:
    book = openpyxl.Workbook()
    for cells in (["Name", "email"], ["Ada", "ada@people.example"], ["Bo", 7]):
        book.active.append(cells)
    stream = io.BytesIO()
    book.save(stream)
    people = table(organization, stream.getvalue()).page("", None).people

    assert [person.values["Name"] for person in people] == ["Ada", "Bo"]
    assert people[1].external_id == "7"


def test_file_is_read_page_by_page(organization: Organization) -> None:
    lines = b"".join(b"g%d@people.example\n" % number for number in range(2 * PAGE_SIZE + 5))
    adapter = table(organization, b"email\n" + lines)
    first = adapter.page("", None)
    second = adapter.page(first.next, None)
    third = adapter.page(second.next, None)

    assert [len(page.people) for page in (first, second, third)] == [PAGE_SIZE, PAGE_SIZE, 5]
    assert third.next == ""


def test_file_that_is_not_there_is_gone(organization: Organization, other_organization: Organization) -> None:
    for adapter in (
        FileSource(None, organization.pk),
        FileSource(table(other_organization, b"email\na@b.example\n")._file_uuid, organization.pk),
    ):
        with pytest.raises(base.Gone) as caught:
            adapter.page("", None)
        assert caught.value.code == "no_file"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"%PDF-1.7", "unsupported_format"),
        (b"\x1f\x8b\x08\x00", "unsupported_format"),
        (b'[{"email": "a@b.example"}]', "unsupported_format"),
        (b"PK\x03\x04 no archive", "unsupported_format"),
        (b"email,email\na,b\n", "duplicate_heading"),
        (b"email\n" + b"x" * 11_000_000, "file_too_large"),
    ],
)
def test_file_that_is_hostile_or_no_table_is_invalid(
    organization: Organization, content: bytes, code: str
) -> None:
    adapter = table(organization, content)
    for call in (adapter.check, lambda: adapter.page("", None)):
        with pytest.raises(base.Invalid) as caught:
            call()
        assert caught.value.code == code


# Of columns, which only imports know.
OF_IMPORTS = {"missing_column", "unknown_column", "unknown_column|missing_column", "duplicate_heading"}


def test_file_of_too_many_rows_is_invalid(organization: Organization) -> None:
    with pytest.raises(base.Invalid) as caught:
        table(organization, b"email\n" + b"a@b.example\n" * 20_001).check()

    assert caught.value.code == "too_many_rows"


@pytest.mark.parametrize(
    "case",
    [case for case in corpus_exchange.CASES if case.refused and case.refused not in OF_IMPORTS],
    ids=lambda case: case.name,
)
def test_file_that_attackers_make_is_invalid(organization: Organization, case: corpus_exchange.Case) -> None:
    adapter = table(organization, case.make(), email_field="phone")
    with pytest.raises(base.Invalid):
        adapter.check()
    with pytest.raises(base.Invalid):
        adapter.page("", None)


def test_file_whose_rows_are_broken_is_told(organization: Organization) -> None:
    checked = table(organization, b"name,email\nAda,ada@people.example,more\nBo,bo@people.example\n").check()

    assert checked.account == "1 rows"
    assert checked.problems == ["Row 2: There are 3 cells for 2 columns."]


def test_file_without_the_mapped_column_is_told(organization: Organization) -> None:
    checked = table(organization, b"name,mail\nAda,ada@people.example\n").check()

    assert checked.fields == [base.Field("name", "name"), base.Field("mail", "mail")]
    assert checked.problems == ["No column is called “email”."]
