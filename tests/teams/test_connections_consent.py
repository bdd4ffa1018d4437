"""The trip to Google and back: who may begin it, and everything that must not end in a connection."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.test import Client
from rest_framework.test import APIClient

from chatboost.core import clock, ticks
from chatboost.core.models import AuditEntry
from teams.models import AccountState, ConnectedAccount, OAuthState, Organization, User
from teams.roles import Role
from teams.services import organizations
from tests import factories
from tests.fakes.faults import Fault, Rule
from tests.fakes.google import CALENDAR_SCOPE, DRIVE_SCOPE, GoogleFake
from tests.fakes.google_accounts import Person
from tests.teams.connected import point_at

pytestmark = pytest.mark.django_db

PAGE = {"Accept": "text/html"}
CONNECTIONS = "/admin/teams/connectedaccount/"


@pytest.fixture
def google(settings: Any) -> Iterator[GoogleFake]:
    with GoogleFake() as fake:
        point_at(settings, fake)
        yield fake
    assert fake.problems == []


@pytest.fixture
def admin(organization: Organization) -> User:
    return factories.member(organization, Role.ADMIN)


def browser_of(user: User) -> Client:
    client = Client(headers=PAGE)
    client.force_login(user, backend=factories.SIGN_IN)
    return client


@pytest.fixture
def browser(admin: User) -> Client:
    return browser_of(admin)


def begin(browser: Client, purpose: str = "drive") -> dict[str, str]:
    """Go to Google; returns what is asked there."""
    sent = browser.get(f"/authorize?purpose={purpose}")
    assert sent.status_code == 302, sent.content
    return dict(parse_qsl(urlsplit(sent["Location"]).query))


def consent(google: GoogleFake, asked: dict[str, str]) -> dict[str, str]:
    """Say yes at Google; returns what the browser comes back with."""
    back = urlsplit(google.accounts.consent(asked))
    assert f"{back.scheme}://{back.netloc}{back.path}" == "http://testserver/oauth2callback"
    return dict(parse_qsl(back.query))


def come_back(browser: Client, came: dict[str, str]) -> Any:
    return browser.get(f"/oauth2callback?{urlencode(came)}")


def code_of(answer: Any) -> str:
    """Return why; and be sure that nothing came of it."""
    assert 400 <= answer.status_code < 500
    assert not ConnectedAccount.objects.exists()
    return str(answer.json()["code"])


def as_program(browser: Client) -> Client:
    browser.defaults["HTTP_ACCEPT"] = "application/json"
    return browser


# The trip


def test_account_is_connected_and_its_tokens_are_nowhere_to_be_read(
    google: GoogleFake, browser: Client, admin: User, organization: Organization
) -> None:
    asked = begin(browser)
    answer = come_back(browser, consent(google, asked))

    assert (answer.status_code, answer["Location"]) == (302, CONNECTIONS)
    account = ConnectedAccount.objects.get()
    assert (account.organization, account.connected_by) == (organization, admin)
    assert (account.purpose, account.kind, account.state) == ("drive", "oauth", "connected")
    assert (account.email, account.subject) == ("ada@example.com", "1001")
    assert account.refresh_token in google.accounts.grants
    assert google.accounts.tokens[account.access_token].subject == "1001"
    page = browser.get(CONNECTIONS).content.decode()
    assert "ada@example.com" in page
    entry = AuditEntry.objects.get(verb="connected_account.connected")
    shown = page + str(entry.changes) + str(browser.get(f"{CONNECTIONS}{account.pk}/change/").content)
    for secret in (account.refresh_token, account.access_token, asked["state"]):
        assert secret not in shown


def test_request_for_consent_is_bound_and_asks_for_no_more_than_is_needed(
    google: GoogleFake, browser: Client
) -> None:
    drive, calendar = begin(browser), begin(browser, "calendar")

    assert set(drive["scope"].split()) == {"openid", "email", DRIVE_SCOPE}
    assert set(calendar["scope"].split()) == {"openid", "email", CALENDAR_SCOPE}
    assert (drive["access_type"], drive["prompt"], drive["response_type"]) == ("offline", "consent", "code")
    assert (drive["code_challenge_method"], len(drive["code_challenge"])) == ("S256", 43)
    assert drive["redirect_uri"] == "http://testserver/oauth2callback"
    assert len(drive["state"]) >= 43
    assert drive["state"] != calendar["state"]
    stored = OAuthState.objects.values_list("state_hash", "session_hash")
    assert all(drive["state"] not in pair and browser.session.session_key not in pair for pair in stored)


def test_authorize_alone_means_calendar(google: GoogleFake, browser: Client) -> None:
    sent = browser.get("/authorize/")
    assert CALENDAR_SCOPE in dict(parse_qsl(urlsplit(sent["Location"]).query))["scope"]


def test_same_account_again_is_the_same_row_and_another_is_another(
    google: GoogleFake, browser: Client
) -> None:
    for sub in ("1001", "1001", "1002"):
        google.accounts.person = Person(sub, f"{sub}@example.com")
        assert come_back(browser, consent(google, begin(browser))).status_code == 302
    come_back(browser, consent(google, begin(browser, "calendar")))

    rows = ConnectedAccount.objects.order_by("id").values_list("purpose", "subject")
    assert list(rows) == [("drive", "1001"), ("drive", "1002"), ("calendar", "1002")]


def test_broken_account_is_whole_after_it_is_connected_again(google: GoogleFake, browser: Client) -> None:
    come_back(browser, consent(google, begin(browser)))
    ConnectedAccount.objects.update(
        state=AccountState.REVOKED, error="Taken back.", access_token="", refresh_token="", failure_count=7
    )
    come_back(browser, consent(google, begin(browser)))

    account = ConnectedAccount.objects.get()
    assert (account.state, account.error, account.failure_count) == ("connected", "", 0)
    assert account.refresh_token in google.accounts.grants


# Who may begin


def test_stranger_is_sent_to_sign_in_and_back(google: GoogleFake, db: None) -> None:
    answer = Client(headers=PAGE).get("/authorize?purpose=drive")
    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=/authorize%3Fpurpose%3Ddrive"
    assert Client().get("/authorize").status_code == 401


@pytest.mark.parametrize("role", [Role.EDITOR, Role.AGENT, Role.VIEWER])
def test_role_below_admin_connects_nothing(google: GoogleFake, organization: Organization, role: str) -> None:
    browser = browser_of(factories.member(organization, role))
    assert browser.get("/authorize").status_code == 403
    assert browser.post(f"{CONNECTIONS}connect/drive/").status_code == 403
    assert not OAuthState.objects.exists()


def test_program_is_told_to_use_a_browser(
    google: GoogleFake, api: APIClient, bearer: Callable[[User], APIClient], admin: User
) -> None:
    for client in (api, bearer(admin)):
        answer = client.get("/authorize?purpose=drive")
        assert (answer.status_code, answer.json()["code"]) == (400, "session_required")
    assert not OAuthState.objects.exists()


def test_purpose_that_nobody_knows_is_refused(google: GoogleFake, browser: Client) -> None:
    as_program(browser)
    assert code_of(browser.get("/authorize?purpose=mail")) == "unknown_purpose"


@pytest.mark.parametrize("name", ["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "PUBLIC_BASE_URL"])
def test_installation_without_registration_says_so(
    google: GoogleFake, browser: Client, settings: Any, name: str
) -> None:
    setattr(settings, name, "")
    assert code_of(as_program(browser).get("/authorize")) == "google_not_set_up"
    assert "GOOGLE_CLIENT_ID" in browser.get(CONNECTIONS, headers=PAGE).content.decode()


# What must not end in a connection: the state


def test_callback_of_nothing(google: GoogleFake, browser: Client) -> None:
    assert code_of(as_program(browser).get("/oauth2callback")) == "state_missing"


@pytest.mark.parametrize(
    "state", ["", "x" * 201, "\x00", "x", "' OR 1=1", "\ud83d".encode("utf-8", "surrogatepass")]
)
def test_state_that_nobody_made(google: GoogleFake, browser: Client, state: Any) -> None:
    came = {**consent(google, begin(browser)), "state": state}
    assert code_of(come_back(as_program(browser), came)) in ("state_missing", "state_unknown", "bad_request")


def test_state_is_missing_though_a_code_is_there(google: GoogleFake, browser: Client) -> None:
    came = consent(google, begin(browser))
    del came["state"]
    assert code_of(come_back(as_program(browser), came)) == "state_missing"


def test_state_of_somebody_else(google: GoogleFake, browser: Client, organization: Organization) -> None:
    colleague = browser_of(factories.member(organization, Role.ADMIN))
    came = consent(google, begin(browser))
    assert code_of(come_back(as_program(colleague), came)) == "state_foreign"


def test_state_of_another_session_of_the_same_user(google: GoogleFake, browser: Client, admin: User) -> None:
    came = consent(google, begin(browser))
    assert code_of(come_back(as_program(browser_of(admin)), came)) == "state_foreign"


def test_state_without_any_session(google: GoogleFake, browser: Client) -> None:
    came = consent(google, begin(browser))
    assert code_of(come_back(Client(), came)) == "state_foreign"


def test_state_after_signing_out_and_in_again(google: GoogleFake, browser: Client, admin: User) -> None:
    came = consent(google, begin(browser))
    browser.logout()
    browser.force_login(admin, backend=factories.SIGN_IN)
    assert code_of(come_back(as_program(browser), came)) == "state_foreign"


def test_state_of_another_organization(
    google: GoogleFake, browser: Client, admin: User, other_organization: Organization
) -> None:
    """The console was switched to another of the user's organizations meanwhile."""
    organizations.add_member(organization=other_organization, user=admin, role=Role.ADMIN)
    came = consent(google, begin(browser))
    browser.post("/accounts/organization/", {"organization": other_organization.pk})
    assert code_of(come_back(as_program(browser), came)) == "state_foreign"


