"""Sources in the console: set up by kind, checked, mapped, given a table, run at the press of a button."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from chatboost.core import clock
from invitations.models import InvitationBatch, InvitationSource, SandboxContact
from invitations.services import sources
from teams.models import Organization
from teams.roles import Role
from tests import factories
from tests.fakes.mautic import PASSWORD, USER, MauticFake
from tests.invitations import made
from tests.invitations.console import page, said, shown, signed_in

pytestmark = pytest.mark.django_db

MAUTIC = {"name": "Shop", "kind": "mautic", "base_url": "https://crm.example.com", "auth": "basic"}
SIGN_IN = {"username": "api", "new_password": "correct horse", "audience": "all"}


@pytest.fixture
def browser(organization: Organization) -> Client:
    return signed_in(organization, Role.ADMIN)


@pytest.fixture
def viewer(organization: Organization) -> Client:
    return signed_in(organization, Role.VIEWER)


@pytest.fixture
def sandbox(organization: Organization) -> InvitationSource:
    return sources.create(organization=organization, kind="sandbox", name="Sandbox")


@pytest.fixture
def mautic(organization: Organization) -> InvitationSource:
    return sources.create(
        organization=organization,
        kind="mautic",
        name="Shop",
        base_url="https://crm.example.com",
        username="api",
        password="correct horse",
    )


@pytest.fixture
def table(organization: Organization) -> InvitationSource:
    return sources.create(organization=organization, kind="file", name="Guests")


def again(source: InvitationSource) -> InvitationSource:
    return InvitationSource.objects.get(pk=source.pk)


# Set up


def test_mautic_is_set_up_with_a_password_that_is_never_shown(browser: Client) -> None:
    html = said(browser, page(InvitationSource, "add"), **MAUTIC, **SIGN_IN)
    source = InvitationSource.objects.get()
    assert source.password == "correct horse"
    assert "Stored, not shown" in html
    assert "correct horse" not in html


def test_password_that_is_left_empty_stays(browser: Client, mautic: InvitationSource) -> None:
    form = browser.get(page(mautic)).context["adminform"].form
    sent = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    answer = browser.post(page(mautic), {**sent, "name": "Another name"})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert (again(mautic).name, again(mautic).password) == ("Another name", "correct horse")


def test_refusal_of_the_service_stands_at_its_field(browser: Client) -> None:
    answer = browser.post(page(InvitationSource, "add"), {**MAUTIC, **SIGN_IN, "base_url": ""})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors.keys() == {"base_url"}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("sandbox", {"is_polled": True, "base_url": False, "new_password": False, "audience": False}),
        ("file", {"is_polled": False, "base_url": False, "new_password": False, "audience": False}),
        ("contacts", {"is_polled": True, "base_url": False, "new_password": False, "audience": True}),
    ],
)
def test_form_has_only_what_the_kind_needs(
    browser: Client, organization: Organization, kind: str, fields: dict[str, bool]
) -> None:
    source = sources.create(organization=organization, kind=kind, name="Any")
    asked = {
        field.field.name if hasattr(field.field, "name") else field.field["name"]
        for fieldset in browser.get(page(source)).context["adminform"]
        for line in fieldset
        for field in line
    }
    assert {name: name in asked for name in fields} == fields


def test_sandbox_takes_one_click_and_may_be_made_again(browser: Client) -> None:
    for _ in range(2):
        assert "made-up people" in said(browser, page(InvitationSource, "sandbox"))
    assert set(InvitationSource.objects.values_list("name", "kind")) == {
        ("Sandbox", "sandbox"),
        ("Sandbox 2", "sandbox"),
    }
    assert SandboxContact.objects.count() == 100
    assert "Sandbox 2" in shown(browser, page(SandboxContact, "changelist"))


def test_viewer_changes_nothing(viewer: Client, mautic: InvitationSource) -> None:
    addresses = [page(InvitationSource, "sandbox"), page(mautic, "map"), page(mautic, "file")]
    names = ("run_now", "dry_run", "check_connection", "renew_secret")
    addresses += [page(mautic, "action", name) for name in names]
    assert {address: viewer.post(address).status_code for address in addresses} == dict.fromkeys(
        addresses, 403
    )
    html = shown(viewer, page(mautic))
    assert "correct horse" not in html
    assert "/do/" not in html


# Checked


def test_check_shows_account_fields_and_keeps_what_they_mean(
    browser: Client, sandbox: InvitationSource
) -> None:
    answer = browser.post(page(sandbox, "action", "check_connection"))
    html = answer.content.decode()
    assert "The connection works" in html
    assert '<option value="company"' in html
    mapping = {"first_name": "company", "second_name": "city", "email_field": "email", "link_field": ""}
    said(browser, page(sandbox, "map"), **mapping, photo_field="photo", lucky_field="", audience="all")
    assert (again(sandbox).name_fields, again(sandbox).link_field) == ("company, city", "")
    assert again(sandbox).audience == "all"


@pytest.fixture
def server(settings: Settings) -> Iterator[MauticFake]:
    with MauticFake() as fake:
        settings.FETCH_ALLOWED_PRIVATE_HOSTS = [fake.authority]
        fake.rows.forms[7] = "Gala <b>night</b>"
        fake.rows.segments["vip"] = set()
        yield fake


def connected(organization: Organization, server: MauticFake, password: str = PASSWORD) -> InvitationSource:
    """A source of the Mautic on this machine."""
    signed_in = {"base_url": server.url, "username": USER, "password": password}
    return sources.create(organization=organization, kind="mautic", name="Shop", **signed_in)


def test_check_offers_forms_and_segments_and_keeps_the_chosen_one(
    browser: Client, organization: Organization, server: MauticFake
) -> None:
    source = connected(organization, server)
    html = browser.post(page(source, "action", "check_connection")).content.decode()
    assert '<option value="form:7"' in html
    assert "Gala &lt;b&gt;night&lt;/b&gt;" in html
    assert '<option value="segment:vip"' in html
    said(
        browser, page(source, "map"), first_name="firstname", link_field="invitation_link", audience="form:7"
    )
    assert (again(source).audience, again(source).audience_id) == ("form", "7")
    assert "form 7" in shown(browser, page(InvitationSource, "changelist"))


def test_check_with_a_wrong_password_says_what_to_do(
    browser: Client, organization: Organization, server: MauticFake
) -> None:
    source = connected(organization, server, password="wrong")
    html = said(browser, page(source, "action", "check_connection"))
    assert "Refused" in html
    assert "enter the credentials again" in html
    assert again(source).error


def test_check_that_is_refused_says_why(browser: Client, table: InvitationSource) -> None:
    html = said(browser, page(table, "action", "check_connection"))
    assert InvitationSource.objects.get().checked_at is not None
    assert "No file" in html


def test_pause_and_refusal_say_what_to_do(
    browser: Client, sandbox: InvitationSource, mautic: InvitationSource
) -> None:
    InvitationSource.objects.filter(pk=sandbox.pk).update(paused_until=clock.now() + timedelta(minutes=5))
    InvitationSource.objects.filter(pk=mautic.pk).update(error="401 <b>no</b>")
    assert "asked us to wait" in shown(browser, page(sandbox))
    html = shown(browser, page(mautic))
    assert "401 &lt;b&gt;no&lt;/b&gt;" in html
    assert "enter the credentials again" in html
    html = shown(browser, page(InvitationSource, "changelist"))
    assert "Waits" in html
    assert "Refused" in html


# Its table, its webhook


@pytest.mark.usefixtures("_folder")
@pytest.mark.django_db(transaction=True)
def test_table_is_handed_in_and_its_columns_are_found(browser: Client, table: InvitationSource) -> None:
    file = SimpleUploadedFile("june.csv", b"Name,E-mail,Photo\nAda,ada@example.com,\n")
    html = said(browser, page(table, "file"), file=file)
    assert "june.csv is taken" in html
    assert (again(table).file_name, again(table).name_fields) == ("june.csv", "Name")


@pytest.mark.django_db(transaction=True)
def test_table_that_is_too_large_is_refused_in_words(
    browser: Client, table: InvitationSource, settings: Settings
) -> None:
    settings.INVITATION_MAX_BYTES = 1000
    html = said(browser, page(table, "file"), file=SimpleUploadedFile("june.csv", b"x" * 5000))
    assert "larger than" in html
    assert again(table).file_uuid is None


def test_table_needs_the_token(organization: Organization, table: InvitationSource) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(factories.member(organization, Role.ADMIN), backend=factories.SIGN_IN)
    file = SimpleUploadedFile("june.csv", b"Name\nAda\n")
    assert strict.post(page(table, "file"), {"file": file}).status_code == 403


def test_webhook_has_an_address_and_a_secret_to_copy(browser: Client, mautic: InvitationSource) -> None:
    assert "There is no secret yet" in shown(browser, page(mautic))
    html = said(browser, page(mautic, "action", "renew_secret"))
    assert f"/invitations/mautic-webhook/{mautic.uuid}" in html
    assert again(mautic).webhook_secret
    assert again(mautic).webhook_secret in html


def test_secret_of_webhooks_is_for_whoever_may_change_it(
    browser: Client, viewer: Client, mautic: InvitationSource
) -> None:
    secret = sources.rotate_webhook_secret(mautic)
    assert secret in shown(browser, page(mautic))
    assert secret not in shown(viewer, page(mautic))


# Runs


@pytest.mark.parametrize(("button", "is_dry"), [("run_now", False), ("dry_run", True)])
def test_run_leads_to_its_batch(
    browser: Client, sandbox: InvitationSource, button: str, is_dry: bool
) -> None:
    answer = browser.post(page(sandbox, "action", button))
    batch = InvitationBatch.objects.get()
    assert answer["Location"] == page(batch)
    assert (batch.state, batch.is_dry_run) == ("running", is_dry)


def test_source_without_a_table_runs_nothing(browser: Client, table: InvitationSource) -> None:
    html = shown(browser, page(table))
    assert "/do/run_now/" not in html
    assert "/do/check_connection/" in html


def test_run_that_is_refused_leaves_no_draft(browser: Client, mautic: InvitationSource) -> None:
    InvitationSource.objects.filter(pk=mautic.pk).update(error="401")
    assert "refuses us" in said(browser, page(mautic, "action", "run_now"))
    assert not InvitationBatch.objects.exists()


def test_list_asks_as_many_questions_for_many_sources(browser: Client, organization: Organization) -> None:
    counts = []
    for _ in range(2):
        made.source(organization)
        made.source(organization)
        with CaptureQueriesContext(connection) as asked:
            shown(browser, page(InvitationSource, "changelist"))
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_source_of_another_organization_is_not_there(
    browser: Client, other_organization: Organization
) -> None:
    theirs = sources.create(organization=other_organization, kind="sandbox", name="Theirs")
    assert browser.get(page(theirs)).status_code == 404
    for address in (page(theirs, "map"), page(theirs, "file"), page(theirs, "action", "run_now")):
        assert browser.post(address).status_code == 404
    assert "Theirs" not in shown(browser, page(InvitationSource, "changelist"))
