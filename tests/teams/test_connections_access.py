"""Access tokens: lent, fetched by work of their own, refused, revoked; and consents that are handed back."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from chatboost.core import clock
from chatboost.core.errors import Conflict
from chatboost.core.models import AuditEntry, WorkAttempt, WorkItem
from teams.models import AccountState, ConnectedAccount, Membership, Notification, Organization, Purpose, User
from teams.providers.google import GoogleProblem, GoogleUnavailable, Grant, GrantRevoked, Tokens
from teams.roles import Role
from teams.services import connections, deletion, google_access
from teams.services.google_access import Access, Unusable, Wait
from tests import factories
from tests.fakes.faults import Fault, Rule
from tests.fakes.google import GoogleFake
from tests.teams.connected import account, point_at
from tests.teams.notices import work, work_until_quiet

pytestmark = pytest.mark.django_db

REFRESH, REVOKE = google_access.REFRESH_KIND, connections.REVOKE_KIND
EXPIRED = timedelta(seconds=-1)


@pytest.fixture
def google(settings: Any) -> Iterator[GoogleFake]:
    with GoogleFake() as fake:
        point_at(settings, fake)
        settings.VENDOR_DEADLINE = timedelta(seconds=1)
        yield fake
    assert fake.problems == []


@pytest.fixture
def admin(organization: Organization) -> User:
    return factories.member(organization, Role.ADMIN)


def lent(row: ConnectedAccount) -> Access | Wait | Unusable:
    with transaction.atomic():
        return google_access.lend(ConnectedAccount.objects.get(pk=row.pk))


def access_to(row: ConnectedAccount) -> Access:
    found = lent(row)
    assert isinstance(found, Access)
    return found


def noted(note: Any, *args: Any, **kwargs: Any) -> Any:
    with transaction.atomic():
        return note(*args, **kwargs)


def asked(google: GoogleFake, call: str) -> int:
    return sum(entry["call"] == call for entry in google.attempts)


# Lending


def test_fresh_token_is_lent_without_a_call(google: GoogleFake, organization: Organization) -> None:
    row = account(organization, google, folder_id="1folder")
    access = access_to(row)

    assert (access.token, access.account_id, access.folder_id) == (row.access_token, row.pk, "1folder")
    assert row.access_token not in repr(access)
    assert not WorkItem.objects.exists()
    assert google.attempts == []


def test_old_token_is_fetched_by_work_and_then_lent(google: GoogleFake, organization: Organization) -> None:
    row = account(organization, google, lifetime=EXPIRED)

    waits = [lent(row) for _ in range(20)]
    assert all(isinstance(wait, Wait) for wait in waits)
    assert WorkItem.objects.filter(kind=REFRESH).count() == 1
    work(kinds=[REFRESH])

    access = access_to(row)
    assert access.token != row.access_token
    assert google.accounts.tokens[access.token].subject == "1001"
    assert access.expires_at > clock.now() + timedelta(minutes=50)
    # Google gave no new refresh token, so the old one stays.
    assert ConnectedAccount.objects.get().refresh_token == row.refresh_token


def test_token_that_ends_soon_is_lent_and_fetched_ahead(
    google: GoogleFake, organization: Organization
) -> None:
    row = account(organization, google, lifetime=timedelta(minutes=3))
    assert access_to(row).token == row.access_token
    work(kinds=[REFRESH])
    assert access_to(row).token != row.access_token
    assert asked(google, "token") == 1


def test_disconnected_account_is_not_lent_and_says_why(
    google: GoogleFake, organization: Organization, admin: User
) -> None:
    row = account(organization, google)
    connections.disconnect(row, actor=admin)
    found = lent(row)
    assert isinstance(found, Unusable)
    assert found.reason.startswith("Disconnected by")


# Fetching


def test_work_that_is_done_again_fetches_nothing_more(google: GoogleFake, organization: Organization) -> None:
    row = account(organization, google, lifetime=EXPIRED)
    for _ in range(3):
        with transaction.atomic():
            google_access.queue.enqueue(google_access._order(row))
        work(kinds=[REFRESH])
    assert asked(google, "token") == 1


def test_two_fetchers_at_once_are_one(google: GoogleFake, organization: Organization) -> None:
    row = account(organization, google, lifetime=EXPIRED)
    first, second = noted(google_access.claim, row.pk), noted(google_access.claim, row.pk)
    assert first is not None
    assert second is None


def test_claim_of_a_dead_worker_ends(google: GoogleFake, organization: Organization) -> None:
    row = account(organization, google, lifetime=EXPIRED)
    lost = noted(google_access.claim, row.pk)
    with transaction.atomic():
        google_access.queue.enqueue(google_access._order(row))

    work_until_quiet([REFRESH])

    token = ConnectedAccount.objects.get().access_token
    assert token in google.accounts.tokens
    # Whoever wakes up after its claim has ended records nothing.
    noted(google_access.store, lost, GrantRevoked("late"))
    late = ConnectedAccount.objects.get()
    assert (late.access_token, late.state) == (token, AccountState.CONNECTED)


@pytest.mark.parametrize(
    "rule",
    [
        Rule(fault=Fault.ERROR, status=503, message="backendError", times=2),
        Rule(fault=Fault.ERROR, status=429, message="rate", retry_after="30", times=2),
        Rule(fault=Fault.RESET_BEFORE_ACCEPT, times=2),
        Rule(fault=Fault.ANSWER, status=500, body="<html>", times=2),
    ],
    ids=["503", "429", "reset", "html"],
)
def test_google_that_is_away_for_a_while_is_asked_again(
    google: GoogleFake, organization: Organization, rule: Rule
) -> None:
    row = account(organization, google, lifetime=EXPIRED)
    google.play(rule)
    began = clock.now()
    lent(row)

    ended = work_until_quiet([REFRESH])

    assert ConnectedAccount.objects.get().access_token in google.accounts.tokens
    assert not Notification.objects.exists()
    if rule.retry_after:
        assert ended - began >= timedelta(seconds=60)


# Refusals


def test_consent_that_was_taken_back_is_told_once_with_a_way_to_reconnect(
    google: GoogleFake, organization: Organization, admin: User
) -> None:
    row = account(organization, google, lifetime=EXPIRED)
    google.accounts.forget("1001")
    for _ in range(3):
        lent(row)
        work_until_quiet([REFRESH])

    ended = ConnectedAccount.objects.get()
    assert (ended.state, ended.refresh_token, ended.access_token) == (AccountState.REVOKED, "", "")
    assert isinstance(lent(row), Unusable)
    assert asked(google, "token") == 1
    told = Notification.objects.filter(user=admin)
    assert [each.url for each in told] == [f"/admin/teams/connectedaccount/{row.pk}/change/"]
    assert "connected again" in told[0].title
    assert AuditEntry.objects.filter(verb="connected_account.failed").count() == 1


def test_second_time_that_it_breaks_is_told_again(google: GoogleFake, organization: Organization) -> None:
    row = account(organization, google, lifetime=EXPIRED)
    for _ in range(2):
        google.accounts.forget("1001")
        lent(row)
        work_until_quiet([REFRESH])
        _, refresh = google.accounts.issue("1001", frozenset(row.scopes))
        ConnectedAccount.objects.update(
            state=AccountState.CONNECTED, refresh_token=refresh, connected_at=clock.now()
        )
    owner = Membership.objects.get(organization=organization).user
    assert Notification.objects.filter(user=owner).count() == 2


@pytest.mark.parametrize("word", ["invalid_client", "unauthorized_client", "admin_policy_enforced"])
def test_refusal_of_us_fails_the_account_and_a_check_brings_it_back(
    google: GoogleFake, organization: Organization, word: str
) -> None:
    row = account(organization, google, lifetime=EXPIRED)
    google.play(Rule(fault=Fault.ERROR, status=401, message=word))
    lent(row)
    work_until_quiet([REFRESH])
    failed = ConnectedAccount.objects.get()
    assert (failed.state, failed.refresh_token) == (AccountState.FAILED, row.refresh_token)
    assert word in failed.error

    google.play()
    google_access.check(failed)
    assert isinstance(lent(row), Access)
    assert AuditEntry.objects.filter(verb="connected_account.restored").exists()


def test_refused_token_is_fetched_anew_once(google: GoogleFake, organization: Organization) -> None:
    row = account(organization, google)
    old = [access_to(row) for _ in range(30)]
    google.accounts.expire()
    for access in old:
        noted(google_access.note_refused_token, access)
    assert isinstance(lent(row), Wait)
    work(kinds=[REFRESH])
    for access in old:  # late ones say nothing about the new token
        noted(google_access.note_refused_token, access)

    assert access_to(row).token in google.accounts.tokens
    assert asked(google, "token") == 1


def test_token_after_token_that_is_refused_fails_the_account(
    google: GoogleFake, organization: Organization
) -> None:
    row = account(organization, google)
    for number in range(google_access.MAX_REFUSALS):
        access = access_to(row)
        noted(google_access.note_refused_token, access)
        assert isinstance(lent(row), Unusable if number == google_access.MAX_REFUSALS - 1 else Wait)
        work(kinds=[REFRESH])
    assert ConnectedAccount.objects.get().state == AccountState.FAILED


def test_success_between_forgives(google: GoogleFake, organization: Organization) -> None:
    row = account(organization, google)
    for _ in range(google_access.MAX_REFUSALS * 2):
        noted(google_access.note_refused_token, access_to(row))
        lent(row)
        work(kinds=[REFRESH])
        noted(google_access.note_success, row.pk)
    assert ConnectedAccount.objects.get().state == AccountState.CONNECTED


# Too fast


def test_account_that_google_asked_to_wait_is_not_lent(
    google: GoogleFake, organization: Organization
) -> None:
    until = clock.now() + timedelta(seconds=90)
    row = account(organization, google, paused_until=until, failure_count=3)
    assert lent(row) == Wait(until, "Google asked us to wait.")
    with clock.frozen(until):
        assert isinstance(lent(row), Access)
    google_access.note_success(row.pk)
    assert ConnectedAccount.objects.get().failure_count == 0


# Disconnecting


def test_disconnected_account_opens_nothing_and_its_consent_is_handed_back(
    google: GoogleFake, organization: Organization, admin: User
) -> None:
    row = account(organization, google)
    access = access_to(row)
    connections.disconnect(row, actor=admin)

    ended = ConnectedAccount.objects.get()
    assert (ended.state, ended.access_token) == (AccountState.REVOKED, "")
    work_until_quiet([REVOKE])
    assert ConnectedAccount.objects.get().refresh_token == ""
    assert google.accounts.revoked == ["1001"]
    assert google.accounts.token_of(f"Bearer {access.token}") is None
    connections.disconnect(ended, actor=admin)
    assert AuditEntry.objects.filter(verb="connected_account.disconnected").count() == 1


def test_consent_that_others_live_on_is_kept(
    google: GoogleFake, organization: Organization, other_organization: Organization, admin: User
) -> None:
    drive = account(organization, google)
    calendar = account(organization, google, purpose=Purpose.CALENDAR)
    elsewhere = account(other_organization, google)
    for row in (drive, calendar):
        connections.disconnect(row, actor=admin)
        work_until_quiet([REVOKE])
        assert google.accounts.revoked == []
        assert ConnectedAccount.objects.get(pk=row.pk).refresh_token == ""
    assert isinstance(lent(elsewhere), Access)
    connections.disconnect(elsewhere, actor=admin)
    work_until_quiet([REVOKE])
    assert google.accounts.revoked == ["1001"]


def test_account_that_is_connected_again_in_time_keeps_its_consent(
    google: GoogleFake, organization: Organization, admin: User
) -> None:
    row = account(organization, google)
    connections.disconnect(row, actor=admin)
    grant = replace(_grant(google), subject=row.subject)
    connections.connect(organization=organization, purpose=row.purpose, grant=grant, actor=admin)

    work_until_quiet([REVOKE])

    assert google.accounts.revoked == []
    assert ConnectedAccount.objects.get().refresh_token == grant.tokens.refresh_token


def _grant(google: GoogleFake) -> Grant:
    access, refresh = google.accounts.issue("1001", frozenset())
    tokens = Tokens(access, timedelta(hours=1), refresh)
    return Grant(tokens=tokens, scopes=frozenset(), subject="1001", email="ada@example.com")


@pytest.mark.parametrize(
    "rule",
    [
        Rule(fault=Fault.ERROR, status=400, message="invalid_token"),
        Rule(fault=Fault.ERROR, status=403, message="something_else"),
        Rule(fault=Fault.ERROR, status=503, message="backendError"),
    ],
    ids=["gone already", "refused", "away for good"],
)
def test_token_is_forgotten_whatever_google_says(
    google: GoogleFake, organization: Organization, admin: User, rule: Rule, settings: Any
) -> None:
    settings.WORK_MAX_PASSING_ERRORS = 10
    row = account(organization, google)
    google.play(rule)
    connections.disconnect(row, actor=admin)
    work_until_quiet([REVOKE])
    assert ConnectedAccount.objects.get().refresh_token == ""
    assert WorkAttempt.objects.filter(outcome="died").count() == (rule.status == 503)


def test_rows_of_a_deleted_organization_go(
    google: GoogleFake, organization: Organization, admin: User, settings: Any
) -> None:
    account(organization, google)
    owner = Membership.objects.get(organization=organization, role=Role.OWNER).user
    deletion.delete(organization=organization, slug=organization.slug, actor=owner)
    later = clock.now() + settings.ORGANIZATION_PURGE_AFTER + timedelta(minutes=1)
    with clock.frozen(later):
        deletion.purge_due(later)
        work_until_quiet(now=later)
    assert not ConnectedAccount.objects.exists()
    assert not Organization.objects.filter(pk=organization.pk).exists()


# Asking at once


def test_check_says_what_google_says(google: GoogleFake, organization: Organization) -> None:
    row = account(organization, google)
    google_access.check(row)
    assert ConnectedAccount.objects.get().access_token != row.access_token

    google.play(Rule(fault=Fault.ERROR, status=503, message="x"))
    with pytest.raises(GoogleUnavailable):
        google_access.check(row)
    assert ConnectedAccount.objects.get().state == AccountState.CONNECTED
    google.play()
    google.accounts.forget("1001")
    with pytest.raises(GoogleProblem):
        google_access.check(row)
    row.refresh_from_db()
    assert row.state == AccountState.REVOKED
    with pytest.raises(Conflict, match="disconnected"):
        google_access.check(row)


def test_check_while_somebody_asks_waits_for_nobody(google: GoogleFake, organization: Organization) -> None:
    row = account(organization, google, lifetime=EXPIRED)
    noted(google_access.claim, row.pk)
    with pytest.raises(Conflict) as refusal:
        google_access.check(row)
    assert refusal.value.code == "being_refreshed"


# Service accounts


def test_service_account_signs_for_its_tokens(
    google: GoogleFake, organization: Organization, admin: User
) -> None:
    row = connections.add_service_account(
        organization=organization,
        service_account_key=google.accounts.add_service_account(),
        shared_drive_id="https://drive.google.com/drive/folders/0Team?usp=sharing",
        actor=admin,
    )
    assert isinstance(lent(row), Wait)
    work(kinds=[REFRESH])

    access = access_to(row)
    assert (access.kind, access.shared_drive_id) == ("service_account", "0Team")
    assert google.accounts.tokens[access.token].is_service
    assert row.subject.isdigit()


def test_service_account_that_google_has_deleted_fails(
    google: GoogleFake, organization: Organization, admin: User
) -> None:
    row = connections.add_service_account(
        organization=organization,
        service_account_key=google.accounts.add_service_account(),
        shared_drive_id="0Team",
        actor=admin,
    )
    google.accounts.services.clear()
    lent(row)
    work_until_quiet([REFRESH])
    assert ConnectedAccount.objects.get().state == AccountState.FAILED
    assert Notification.objects.filter(user=admin).count() == 1


def test_disconnected_service_account_has_no_key_left(
    google: GoogleFake, organization: Organization, admin: User
) -> None:
    row = connections.add_service_account(
        organization=organization,
        service_account_key=google.accounts.add_service_account(),
        shared_drive_id="0Team",
        actor=admin,
    )
    connections.disconnect(row, actor=admin)
    assert ConnectedAccount.objects.get().service_account_key == ""
    assert not WorkItem.objects.filter(kind=REVOKE).exists()