def test_state_of_a_stranger_organization(
    google: GoogleFake, browser: Client, other_organization: Organization
) -> None:
    theirs = browser_of(factories.member(other_organization, Role.ADMIN))
    came = consent(google, begin(theirs))
    assert code_of(come_back(as_program(browser), came)) == "state_foreign"


def test_foreign_visit_does_not_use_the_state_up(google: GoogleFake, browser: Client) -> None:
    came = consent(google, begin(browser))
    come_back(Client(), came)
    assert come_back(browser, came).status_code == 302


def test_state_comes_twice(google: GoogleFake, browser: Client) -> None:
    came = consent(google, begin(browser))
    come_back(browser, came)
    again = come_back(as_program(browser), came)
    assert (again.status_code, again.json()["code"]) == (400, "state_used")
    assert ConnectedAccount.objects.count() == 1


def test_state_comes_again_with_another_code(google: GoogleFake, browser: Client) -> None:
    came = consent(google, begin(browser))
    come_back(browser, came)
    google.accounts.person = Person("666", "mallory@example.com")
    other = {**came, "code": consent(google, google.accounts.asked[-1])["code"]}
    assert come_back(as_program(browser), other).json()["code"] == "state_used"
    assert ConnectedAccount.objects.get().subject == "1001"


def test_state_is_ten_minutes_old(google: GoogleFake, browser: Client) -> None:
    came = consent(google, begin(browser))
    with clock.frozen(clock.now() + timedelta(minutes=10, seconds=1)):
        assert code_of(come_back(as_program(browser), came)) == "state_expired"


