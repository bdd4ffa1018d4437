"""Providers that refuse, hang, lose answers and ask to wait."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.core.work import claim
from chatboost.core.work.kinds import Defer
from invitations.choices import BatchState, InvitationState, Step, StepState
from invitations.models import Invitation, InvitationBatch, InvitationSource, InvitationStep
from invitations.pauses import Paused
from invitations.providers.base import RateLimited
from invitations.services import batches, health, people, sources, steps
from invitations.work.outcomes import turn
from invitations.work.uploads import UploadKind
from teams.models import AccountState, ConnectedAccount, Notification, NotificationType, Organization
from tests.fakes.faults import Fault, Rule
from tests.fakes.mautic import PASSWORD
from tests.invitations import made, running
from tests.invitations import outside as worlds
from tests.invitations.outside import Outside

pytestmark = pytest.mark.django_db(transaction=True)


# Drive


def test_upload_whose_answer_is_lost_is_one_file(
    organization: Organization, outside: Outside, settings: Settings
) -> None:
    settings.VENDOR_DEADLINE = timedelta(seconds=1)
    outside.google.play(
        Rule(fault=Fault.ACCEPT_THEN_HANG, match={"call": "drive.files.create"}, times=4, seconds=2)
    )
    outside.mautic.people(2)
    account = worlds.account(organization, outside.google)
    batch = running.started(worlds.mautic(organization, outside.mautic.url, account=account))
    running.work()
    assert running.again(batch).state == BatchState.COMPLETED
    assert len(outside.google.effects("file")) == 3
    assert outside.google.doubled_names() == []


def test_upload_that_google_refuses_for_good_fails_with_its_reason(
    organization: Organization, outside: Outside
) -> None:
    outside.google.drive.full.add("1001")
    outside.mautic.people(2)
    account = worlds.account(organization, outside.google)
    batch = running.started(worlds.mautic(organization, outside.mautic.url, account=account))
    running.work()
    batch = running.again(batch)
    assert (batch.state, batch.failed_count) == (BatchState.FAILED, 2)
    assert {row.error_code for row in running.rows(batch)} == {"storageQuotaExceeded"}
    # Somebody made room.
    outside.google.drive.full.clear()
    batches.retry_failed(batch)
    running.work()
    batch = running.again(batch)
    assert (batch.state, batch.done_count, batch.failed_count) == (BatchState.COMPLETED, 2, 0)


def test_token_that_google_refuses_is_fetched_anew(organization: Organization, outside: Outside) -> None:
    outside.mautic.people(1)
    account = worlds.account(organization, outside.google)
    batch = running.started(worlds.mautic(organization, outside.mautic.url, account=account))
    outside.google.accounts.expire()
    running.work()
    assert running.again(batch).state == BatchState.COMPLETED
    assert ConnectedAccount.objects.get().state == AccountState.CONNECTED


def test_account_that_is_lost_makes_invitations_wait_until_it_is_back(
    organization: Organization, outside: Outside
) -> None:
    outside.mautic.people(2)
    account = worlds.account(organization, outside.google)
    batch = running.started(worlds.mautic(organization, outside.mautic.url, account=account))
    ConnectedAccount.objects.update(state=AccountState.REVOKED, access_token="", error="Taken back.")
    now = running.work(within=timedelta(minutes=10))
    batch = running.again(batch)
    assert (batch.state, batch.done_count, batch.failed_count) == (BatchState.RUNNING, 0, 0)
    assert {row.step for row in running.rows(batch)} == {Step.UPLOAD}
    access = worlds.token(outside.google)
    ConnectedAccount.objects.update(
        state=AccountState.CONNECTED,
        access_token=access,
        access_token_expires_at=now + timedelta(hours=3),
        error="",
    )
    running.work(now, within=timedelta(minutes=10))
    assert running.again(batch).state == BatchState.COMPLETED


@pytest.mark.parametrize("is_refused", [True, False])
def test_uploads_without_a_folder_wait_as_long_as_the_account(
    organization: Organization, outside: Outside, is_refused: bool
) -> None:
    outside.mautic.people(2)
    account = worlds.account(organization, outside.google)
    batch = running.started(worlds.mautic(organization, outside.mautic.url, account=account))
    now = clock.now()
    if is_refused:
        ConnectedAccount.objects.update(state=AccountState.REVOKED, access_token="", error="Taken back.")
    else:
        ConnectedAccount.objects.update(paused_until=now + timedelta(minutes=2))
    running.work(now, within=timedelta(seconds=1))
    assert not running.again(batch).folder_url
    waiting = WorkItem.objects.filter(kind="invitations.upload")
    assert [item.run_at >= now + timedelta(minutes=2) for item in waiting] == [True, True]


def test_uploads_without_a_folder_ask_for_it_once_a_batch(
    organization: Organization, outside: Outside
) -> None:
    account = worlds.account(organization, outside.google)
    batch = made.batch(worlds.mautic(organization, outside.mautic.url, account=account))
    InvitationBatch.objects.update(storage="drive", account=account)
    counts = []
    for numbers in (range(1, 2), range(2, 12)):
        people.add(batch, made.people(*numbers))
        WorkItem.objects.all().delete()
        Invitation.objects.update(step=Step.UPLOAD)
        with transaction.atomic():
            steps.begin(running.rows(batch))
        items = claim.claim("media", limit=100, now=clock.now(), kinds=[UploadKind.name])
        assert len(items) == numbers[-1]
        with transaction.atomic(), CaptureQueriesContext(connection) as queries:
            decisions = UploadKind().prepare(items)
        assert all(isinstance(decision, Defer) for decision in decisions.values())
        counts.append(len(queries))
    assert counts[0] == counts[1]


# Mautic


def test_link_that_somebody_changed_is_shown_and_kept(organization: Organization, outside: Outside) -> None:
    (number,) = outside.mautic.people(1)
    batch = running.started(worlds.mautic(organization, outside.mautic.url))
    running.work(within=timedelta(), queues=["maintenance"])
    outside.mautic.rows.contacts[number].values["invitation_link"] = "https://elsewhere.example/7"
    running.work()
    row, batch = running.only(batch), running.again(batch)
    assert (row.state, row.found_link) == (InvitationState.CONFLICT, "https://elsewhere.example/7")
    assert (batch.state, batch.conflict_count) == (BatchState.FAILED, 1)
    assert outside.mautic.effects == []
    assert running.ledger(row)["link"] == StepState.FAILED


def test_source_that_refuses_credentials_waits_and_tells_operators_once(
    organization: Organization, outside: Outside
) -> None:
    outside.mautic.people(3)
    source = worlds.mautic(organization, outside.mautic.url)
    batch = running.started(source)
    running.work(within=timedelta(), queues=["maintenance"])
    InvitationSource.objects.update(password="changed")
    source.refresh_from_db()
    now = running.work(within=timedelta(minutes=10))
    source.refresh_from_db()
    batch = running.again(batch)
    assert source.error
    assert (batch.state, batch.done_count, batch.failed_count) == (BatchState.RUNNING, 0, 0)
    told = Notification.objects.filter(
        type=NotificationType.INCIDENT, object_type="invitations.invitationsource"
    )
    assert told.count() == 1
    sources.change(source, password=PASSWORD)
    running.work(now, within=timedelta(minutes=10))
    batch = running.again(batch)
    assert (batch.state, batch.done_count) == (BatchState.COMPLETED, 3)


def test_contact_that_is_gone_fails(organization: Organization, outside: Outside) -> None:
    (number,) = outside.mautic.people(1)
    batch = running.started(worlds.mautic(organization, outside.mautic.url))
    running.work(within=timedelta(), queues=["maintenance"])
    outside.mautic.rows.delete(number)
    running.work()
    row = running.only(batch)
    assert (row.state, row.error_code) == (InvitationState.FAILED, "gone")


def test_source_that_asks_to_wait_is_left_alone_by_all(organization: Organization, outside: Outside) -> None:
    outside.mautic.people(5)
    source = worlds.mautic(organization, outside.mautic.url)
    batch = running.started(source)
    running.work(within=timedelta(), queues=["maintenance"])
    running.work(within=timedelta(), queues=["media"])
    outside.mautic.play(Rule(fault=Fault.ERROR, status=429, retry_after="600", match={"kind": "contact"}))
    began = clock.now()
    running.work(began, within=timedelta(seconds=500))
    source.refresh_from_db()
    assert source.paused_until is not None
    assert source.paused_until > began + timedelta(seconds=500)
    # Those that were under way together; nobody after them.
    refused = sum(each["answer"] == "error" for each in outside.mautic.attempts)
    assert 1 <= refused <= 5
    outside.mautic.play()
    running.work(began, within=timedelta(seconds=700))
    assert running.again(batch).state == BatchState.COMPLETED


def test_pause_ends_with_the_credentials_that_it_was_for(
    organization: Organization, outside: Outside
) -> None:
    source = worlds.mautic(organization, outside.mautic.url)
    InvitationSource.objects.update(password="of somebody else")
    source.refresh_from_db()
    before = health.of_source(source)
    with pytest.raises(RateLimited), turn(before):
        raise RateLimited("Too many.", retry_after=timedelta(hours=20))
    with pytest.raises(Paused), turn(before):
        pass
    sources.change(source, password=PASSWORD)
    source.refresh_from_db()
    batch = running.started(source)
    outside.mautic.people(1)
    running.work(within=timedelta(), queues=["maintenance"])
    assert running.again(batch).is_fetched


def test_source_that_fails_in_a_row_is_probed_until_it_is_well(
    organization: Organization, outside: Outside
) -> None:
    outside.mautic.people(30)
    source = worlds.mautic(organization, outside.mautic.url)
    batch = running.started(source)
    running.work(within=timedelta(), queues=["maintenance"])
    running.work(within=timedelta(), queues=["media"])
    outside.mautic.play(Rule(fault=Fault.ERROR, status=503))
    began = clock.now()
    running.work(began, within=timedelta(seconds=5))
    source.refresh_from_db()
    assert source.failure_count >= 20
    before = len(outside.mautic.attempts)
    now = running.work(began + timedelta(seconds=5), within=timedelta(seconds=95))
    # One every thirty seconds.
    assert 2 <= len(outside.mautic.attempts) - before <= 4
    outside.mautic.play()
    running.work(now, within=timedelta(minutes=5))
    source.refresh_from_db()
    assert (source.failure_count, source.paused_until) == (0, None)
    assert running.again(batch).state == BatchState.COMPLETED


def test_step_that_never_works_fails_after_a_day(organization: Organization, outside: Outside) -> None:
    outside.mautic.people(1)
    batch = running.started(worlds.mautic(organization, outside.mautic.url))
    running.work(within=timedelta(), queues=["maintenance"])
    outside.mautic.play(Rule(fault=Fault.ERROR, status=503))
    now = running.work(within=timedelta(seconds=10))
    row = running.only(batch)
    assert (row.state, row.step) == (InvitationState.RUNNING, Step.LINK)
    InvitationStep.objects.filter(step=Step.LINK).update(started_at=now - timedelta(hours=24))
    running.work(now, within=timedelta(minutes=1))
    row = running.only(batch)
    assert (row.state, row.step, row.error_code) == (InvitationState.FAILED, Step.LINK, "server_error")
    assert not WorkItem.objects.filter(kind__startswith="invitations.").exists()


# Fetching


def test_contacts_come_page_by_page_while_cards_are_made(
    organization: Organization, outside: Outside
) -> None:
    outside.mautic.people(250)
    batch = running.started(worlds.mautic(organization, outside.mautic.url))
    running.work(within=timedelta(), queues=["maintenance"])
    batch = running.again(batch)
    assert (batch.is_fetched, batch.total_count) == (True, 250)
    pages = [each for each in outside.mautic.attempts if each["kind"] == "contacts"]
    assert len(pages) > 2


def test_contacts_that_can_not_be_fetched_end_the_batch(organization: Organization, outside: Outside) -> None:
    batch = running.started(
        worlds.mautic(organization, outside.mautic.url, audience="form", audience_id="77")
    )
    running.work()
    batch = running.again(batch)
    assert (batch.state, batch.total_count, batch.is_fetched) == (BatchState.FAILED, 0, False)
    assert batch.fetch_error
    outside.mautic.rows.forms[77] = "Party"
    batches.retry_failed(batch)
    running.work()
    batch = running.again(batch)
    assert (batch.state, batch.fetch_error) == (BatchState.COMPLETED, "")
