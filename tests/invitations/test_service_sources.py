"""Sources: set up, changed, checked, given files, and never made to give their secrets away."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from chatboost.core import clock, files
from chatboost.core.errors import Conflict, NotFound, ValidationFailed
from chatboost.core.exchange.errors import FileRefused
from chatboost.core.models import AuditEntry
from invitations import providers
from invitations.choices import AudienceKind, AuthKind, SourceKind
from invitations.models import InvitationBatch, InvitationSource, SandboxContact
from invitations.providers.base import Token
from invitations.services import sources
from teams.models import Organization, User
from tests import factories
from tests.fakes.mautic import CLIENT_ID, CLIENT_SECRET, PASSWORD, USER, MauticFake

pytestmark = pytest.mark.django_db

BASIC = {"base_url": "https://crm.example.com", "username": USER, "password": PASSWORD}


@pytest.fixture
def mautic(settings: Settings) -> Iterator[MauticFake]:
    with MauticFake() as fake:
        settings.FETCH_ALLOWED_PRIVATE_HOSTS = [fake.authority]
        yield fake


def create(organization: Organization, kind: str = SourceKind.MAUTIC, **fields: Any) -> InvitationSource:
    own = BASIC if kind == SourceKind.MAUTIC else {}
    fields.setdefault("name", "Guests")
    return sources.create(organization=organization, kind=kind, **{**own, **fields})


def test_source_is_stored_with_its_secrets_encrypted(organization: Organization, editor: User) -> None:
    source = create(organization, actor=editor, photo_field="photo")
    entry = AuditEntry.objects.get(verb="invitation_source.created")

    assert InvitationSource.objects.for_organization(organization).get().password == PASSWORD
    assert (source.photo_field, source.link_field) == ("photo", "invitation_link")
    assert entry.actor_id == editor.pk
    assert PASSWORD not in str(entry.changes)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (SourceKind.CONTACTS, {"name_fields": "first_name, last_name", "photo_field": "photo"}),
        (SourceKind.SANDBOX, {"photo_field": "photo", "lucky_field": "lucky_number"}),
        (SourceKind.FILE, {"name_fields": "name"}),
    ],
)
def test_source_begins_with_the_names_of_its_kind(
    organization: Organization, kind: str, fields: dict[str, str]
) -> None:
    source = create(organization, kind)

    assert {name: getattr(source, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"base_url": ""}, "address_required"),
        ({"base_url": "http://crm.example.com"}, "https_required"),
        ({"base_url": "https://10.0.0.1"}, "url_address_refused"),
        ({"base_url": "https://localhost"}, "url_host_refused"),
        ({"base_url": "https://crm.example.com:5432"}, "url_port_refused"),
        ({"base_url": "https://a:b@crm.example.com"}, "url_credentials_refused"),
        ({"base_url": "https://crm.example.com/?a=b"}, "invalid_address"),
        ({"base_url": "crm.example.com"}, "url_scheme_refused"),
        ({"password": ""}, "credentials_required"),
        ({"username": "a:b"}, "invalid_username"),
        ({"auth": AuthKind.OAUTH2}, "credentials_required"),
        ({"audience": AudienceKind.ATTRIBUTE, "audience_id": "a=b"}, "invalid_audience"),
        ({"audience": AudienceKind.FORM, "audience_id": "x"}, "invalid_audience_id"),
        ({"audience": AudienceKind.FORM, "audience_id": "1/../2"}, "invalid_audience_id"),
        ({"audience": AudienceKind.SEGMENT, "audience_id": "a !is:anonymous"}, "invalid_audience_id"),
        ({"lucky_first": 5, "lucky_last": 4}, "invalid_range"),
        ({"lucky_mode": "random", "lucky_first": 5, "lucky_last": 5}, "invalid_range"),
        ({"poll_minutes": 0}, "invalid_poll_minutes"),
    ],
)
def test_source_that_could_never_work_is_refused(
    organization: Organization, fields: dict[str, Any], code: str
) -> None:
    with pytest.raises(ValidationFailed) as caught:
        create(organization, **fields)

    assert caught.value.code == code
    assert caught.value.errors
    assert not InvitationSource.objects.for_organization(organization).exists()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://crm.example.com/", "https://crm.example.com"),
        ("https://crm.example.com/api", "https://crm.example.com"),
        ("https://crm.example.com/mautic/api/", "https://crm.example.com/mautic"),
        ("https://crm.example.com/my-api", "https://crm.example.com/my-api"),
    ],
)
def test_address_is_kept_in_one_spelling(organization: Organization, given: str, kept: str) -> None:
    assert create(organization, base_url=given).base_url == kept


def test_name_is_unique_in_an_organization(
    organization: Organization, other_organization: Organization
) -> None:
    create(organization)
    create(other_organization)
    with pytest.raises(Conflict) as caught:
        create(organization)

    assert caught.value.code == "source_exists"


def test_kind_that_is_none_is_refused(organization: Organization) -> None:
    with pytest.raises(ValidationFailed) as caught:
        create(organization, "hubspot")

    assert caught.value.code == "invalid_kind"


def test_change_begins_anew_with_the_server(organization: Organization, editor: User) -> None:
    source = create(organization)
    source.error, source.failure_count, source.access_token = "refused", 7, "old"
    source.paused_until = clock.now()
    source.save()
    changed = sources.change(source, password="another-fictitious-one", actor=editor)
    entry = AuditEntry.objects.get(verb="invitation_source.changed")

    assert (changed.error, changed.failure_count, changed.paused_until) == ("", 0, None)
    assert (changed.password, changed.access_token) == ("another-fictitious-one", "")
    assert entry.changes == {"password": ["•••", "•••"]}


def test_change_of_a_mapping_leaves_the_server_s_words_alone(organization: Organization) -> None:
    source = create(organization)
    source.error = "refused"
    source.save()

    assert sources.change(source, photo_field="picture").error == "refused"


@pytest.mark.parametrize("address", ["https://evil.example.com", "https://crm.example.com:443/", "http://x"])
def test_secret_does_not_go_along_to_another_address(organization: Organization, address: str) -> None:
    source = create(organization)
    if address.endswith(":443/"):
        assert sources.change(source, base_url=address).password == PASSWORD
        return
    with pytest.raises(ValidationFailed) as caught:
        sources.change(source, base_url=address)

    assert caught.value.code == "credentials_required"
    assert sources.lock(source).base_url == BASIC["base_url"]


def test_secret_of_the_other_sign_in_is_forgotten_with_the_address(organization: Organization) -> None:
    source = create(organization, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    changed = sources.change(source, base_url="https://other.example.com", password="new-one")

    assert (changed.password, changed.client_secret) == ("new-one", "")


def test_webhook_secret_is_made_anew_and_never_in_the_log(organization: Organization) -> None:
    source = create(organization)
    first = sources.rotate_webhook_secret(source)
    second = sources.rotate_webhook_secret(source)

    assert first != second
    assert len(second) >= 40
    assert sources.lock(source).webhook_secret == second
    assert second not in str(AuditEntry.objects.values_list("changes", flat=True))


def test_check_notes_that_a_source_works(organization: Organization, mautic: MauticFake) -> None:
    source = create(organization, base_url=mautic.url)
    source.error = "refused"
    source.save()
    checked = sources.check(source)
    row = sources.lock(source)

    assert checked.account.startswith(mautic.authority)
    assert row.error == ""
    assert row.checked_at is not None


def test_check_notes_refused_credentials(organization: Organization, mautic: MauticFake) -> None:
    source = create(organization, base_url=mautic.url, password="wrong-password")
    with pytest.raises(sources.SourceProblem) as caught:
        sources.check(source)
    row = sources.lock(source)

    assert caught.value.code == "access_denied"
    assert "refuses the sign-in" in row.error
    assert row.checked_at is not None


def test_check_of_a_server_that_is_away_blames_no_credentials(
    organization: Organization, settings: Settings
) -> None:
    with MauticFake() as gone:
        settings.FETCH_ALLOWED_PRIVATE_HOSTS = [gone.authority]
        source = create(organization, base_url=gone.url)
    with pytest.raises(sources.SourceProblem) as caught:
        sources.check(source)

    assert caught.value.code == "not_reached"
    assert sources.lock(source).error == ""


def test_check_keeps_the_token_that_it_got(organization: Organization, mautic: MauticFake) -> None:
    oauth = {"auth": AuthKind.OAUTH2, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    source = create(organization, base_url=mautic.url, **oauth)
    sources.check(source)
    row = sources.lock(source)
    sources.check(row)

    assert row.access_token in mautic.tokens
    assert [call["kind"] for call in mautic.attempts].count("token") == 1


def test_token_of_credentials_that_have_changed_is_not_kept(organization: Organization) -> None:
    source = create(organization, auth=AuthKind.OAUTH2, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    before = sources.lock(source)
    sources.change(source, client_id="another")
    sources.keep_token(before, Token("late", clock.now()))

    assert sources.lock(source).access_token == ""


def test_remove_takes_the_people_along(organization: Organization) -> None:
    source = create(organization, SourceKind.SANDBOX)
    sources.remove(source)

    assert not SandboxContact.objects.for_organization(organization).exists()


def test_remove_keeps_a_source_with_batches(organization: Organization) -> None:
    source = create(organization, SourceKind.SANDBOX)
    InvitationBatch.objects.create(organization=organization, source=source, name="First")
    with pytest.raises(Conflict) as caught:
        sources.remove(source)

    assert caught.value.code == "source_in_use"
    assert SandboxContact.objects.for_organization(organization).count() == 50


@pytest.mark.django_db(transaction=True)
def test_upload_stores_the_file_and_maps_its_columns(
    organization: Organization, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    source = create(organization, SourceKind.FILE)
    content = b"First Name,Last Name,E-Mail,Photo URL\nAda,Example,ada@people.example,\n"
    row = sources.upload(source, io.BytesIO(content), file_name="guests.csv")
    (person,) = providers.source_of(row).page("", None).people

    assert row.file_name == "guests.csv"
    assert (row.name_fields, row.email_field, row.photo_field) == (
        "First Name, Last Name",
        "E-Mail",
        "Photo URL",
    )
    assert person.external_id == "ada@people.example"


@pytest.mark.django_db(transaction=True)
def test_upload_takes_the_place_of_the_file_before(
    organization: Organization, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    source = create(organization, SourceKind.FILE)
    first = sources.upload(source, io.BytesIO(b"name,email\nAda,ada@people.example\n"))
    assert first.file_uuid is not None
    sources.upload(source, io.BytesIO(b"name,email\nBo,bo@people.example\n"))
    with pytest.raises(NotFound):
        files.get(first.file_uuid, organization.pk)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"name,email\n", "no_rows"),
        (b"name,email\nAda,ada@people.example,more\n", "malformed_row"),
        (b'{"name": 1}', "unsupported_format"),
    ],
)
def test_upload_of_what_is_no_table_changes_nothing(
    organization: Organization, content: bytes, code: str
) -> None:
    source = create(organization, SourceKind.FILE)
    with pytest.raises(FileRefused) as caught:
        sources.upload(source, io.BytesIO(content))

    assert caught.value.code == code
    assert sources.lock(source).file_uuid is None


def test_upload_to_another_kind_is_refused(organization: Organization) -> None:
    with pytest.raises(ValidationFailed) as caught:
        sources.upload(create(organization, SourceKind.SANDBOX), io.BytesIO(b"name\nAda\n"))

    assert caught.value.code == "not_a_file_source"


def test_environment_is_the_staff_s_alone(
    organization: Organization, other_organization: Organization, settings: Settings
) -> None:
    settings.MAUTIC_API_URL, settings.MAUTIC_AUTH = "https://crm.example.com", f"{USER}:{PASSWORD}:x"
    staff = factories.user(is_staff=True)
    bare: dict[str, Any] = {"base_url": "", "username": "", "password": ""}
    source = create(organization, actor=staff, **bare)

    assert (source.base_url, source.username) == ("https://crm.example.com", USER)
    assert source.password == f"{PASSWORD}:x"
    with pytest.raises(ValidationFailed) as caught:
        create(other_organization, actor=factories.member(other_organization, "owner"), **bare)
    assert caught.value.code == "address_required"


def test_environment_makes_one_source(organization: Organization, settings: Settings) -> None:
    assert sources.create_from_environment(organization) is None
    settings.MAUTIC_API_URL, settings.MAUTIC_AUTH = "https://crm.example.com", f"{USER}:{PASSWORD}"
    first = sources.create_from_environment(organization)

    assert first is not None
    assert sources.create_from_environment(organization) == first


def test_environment_that_can_not_be_used_stops_nothing(
    organization: Organization, settings: Settings
) -> None:
    settings.MAUTIC_API_URL, settings.MAUTIC_AUTH = "http://crm.example.com", f"{USER}:{PASSWORD}"

    assert sources.create_from_environment(organization) is None