def test_state_is_almost_ten_minutes_old(google: GoogleFake, browser: Client) -> None:
    came = consent(google, begin(browser))
    with clock.frozen(clock.now() + timedelta(minutes=9)):
        assert come_back(browser, came).status_code == 302


def test_member_was_removed_meanwhile(
    google: GoogleFake, browser: Client, admin: User, organization: Organization
) -> None:
    came = consent(google, begin(browser))
    admin.memberships.all().delete()
    assert code_of(come_back(as_program(browser), came)) == "state_foreign"


def test_role_was_lowered_meanwhile(google: GoogleFake, browser: Client, admin: User) -> None:
    came = consent(google, begin(browser))
    admin.memberships.update(role=Role.EDITOR)
    assert code_of(come_back(as_program(browser), came)) == "permission_denied"


def test_organization_was_switched_off_meanwhile(
    google: GoogleFake, browser: Client, organization: Organization
) -> None:
    came = consent(google, begin(browser))
    Organization.objects.filter(pk=organization.pk).update(is_active=False)
    assert code_of(come_back(as_program(browser), came)) == "state_foreign"


# What must not end in a connection: the code


def test_code_is_missing(google: GoogleFake, browser: Client) -> None:
    came = consent(google, begin(browser))
    del came["code"]
    assert code_of(come_back(as_program(browser), came)) == "code_missing"


