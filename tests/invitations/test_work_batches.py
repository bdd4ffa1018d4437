"""Batches as a whole: paused, cancelled, tried dry, told of, begun by whoever is new."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction

from chatboost.core import clock
from chatboost.core.models import WorkItem
from invitations.choices import BatchState, InvitationState, NoticeMode, Origin, Step
from invitations.models import Invitation, InvitationBatch, InvitationSource
from invitations.services import batches
from invitations.work import polling
from invitations.work.links import LinkKind
from invitations.work.photos import PhotoKind
from teams.models import Organization, TelegramMessage
from tests.fakes.faults import Fault, Rule
from tests.invitations import outside as worlds
from tests.invitations import running
from tests.invitations.outside import Outside

pytestmark = pytest.mark.django_db(transaction=True)


def test_paused_batch_stops_before_the_next_step_and_goes_on_when_resumed(
    organization: Organization, outside: Outside
) -> None:
    outside.mautic.people(3)
    batch = running.started(worlds.mautic(organization, outside.mautic.url))
    running.work(within=timedelta(), queues=["maintenance"])
    batches.pause(batch)
    running.work()
    assert {(row.state, row.step) for row in running.rows(batch)} == {("pending", "photo")}
    assert not WorkItem.objects.filter(kind__startswith="invitations.").exists()
    batches.resume(running.again(batch))
    running.work()
    batch = running.again(batch)
    assert (batch.state, batch.done_count) == (BatchState.COMPLETED, 3)


def test_paused_batch_fetches_on_when_it_is_resumed(organization: Organization, outside: Outside) -> None:
    outside.mautic.people(2)
    batch = running.started(worlds.mautic(organization, outside.mautic.url))
    batches.pause(batch)
    running.work()
    assert running.again(batch).total_count == 0
    batches.resume(running.again(batch))
    running.work()
    assert running.again(batch).done_count == 2


def test_cancelled_batch_ends_its_invitations(organization: Organization, outside: Outside) -> None:
    outside.mautic.people(2)
    batch = running.started(worlds.mautic(organization, outside.mautic.url))
    running.work(within=timedelta(), queues=["maintenance"])
    batches.cancel(batch)
    running.work()
    assert {row.state for row in running.rows(batch)} == {InvitationState.CANCELLED}
    assert running.again(batch).state == BatchState.CANCELLED
    assert outside.mautic.effects == []
    assert not WorkItem.objects.filter(kind__startswith="invitations.").exists()


def test_dry_run_makes_five_cards_and_tells_nobody(organization: Organization, outside: Outside) -> None:
    outside.mautic.people(8)
    worlds.chat(organization)
    account = worlds.account(organization, outside.google)
    source = worlds.mautic(organization, outside.mautic.url, account=account)
    batch = batches.dry_run(source=source)
    running.work()
    batch = running.again(batch)
    assert (batch.state, batch.done_count) == (BatchState.COMPLETED, 5)
    for row in running.rows(batch):
        assert row.card_uuid is not None
        assert running.ledger(row) == {
            "photo": "skipped",
            "render": "done",
            "upload": "skipped",
            "link": "skipped",
            "notify": "skipped",
        }
    assert outside.google.attempts == []
    assert outside.mautic.effects == []
    assert not TelegramMessage.objects.filter(dedupe_key__contains="invitations.invitation:").exists()


def test_large_batch_has_one_message_that_is_kept_up_to_date(
    organization: Organization, outside: Outside
) -> None:
    outside.mautic.people(21)
    worlds.chat(organization)
    batch = running.started(worlds.mautic(organization, outside.mautic.url))
    running.work()
    assert running.again(batch).state == BatchState.COMPLETED
    assert TelegramMessage.objects.get().state == "sent"
    assert len(outside.telegram.ledger) == 1
    shown = outside.telegram.effects[-1]
    assert shown["method"] == "editMessageText"
    assert shown["text"] == f"✅ Invitations “{batch.name}”: completed\n21 of 21 done."


@pytest.mark.parametrize("mode", [NoticeMode.OFF, NoticeMode.EACH])
def test_batch_says_how_the_chat_is_told(
    organization: Organization, outside: Outside, mode: NoticeMode
) -> None:
    outside.mautic.people(1)
    worlds.chat(organization)
    batch = running.started(worlds.mautic(organization, outside.mautic.url, notices=mode))
    running.work()
    row = running.only(batch)
    told = TelegramMessage.objects.filter(dedupe_key__startswith=f"invitations.invitation:{row.pk}#")
    assert list(told.order_by("id").values_list("text", flat=True)[3:]) == (
        []
        if mode == NoticeMode.OFF
        else [
            f"Invitation link created: {row.link}",
            "Successfully updated contact in Mautic: guest1@people.example",
        ]
    )


def test_what_did_not_go_to_mautic_is_not_said_to_have(organization: Organization, outside: Outside) -> None:
    worlds.chat(organization)
    batch = running.started(running.sandbox(organization, notices=NoticeMode.EACH))
    running.work(within=timedelta(seconds=30))
    row = running.rows(batch)[0]
    told = TelegramMessage.objects.filter(dedupe_key__startswith=f"invitations.invitation:{row.pk}#")
    assert told.latest("id").text == f"Contact done: {row.email}"


def test_source_without_a_link_field_is_not_written_to(organization: Organization, outside: Outside) -> None:
    outside.mautic.people(1)
    batch = running.started(worlds.mautic(organization, outside.mautic.url, link_field=""))
    running.work()
    assert running.ledger(running.only(batch))["link"] == "skipped"
    assert running.again(batch).state == BatchState.COMPLETED


def test_work_that_was_given_up_ends_the_invitation(organization: Organization, outside: Outside) -> None:
    outside.mautic.people(2)
    batch = running.started(worlds.mautic(organization, outside.mautic.url))
    running.work(within=timedelta(), queues=["maintenance"])
    first, second = running.rows(batch)
    Invitation.objects.filter(pk=second.pk).update(step=Step.LINK)
    with transaction.atomic():
        PhotoKind().on_dead([first.pk])
        LinkKind().on_dead([second.pk])
    first, second = running.rows(batch)
    # Without a photo there is the avatar.
    assert (first.state, first.step) == (InvitationState.RUNNING, Step.RENDER)
    assert (second.state, second.error_code) == (InvitationState.FAILED, "given_up")
    assert running.again(batch).failed_count == 1


# Looking for new contacts


def polled(organization: Organization, outside: Outside) -> InvitationSource:
    return worlds.mautic(organization, outside.mautic.url, is_polled=True, poll_minutes=5)


@transaction.atomic
def look(now: datetime) -> None:
    """Have the clock come by."""
    with clock.frozen(now):
        polling.owe_due(now)


def test_new_contact_begins_a_batch_once(organization: Organization, outside: Outside) -> None:
    source = polled(organization, outside)
    now = clock.now()
    look(now)
    now = running.work(now)
    assert not InvitationBatch.objects.exists()
    outside.mautic.people(2)
    for minutes in (1, 6, 12, 18):
        look(now + timedelta(minutes=minutes))
        running.work(now + timedelta(minutes=minutes), within=timedelta(seconds=30))
    batch = InvitationBatch.objects.get()
    assert (batch.origin, batch.done_count, batch.source_id) == (Origin.POLL, 2, source.pk)
    looks = [each for each in outside.mautic.attempts if each["kind"] == "contacts"]
    assert len(looks) >= 4


def test_source_that_can_not_be_looked_at_is_looked_at_again(
    organization: Organization, outside: Outside
) -> None:
    polled(organization, outside)
    outside.mautic.people(1)
    outside.mautic.play(Rule(fault=Fault.ERROR, status=503, times=1))
    now = clock.now()
    look(now)
    running.work(now, within=timedelta(seconds=30))
    assert not InvitationBatch.objects.exists()
    look(now + timedelta(minutes=6))
    running.work(now + timedelta(minutes=6), within=timedelta(minutes=1))
    assert InvitationBatch.objects.get().done_count == 1
