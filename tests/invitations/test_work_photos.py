"""Photos and cards: what can't be had gives the default avatar, and says why."""

import pytest

from chatboost.core.models import File, FileState
from invitations.choices import BatchState, Step, StepState
from invitations.models import Invitation, InvitationBatch
from invitations.services import cards
from invitations.services.cards import Crop
from teams.models import Organization
from tests.invitations import outside as worlds
from tests.invitations import running
from tests.invitations.outside import Outside

pytestmark = pytest.mark.django_db(transaction=True)

PHOTO_DONE = {"photo": "done", "render": "done", "upload": "done", "link": "done", "notify": "done"}


def run(organization: Organization, outside: Outside, photo: str) -> Invitation:
    """Invite somebody with this photo."""
    outside.mautic.people(1, photo=photo)
    batch = running.started(worlds.mautic(organization, outside.mautic.url))
    running.work()
    assert running.again(batch).state == BatchState.COMPLETED
    return running.only(batch)


def codes(invitation: Invitation) -> list[tuple[str, str]]:
    return [(note["step"], note["code"]) for note in invitation.notes]


def test_photo_is_fetched_prepared_and_kept(organization: Organization, outside: Outside) -> None:
    row = run(organization, outside, outside.images.address("ok/1.jpg"))
    assert running.ledger(row) == PHOTO_DONE
    photo = File.objects.get(uuid=row.photo_uuid)
    assert (photo.state, photo.purpose) == (FileState.READY, "invitation-photo")
    assert row.photo_width
    assert row.photo_height
    # What the fake's host shows is nobody.
    assert codes(row) == [("photo", "no_face")]


def test_contact_without_photo_gets_the_avatar(organization: Organization, outside: Outside) -> None:
    row = run(organization, outside, "")
    assert running.ledger(row) == {**PHOTO_DONE, "photo": "skipped"}
    assert codes(row) == [("photo", "no_photo")]
    assert row.card_uuid is not None


def test_photo_that_is_not_there_gives_the_avatar_after_one_try(
    organization: Organization, outside: Outside
) -> None:
    row = run(organization, outside, outside.images.address("missing/1.jpg"))
    step = running.step_of(row, Step.PHOTO)
    assert (step.state, step.error_code, step.attempt_count) == (StepState.SKIPPED, "not_found", 1)
    assert codes(row) == [("photo", "not_found")]
    assert row.photo_uuid is None
    assert not File.objects.filter(purpose="invitation-photo").exists()


@pytest.mark.parametrize(("path", "code"), [("html/1.jpg", "not_an_image"), ("broken/1.jpg", "damaged")])
def test_photo_that_is_none_gives_the_avatar(
    organization: Organization, outside: Outside, path: str, code: str
) -> None:
    row = run(organization, outside, outside.images.address(path))
    assert codes(row) == [("photo", code)]


def test_photo_trouble_that_may_pass_is_tried_five_times(
    organization: Organization, outside: Outside
) -> None:
    row = run(organization, outside, outside.images.address("error/1.jpg"))
    assert running.step_of(row, Step.PHOTO).attempt_count == 5
    assert outside.images.calls["/error/1.jpg"] == 5
    assert codes(row) == [("photo", "server_error")]


@pytest.mark.parametrize("path", ["flaky/1.jpg", "busy/1.jpg"])
def test_photo_trouble_that_passes_costs_nothing(
    organization: Organization, outside: Outside, path: str
) -> None:
    row = run(organization, outside, outside.images.address(path))
    assert running.ledger(row) == PHOTO_DONE


def test_card_that_is_made_again_takes_the_place_of_the_first(
    organization: Organization, outside: Outside
) -> None:
    outside.mautic.people(1, photo=outside.images.address("ok/1.jpg"))
    account = worlds.account(organization, outside.google)
    batch = running.started(worlds.mautic(organization, outside.mautic.url, account=account))
    running.work()
    first = running.only(batch)
    cards.crop(first, crop=Crop(0, 0, 32, 32))
    assert running.again(batch).state == BatchState.RUNNING
    running.work()
    second = running.only(batch)
    assert running.again(batch).state == BatchState.COMPLETED
    assert (second.drive_id, second.link) == (first.drive_id, first.link)
    assert second.card_uuid != first.card_uuid
    assert [each["id"] for each in outside.google.effects("replaced")] == [first.drive_id]
    assert len(outside.google.effects("file")) == 2
    # Retention has it now.
    assert File.objects.get(uuid=first.card_uuid).expires_at is not None
    assert outside.google.problems == []


def test_default_layout_knows_the_contact(organization: Organization, outside: Outside) -> None:
    row = run(organization, outside, "")
    card = File.objects.get(uuid=row.card_uuid)
    thumbnail = File.objects.get(uuid=row.thumbnail_uuid)
    assert (card.name, card.content_type) == ("Guest 1 Example.jpg", row.card_media_type)
    assert 0 < thumbnail.size < card.size
    assert isinstance(row.batch, InvitationBatch)
    assert row.batch.layout_version is not None
