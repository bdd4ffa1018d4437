"""What people decide about cards, carried out by the pipeline: crops, conflicts, forgetting, looking."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client

from chatboost.core import clock
from chatboost.core.models import File, WorkItem
from chatboost.core.work import claim, finish
from chatboost.core.work.drain import drain
from invitations import demo, privacy
from invitations.choices import BatchState, InvitationState, Origin, Step, StepState
from invitations.models import (
    Invitation,
    InvitationBatch,
    InvitationSource,
    InvitationStep,
    SandboxContact,
)
from invitations.privacy import Who
from invitations.services import batches, cards, steps
from invitations.work import polling
from invitations.work.cards import CardKind
from invitations.work.photos import PhotoKind
from teams.models import ConnectedAccount, Organization, TelegramMessage
from tests.invitations import outside as worlds
from tests.invitations import running
from tests.invitations.outside import Outside

pytestmark = pytest.mark.django_db(transaction=True)


def small_sandbox(organization: Organization, *numbers: int, **fields: object) -> InvitationSource:
    """A sandbox with these people only."""
    source = running.sandbox(organization, **fields)
    SandboxContact.objects.filter(source=source).exclude(number__in=numbers).delete()
    return source


def test_crop_by_hand_makes_another_card_at_the_same_page(organization: Organization) -> None:
    batch = running.started(small_sandbox(organization, 1))
    running.work()
    (row,) = running.rows(batch)
    before = b"".join(Client().get(f"/i/{row.uuid}/image").streaming_content)
    cards.crop(row, crop=cards.Crop(0, 0, 40, 40))
    assert running.again(batch).state == BatchState.RUNNING
    running.work()
    (after,) = running.rows(batch)
    assert (after.state, after.link, after.crop) == (InvitationState.DONE, row.link, [0, 0, 40, 40])
    assert after.card_uuid != row.card_uuid
    assert b"".join(Client().get(f"/i/{row.uuid}/image").streaming_content) != before
    assert running.again(batch).state == BatchState.COMPLETED


def test_crop_while_the_card_is_drawn_is_on_the_card(organization: Organization) -> None:
    batch = running.started(small_sandbox(organization, 1))
    running.work(within=timedelta(), queues=["maintenance"])
    drain("media", names=[PhotoKind.name])
    items = claim.claim("media", limit=1, now=clock.now(), kinds=[CardKind.name])
    kind = CardKind()
    with transaction.atomic():
        intents = kind.prepare(items)
    drawn = [(item, intents[item.id], kind.call(intents[item.id])) for item in items]
    cards.crop(running.only(batch), crop=cards.Crop(0, 0, 40, 40))
    with transaction.atomic():
        finish.finish(items, kind.settle(drawn), now=clock.now())
    row = running.only(batch)
    assert (row.step, row.card_uuid) == (Step.RENDER, None)
    assert File.objects.get(uuid=drawn[0][1].card_place.uuid).expires_at is not None
    running.work()
    row = running.only(batch)
    assert (row.state, row.crop) == (InvitationState.DONE, [0, 0, 40, 40])


def test_conflict_is_shown_and_written_over_only_when_somebody_says_so(organization: Organization) -> None:
    batch = running.started(small_sandbox(organization, 1))
    theirs = "https://elsewhere.example/card"

    def write(link: str) -> None:
        (contact,) = SandboxContact.objects.filter(source=batch.source)
        contact.values = contact.values | {"invitation_link": link}
        contact.save()

    running.work(queues=("media",), within=timedelta())
    running.work(queues=("maintenance",), within=timedelta())
    while not Invitation.objects.filter(step="link").exists():
        running.work(queues=("media",), within=timedelta())
    write(theirs)
    running.work()
    (row,) = running.rows(batch)
    assert (row.state, row.found_link) == (InvitationState.CONFLICT, theirs)
    cards.resolve(row, keep_theirs=False)
    write("https://elsewhere.example/another")
    running.work()
    (row,) = running.rows(batch)
    assert (row.state, row.found_link) == (InvitationState.CONFLICT, "https://elsewhere.example/another")
    cards.resolve(row, keep_theirs=False)
    running.work()
    (row,) = running.rows(batch)
    assert (row.state, row.found_link) == (InvitationState.DONE, "")
    assert SandboxContact.objects.get(source=batch.source).values["invitation_link"] == row.link


def test_erased_person_is_gone_from_drive_and_from_the_chat(
    organization: Organization, outside: Outside
) -> None:
    outside.mautic.people(2, photo=outside.images.address("ok/1.jpg"))
    worlds.chat(organization)
    account = worlds.account(organization, outside.google)
    batch = running.started(worlds.mautic(organization, outside.mautic.url, account=account))
    running.work()
    first, second = running.rows(batch)
    assert TelegramMessage.objects.filter(text__contains=first.email).exists()
    privacy.forget(organization, Who(email=first.email))
    running.work()
    assert first.drive_id not in outside.google.drive.files
    assert second.drive_id in outside.google.drive.files
    assert not TelegramMessage.objects.filter(text__contains=first.email).exists()
    assert TelegramMessage.objects.filter(text__contains=second.email).exists()
    assert Invitation.objects.get(pk=first.pk).drive_id == ""
    assert Client().get(f"/i/{first.uuid}").status_code == 404
    assert not WorkItem.objects.filter(kind__startswith="invitations.").exists()


def test_looking_again_brings_new_people_into_the_same_batch(organization: Organization) -> None:
    source = small_sandbox(organization, 1, 2)
    InvitationSource.objects.filter(pk=source.pk).update(is_polled=True)
    with transaction.atomic():
        polling.owe_due(clock.now())
    now = running.work()
    batch = InvitationBatch.objects.get()
    assert (batch.origin, batch.state, batch.total_count) == (Origin.POLL, BatchState.COMPLETED, 2)
    later = now + timedelta(minutes=10)
    values = {"firstname": "Grace", "lastname": "Example", "photo": "", "invitation_link": ""}
    SandboxContact.objects.create(
        organization=organization, source=source, number=77, values=values, changed_at=later
    )
    with clock.frozen(later + timedelta(minutes=1)):
        with transaction.atomic():
            polling.owe_due(clock.now())
        running.work(clock.now())
    batch = InvitationBatch.objects.get()
    assert (batch.state, batch.total_count, batch.skipped_count) == (BatchState.COMPLETED, 3, 0)
    assert [row.lucky_number for row in running.rows(batch)] == ["1", "2", "3"]


def test_demo_is_seeded_once_and_comes_to_its_end(organization: Organization) -> None:
    for _ in range(2):
        demo.seed(organization, clock.now())
    batch = InvitationBatch.objects.get()
    assert (batch.name, batch.state) == (demo.BATCH, BatchState.RUNNING)
    batches.pause(batch)
    running.work()
    assert running.again(batch).done_count == 0
    batches.resume(batch)
    running.work()
    batch = running.again(batch)
    assert (batch.state, batch.done_count) == (BatchState.COMPLETED, 5)


def failed_without_its_card(batch: InvitationBatch) -> Invitation:
    """Its one invitation's upload failed, and retention has removed the card since."""
    (row,) = running.rows(batch)
    row.state, row.step, row.error_code = InvitationState.FAILED, Step.UPLOAD, "unavailable"
    row.card_uuid = row.thumbnail_uuid = None
    row.link = ""
    row.save()
    InvitationStep.objects.filter(invitation=row, step__in=["link", "notify"]).delete()
    InvitationStep.objects.filter(invitation=row, step=Step.UPLOAD).update(state=StepState.FAILED)
    InvitationBatch.objects.filter(pk=batch.pk).update(state=BatchState.FAILED, done_count=0, failed_count=1)
    return row