@pytest.mark.parametrize("code", ["4/forged", "x" * 4097, "a\r\nb", " "])
def test_code_that_google_does_not_know(google: GoogleFake, browser: Client, code: str) -> None:
    came = {**consent(google, begin(browser)), "code": code}
    assert code_of(come_back(as_program(browser), came)) in ("code_refused", "code_missing")


def test_code_of_another_trip_is_injected(
    google: GoogleFake, browser: Client, other_organization: Organization
) -> None:
    """An attacker's own code, with the victim's state: the verifier is another one."""
    attacker = browser_of(factories.member(other_organization, Role.ADMIN))
    google.accounts.person = Person("666", "mallory@example.com")
    stolen = consent(google, begin(attacker))["code"]
    google.accounts.person = Person("1001", "ada@example.com")
    came = {**consent(google, begin(browser)), "code": stolen}
    assert code_of(come_back(as_program(browser), came)) == "code_refused"


def test_codes_of_two_purposes_are_swapped(google: GoogleFake, browser: Client) -> None:
    drive, calendar = consent(google, begin(browser)), consent(google, begin(browser, "calendar"))
    came = {**drive, "code": calendar["code"]}
    assert code_of(come_back(as_program(browser), came)) == "code_refused"


def test_verifier_is_missing(google: GoogleFake, browser: Client) -> None:
    came = consent(google, begin(browser))
    OAuthState.objects.update(verifier="")
    assert code_of(come_back(as_program(browser), came)) == "code_missing"


def test_verifier_is_another_one(google: GoogleFake, browser: Client) -> None:
    came = consent(google, begin(browser))
    OAuthState.objects.update(verifier="v" * 64)
    assert code_of(come_back(as_program(browser), came)) == "code_refused"


def test_challenge_was_stripped_on_the_way(google: GoogleFake, browser: Client) -> None:
    asked = begin(browser)
    del asked["code_challenge"], asked["code_challenge_method"]
    assert code_of(come_back(as_program(browser), consent(google, asked))) == "code_refused"


def test_address_to_come_back_to_was_changed_on_the_way(google: GoogleFake, browser: Client) -> None:
    asked = {**begin(browser), "redirect_uri": "http://testserver/oauth2callback/x"}
    code = dict(parse_qsl(urlsplit(google.accounts.consent(asked)).query))
    assert code_of(come_back(as_program(browser), code)) == "code_refused"


# What must not end in a connection: what Google says


def test_person_says_no(google: GoogleFake, browser: Client) -> None:
    google.accounts.person = None
    came = consent(google, begin(browser))
    assert code_of(come_back(as_program(browser), came)) == "access_denied"
    assert code_of(come_back(browser, came)) == "state_used"


@pytest.mark.parametrize("error", ["server_error", "<script>alert(1)</script>", "x" * 500])
def test_other_errors_are_told_and_shown_as_text(google: GoogleFake, browser: Client, error: str) -> None:
    came = {"state": begin(browser)["state"], "error": error}
    page = come_back(browser, came)
    assert page.status_code == 400
    assert b"<script>alert" not in page.content


def test_error_counts_though_a_code_is_there(google: GoogleFake, browser: Client) -> None:
    came = {**consent(google, begin(browser)), "error": "access_denied"}
    assert code_of(come_back(as_program(browser), came)) == "access_denied"


