"""What every contact source owes its callers: Mautic, the sandbox, a file and our own contacts alike."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from chatboost.core import files, tenancy
from chatboost.messaging.services import contacts
from invitations import providers
from invitations.choices import SourceKind
from invitations.models import InvitationSource
from invitations.providers.base import (
    Checked,
    ContactSource,
    Gone,
    Invalid,
    Person,
    PhotoProblem,
)
from invitations.services import sources
from teams.models import Organization
from tests.fakes.mautic import PASSWORD, USER, MauticFake

pytestmark = pytest.mark.django_db

LINK = "https://drive.example.com/file/d/" + "x" * 300
COUNT = 50
CSV = b"name,email,photo,invitation_link\n" + b"".join(
    b"Guest %d,Guest%d@people.example,,\n" % (number, number) for number in range(1, COUNT + 1)
)
ALL = sorted(SourceKind.values)
WRITING = sorted({SourceKind.MAUTIC, SourceKind.SANDBOX, SourceKind.CONTACTS})


@pytest.fixture
def mautic(settings: Settings, tmp_path: Path) -> Iterator[MauticFake]:
    settings.MEDIA_ROOT = tmp_path / "files"
    with MauticFake() as fake:
        settings.FETCH_ALLOWED_PRIVATE_HOSTS = [fake.authority]
        fake.people(COUNT, photo="")
        yield fake


@pytest.fixture
def made(
    request: pytest.FixtureRequest, mautic: MauticFake, organization: Organization
) -> Callable[[str], InvitationSource]:
    """Return a maker of sources of fifty people."""

    def make(kind: str) -> InvitationSource:
        fields: dict[str, Any] = {}
        if kind == SourceKind.MAUTIC:
            fields = {"base_url": mautic.url, "username": USER, "password": PASSWORD}
        if kind == SourceKind.CONTACTS:
            for number in range(1, COUNT + 1):
                contacts.create(
                    organization=organization,
                    source="test",
                    phone=f"+1555200{number:04}",
                    first_name="Guest",
                    last_name=str(number),
                    email=f"guest{number}@people.example",
                )
        source = sources.create(organization=organization, kind=kind, name="Guests", **fields)
        if kind == SourceKind.FILE:
            return sources._use(source, _stored(organization), "guests.csv", ("name", "email"), None)
        return source

    return make


def _stored(organization: Organization) -> Any:
    (place,) = files.reserve(
        1, organization_id=organization.pk, purpose="test", permission="x.y", expires_at=None
    )
    files.complete([files.fill(place, CSV, name="guests.csv", content_type="text/csv")])
    return files.get(place.uuid, organization.pk)


def everybody(adapter: ContactSource) -> list[Person]:
    people: list[Person] = []
    cursor = ""
    for _ in range(COUNT + 2):
        page = adapter.page(cursor, None)
        people += page.people
        cursor = page.next
        assert len(cursor) <= 200
        if not cursor:
            return people
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("kind", ALL)
def test_check_tells_of_a_source_that_works(kind: str, made: Callable[[str], InvitationSource]) -> None:
    source = made(kind)
    checked = providers.source_of(source).check()

    assert isinstance(checked, Checked)
    assert checked.account
    assert {source.email_field, *providers.names_of(source)} & {field.alias for field in checked.fields}
    assert checked.problems == []


@pytest.mark.parametrize("kind", ALL)
def test_sources_are_read_from_within_a_request(kind: str, made: Callable[[str], InvitationSource]) -> None:
    source = made(kind)
    with tenancy.wall():
        adapter = providers.source_of(source)
        adapter.check()
        person = adapter.page("", None).people[0]
        adapter.write_link(person.external_id, source.link_field, LINK)
        assert adapter.person(person.external_id).external_id == person.external_id


@pytest.mark.parametrize("kind", ALL)
def test_pages_hold_everybody_once(kind: str, made: Callable[[str], InvitationSource]) -> None:
    source = made(kind)
    people = everybody(providers.source_of(source))

    assert len(people) == len({person.external_id for person in people}) == COUNT
    assert all(0 < len(person.external_id) <= 200 for person in people)
    assert all("@" in person.values[source.email_field] for person in people)
    assert all(any(person.values[name] for name in providers.names_of(source)) for person in people)
    texts = [text for person in people for pair in person.values.items() for text in pair]
    assert all(isinstance(text, str) and len(text) <= 2000 for text in texts)


@pytest.mark.parametrize("kind", ALL)
def test_pages_are_the_same_each_time(kind: str, made: Callable[[str], InvitationSource]) -> None:
    adapter = providers.source_of(made(kind))

    assert everybody(adapter) == everybody(adapter)


@pytest.mark.parametrize("kind", ALL)
def test_person_is_who_the_page_said(kind: str, made: Callable[[str], InvitationSource]) -> None:
    adapter = providers.source_of(made(kind))
    for person in everybody(adapter)[:3]:
        assert adapter.person(person.external_id) == person


@pytest.mark.parametrize("kind", ALL)
def test_cursor_of_another_source_is_invalid(kind: str, made: Callable[[str], InvitationSource]) -> None:
    with pytest.raises(Invalid) as caught:
        providers.source_of(made(kind)).page("'; drop table --", None)

    assert caught.value.code == "bad_cursor"


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("external_id", ["", "0", "999999", "-1", "1/../2", "9" * 30, "١", "no@example.com"])
def test_somebody_who_is_not_there_is_gone(
    kind: str, external_id: str, made: Callable[[str], InvitationSource]
) -> None:
    source = made(kind)
    adapter = providers.source_of(source)
    with pytest.raises(Gone):
        adapter.person(external_id)
    with pytest.raises(Gone):
        adapter.read_link(external_id, source.link_field)


@pytest.mark.parametrize("kind", WRITING)
def test_link_is_written_read_repeated_and_cleared(
    kind: str, made: Callable[[str], InvitationSource]
) -> None:
    source = made(kind)
    adapter = providers.source_of(source)
    person, other = everybody(adapter)[:2]
    assert adapter.writes_links
    assert adapter.read_link(person.external_id, source.link_field) == ""
    for _ in range(3):
        adapter.write_link(person.external_id, source.link_field, LINK)
    assert adapter.read_link(person.external_id, source.link_field) == LINK
    assert adapter.person(person.external_id).values[source.link_field] == LINK
    assert adapter.read_link(other.external_id, source.link_field) == ""
    adapter.write_link(person.external_id, source.link_field, "")
    assert adapter.read_link(person.external_id, source.link_field) == ""


@pytest.mark.parametrize("kind", WRITING)
def test_link_leaves_the_rest_of_a_person_alone(kind: str, made: Callable[[str], InvitationSource]) -> None:
    source = made(kind)
    adapter = providers.source_of(source)
    before = everybody(adapter)[0]
    adapter.write_link(before.external_id, source.link_field, LINK)
    after = adapter.person(before.external_id)
    changing = {source.link_field, "dateModified"}

    assert {name: value for name, value in after.values.items() if name not in changing} == {
        name: value for name, value in before.values.items() if name not in changing
    }


def test_link_of_a_file_stays_with_the_invitation(made: Callable[[str], InvitationSource]) -> None:
    source = made(SourceKind.FILE)
    adapter = providers.source_of(source)
    person = everybody(adapter)[0]
    adapter.write_link(person.external_id, source.link_field, LINK)

    assert not adapter.writes_links
    assert adapter.read_link(person.external_id, source.link_field) == ""


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("", "no_address"),
        ("data:image/png;base64,AAAA", "data_url"),
        ("DATA:,x", "data_url"),
        ("photo.jpg", "not_an_address"),
        ("file:///etc/passwd", "url_scheme_refused"),
        ("ftp://photos.example.com/1.jpg", "url_scheme_refused"),
        ("http://photos.example.com/1.jpg", "https_required"),
        ("https://10.0.0.1/1.jpg", "url_address_refused"),
        ("https://169.254.169.254/latest", "url_address_refused"),
        ("https://photos.example.com:22/1.jpg", "url_port_refused"),
        ("https://" + "a" * 3000, "not_an_address"),
    ],
)
def test_photo_that_can_not_be_had_has_a_named_problem(
    kind: str, address: str, code: str, organization: Organization
) -> None:
    source = InvitationSource(
        organization=organization, kind=kind, name="Guests", base_url="https://a.example"
    )
    with pytest.raises(PhotoProblem) as caught:
        providers.source_of(source).photo(address)

    assert (caught.value.code, caught.value.is_passing) == (code, False)
    assert caught.value.message


@pytest.mark.parametrize("kind", ALL)
def test_adapters_hold_no_rows_and_show_no_secrets(
    kind: str, made: Callable[[str], InvitationSource]
) -> None:
    adapter = providers.source_of(made(kind))

    assert not any(isinstance(value, InvitationSource) for value in vars(adapter).values())
    assert not re.search(PASSWORD, repr(vars(adapter)))
    assert adapter.renewed is None