@pytest.mark.parametrize("number", [1, 2])
def test_card_that_is_not_kept_any_more_is_drawn_again(organization: Organization, number: int) -> None:
    batch = running.started(small_sandbox(organization, number))
    running.work()
    row = failed_without_its_card(batch)
    Invitation.objects.filter(pk=row.pk).update(photo_uuid=None)
    batches.retry_failed(running.again(batch))
    running.work()
    (row,) = running.rows(batch)
    assert (row.state, Client().get(f"/i/{row.uuid}/image").status_code) == (InvitationState.DONE, 200)
    # The photo that was there is on the card again.
    assert (row.photo_uuid is None) == (row.photo_url == "")
    assert running.again(batch).state == BatchState.COMPLETED
    assert not WorkItem.objects.filter(kind__startswith="invitations.").exists()


def test_card_that_is_gone_from_the_storage_at_the_upload_fails_with_a_reason(
    organization: Organization, outside: Outside
) -> None:
    outside.mautic.people(2)
    account = worlds.account(organization, outside.google)
    batch = running.started(worlds.mautic(organization, outside.mautic.url, account=account))
    ConnectedAccount.objects.update(paused_until=clock.now() + timedelta(minutes=5))
    now = running.work(within=timedelta(minutes=1))
    first, second = running.rows(batch)
    assert {first.step, second.step} == {Step.UPLOAD}
    Invitation.objects.filter(pk=first.pk).update(card_uuid=None)
    File.objects.filter(uuid=second.card_uuid).delete()
    now = running.work(now, within=timedelta(minutes=10))
    assert {(row.state, row.error_code) for row in running.rows(batch)} == {("failed", "no_card")}
    assert running.again(batch).state == BatchState.FAILED
    batches.retry_failed(running.again(batch))
    running.work(now)
    assert running.again(batch).state == BatchState.COMPLETED


def test_link_to_a_page_without_a_card_is_not_handed_out(organization: Organization) -> None:
    batch = running.started(small_sandbox(organization, 1))
    running.work()
    row = failed_without_its_card(batch)
    InvitationBatch.objects.update(state=BatchState.RUNNING, finished_at=None, failed_count=0)
    row.state = InvitationState.PENDING
    row.save()
    with transaction.atomic():
        steps.begin([row])
    running.work()
    (row,) = running.rows(batch)
    assert (row.state, row.error_code, row.link) == (InvitationState.FAILED, "no_card", "")