def test_tick_was_left_out(google: GoogleFake, browser: Client) -> None:
    google.accounts.unticked = {DRIVE_SCOPE}
    came = consent(google, begin(browser))
    assert code_of(come_back(as_program(browser), came)) == "scope_refused"
    assert google.accounts.revoked == ["1001"]


def test_refused_consent_leaves_alone_what_another_connection_lives_on(
    google: GoogleFake, browser: Client
) -> None:
    come_back(browser, consent(google, begin(browser)))
    google.accounts.unticked = {DRIVE_SCOPE}
    answer = come_back(as_program(browser), consent(google, begin(browser)))
    assert answer.json()["code"] == "scope_refused"
    assert google.accounts.revoked == []
    assert ConnectedAccount.objects.get().state == AccountState.CONNECTED


def test_access_for_an_hour_only_is_of_no_use(google: GoogleFake, browser: Client) -> None:
    google.accounts.gives_refresh_tokens = False
    came = consent(google, begin(browser))
    assert code_of(come_back(as_program(browser), came)) == "no_refresh_token"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another-client"},
        {"iss": "https://accounts.evil.test"},
        {"exp": 1},
        {"exp": "soon"},
        {"sub": ""},
        {"sub": "x" * 192},
        {"sub": 7},
        {"sub": "a\nb"},
    ],
    ids=str,
)
def test_identity_that_is_not_for_us(google: GoogleFake, browser: Client, claims: dict[str, Any]) -> None:
    google.accounts.claims = claims
    came = consent(google, begin(browser))
    assert code_of(come_back(as_program(browser), came)) == "code_refused"


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "[]",
        "{}",
        '{"access_token": "x", "expires_in": "3599"}',
        '{"access_token": 7, "expires_in": 3599, "id_token": "a.b.c"}',
        '{"access_token": "x", "expires_in": -1, "id_token": "a.e30.c"}',
        '{"access_token": "x\\n", "expires_in": 3599, "id_token": "..."}',
        "[" * 5000,
    ],
)
def test_answer_with_tokens_that_can_not_be_read(google: GoogleFake, browser: Client, body: str) -> None:
    came = consent(google, begin(browser))
    google.play(Rule(fault=Fault.ANSWER, status=200, body=body))
    assert code_of(come_back(as_program(browser), came)) == "code_refused"


@pytest.mark.parametrize(
    "rule",
    [
        Rule(fault=Fault.ERROR, status=503, message="backendError"),
        Rule(fault=Fault.RESET_BEFORE_ACCEPT),
        Rule(fault=Fault.ACCEPT_THEN_HANG, seconds=5),
        Rule(fault=Fault.ANSWER, status=200, body="x" * 100_000),
    ],
    ids=["503", "reset", "hang", "large"],
)
def test_google_is_away(google: GoogleFake, browser: Client, settings: Any, rule: Rule) -> None:
    settings.VENDOR_DEADLINE = timedelta(seconds=0.5)
    came = consent(google, begin(browser))
    google.play(rule)
    assert code_of(come_back(as_program(browser), came)) == "google_unavailable"


def test_page_says_what_went_wrong_and_is_kept_nowhere(google: GoogleFake, browser: Client) -> None:
    google.accounts.person = None
    page = come_back(browser, consent(google, begin(browser)))

    assert page.status_code == 400
    assert "Nothing is connected" in page.content.decode()
    assert (page["Cache-Control"], page["Referrer-Policy"]) == ("no-store", "no-referrer")


def test_google_may_add_to_the_address(google: GoogleFake, browser: Client) -> None:
    came = {**consent(google, begin(browser)), "iss": "https://accounts.google.com", "hd": "example.com"}
    assert come_back(browser, came).status_code == 302


def test_states_go_after_a_day(google: GoogleFake, browser: Client) -> None:
    begin(browser)
    with clock.frozen(clock.now() + timedelta(days=1, minutes=1)):
        ticks.registered()["retention: Google sign-in states"].run(clock.now())
    assert not OAuthState.objects.exists()
