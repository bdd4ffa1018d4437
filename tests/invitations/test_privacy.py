"""Forgetting people who were invited, and how long things are kept."""

from datetime import timedelta
from typing import Any

import pytest

from chatboost.core import clock, files, preferences, ticks
from chatboost.core.models import AuditEntry, File, WorkItem
from chatboost.messaging.services import contacts
from invitations import privacy
from invitations.choices import BatchState, InvitationState, SourceKind
from invitations.errors import NotNow
from invitations.models import Invitation, InvitationBatch, SandboxContact
from invitations.preferences import InvitationSettings
from invitations.privacy import Who
from invitations.services import batches, people, reports
from invitations.services.people import Added
from teams.models import AccountKind, ConnectedAccount, Organization, Purpose
from tests import factories
from tests.invitations import made, running

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(organization: Organization) -> ConnectedAccount:
    return ConnectedAccount.objects.create(
        organization=organization, purpose=Purpose.DRIVE, kind=AccountKind.OAUTH, subject="1001"
    )


def invited(organization: Organization, **fields: Any) -> Invitation:
    """Somebody with pictures, done."""
    batch = batches.start(batches.create(source=made.source(organization), is_fetched=True))
    people.add(batch, made.people(1, 2))
    row = running.rows(batch)[0]
    for name in ("photo_uuid", "card_uuid", "thumbnail_uuid"):
        setattr(row, name, made.picture(organization).uuid)
    row.state, row.finished_at = InvitationState.DONE, clock.now()
    row.link, row.notes = "https://bot.example.com/i/1", [{"message": "Ada has no face"}]
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()
    InvitationBatch.objects.filter(pk=batch.pk).update(done_count=1)
    WorkItem.objects.all().delete()
    return row


def test_forget_leaves_a_row_without_a_person(organization: Organization) -> None:
    row = invited(organization)
    AuditEntry.objects.create(
        organization_id=organization.pk,
        verb="invitation.cropped",
        object_type="invitations.invitation",
        object_id=str(row.pk),
        object_label="Ada Example 1",
    )
    gone = [row.photo_uuid, row.card_uuid, row.thumbnail_uuid]
    assert privacy.forget(organization, Who(email="ADA1@example.com")) == 1
    kept = Invitation.objects.get(pk=row.pk)
    values = " ".join(str(value) for value in vars(kept).values())
    assert "Ada" not in values
    assert "ada1" not in values
    assert kept.state == InvitationState.DONE
    assert kept.external_id.startswith("erased:")
    assert all(file.expires_at <= clock.now() for file in File.objects.filter(uuid__in=gone))
    labels = AuditEntry.objects.filter(object_id=str(row.pk)).values_list("object_label", flat=True)
    assert not any("Ada" in label for label in labels)
    assert privacy.forget(organization, Who(email="ada1@example.com")) == 0


def test_forget_stays_forgotten_when_fetched_again(organization: Organization) -> None:
    row = invited(organization, state=InvitationState.FAILED)
    privacy.forget(organization, Who(source=row.source, external_id="1"))
    assert people.add(made.batch(row.source), made.people(1)) == Added(skipped=1)


def test_forget_what_is_under_way_ends_and_the_batch_with_it(organization: Organization) -> None:
    row = invited(organization)
    second = running.rows(row.batch)[1]
    assert privacy.forget(organization, Who(email=second.email)) == 1
    second.refresh_from_db()
    assert (second.state, second.error_code) == (InvitationState.FAILED, "erased")
    assert running.again(row.batch).state == BatchState.PARTIAL
    with pytest.raises(Exception, match="nothing to try again"):
        batches.retry_failed(row.batch)


def test_forget_card_at_drive_is_owed(organization: Organization) -> None:
    row = invited(organization, drive_id="drive-1", is_on_drive=True)
    privacy.forget(organization, Who(email=row.email))
    item = WorkItem.objects.get(kind=privacy.REMOVE_KIND)
    assert (item.subject_id, item.lane) == (row.pk, f"invitation:{row.pk}")


def test_forget_takes_reports_along(organization: Organization) -> None:
    row = invited(organization)
    InvitationBatch.objects.filter(pk=row.batch_id).update(
        state=BatchState.COMPLETED, finished_at=clock.now()
    )
    file = made.picture(organization, purpose=reports.PURPOSE)
    privacy.forget(organization, Who(email=row.email))
    assert File.objects.get(pk=file.pk).expires_at is not None


def test_forget_nobody_named_is_nobody(organization: Organization) -> None:
    row = invited(organization, email="")
    assert privacy.forget(organization, Who()) == 0
    assert privacy.forget(organization, Who(source=row.source)) == 0


def test_forget_keeps_to_the_organization(
    organization: Organization, other_organization: Organization
) -> None:
    row = invited(organization)
    assert privacy.forget(other_organization, Who(email=row.email)) == 0
    assert privacy.forget(other_organization, Who(source=row.source, external_id="1")) == 0


def test_forget_sandbox_loses_its_person(organization: Organization) -> None:
    source = running.sandbox(organization)
    people.add(made.batch(source), made.people(1))
    privacy.forget(organization, Who(source=source, external_id="1"))
    assert not SandboxContact.objects.filter(source=source, number=1).exists()


def test_erased_contact_of_ours_is_forgotten_here(organization: Organization) -> None:
    contact = factories.contact(organization)
    source = made.source(organization, kind=SourceKind.CONTACTS)
    people.add(made.batch(source), [made.person(contact.pk)])
    contacts.erase(contact)
    running.work()
    assert Invitation.objects.get().name == ""


def test_export_says_what_is_kept(organization: Organization) -> None:
    row = invited(organization)
    (told,) = privacy.export(organization, Who(email=row.email))
    assert (told["name"], told["values"]["firstname"]) == ("Ada Example 1", "Ada")


def test_erase_and_export_over_the_api(api: Any, organization: Organization) -> None:
    row = invited(organization)
    body = {"source_id": row.source_id, "external_id": "1"}
    assert api.post("/invitations/export", body, format="json").json()["invitations"][0]["email"] == row.email
    assert api.post("/invitations/erase", body, format="json").json() == {"erased": 1}
    assert api.post("/invitations/erase", {}, format="json").status_code == 400


def run(name: str) -> None:
    """Let a tick of retention come."""
    tick = ticks.registered()[f"retention: {name}"]
    while tick.run(clock.now()):
        pass


def test_retention_photos_go_before_cards_and_batches_last(organization: Organization) -> None:
    row = invited(organization, finished_at=clock.now() - timedelta(days=100))
    for name in ("invitation photos", "invitation cards", "invitations", "invitation batches"):
        run(name)
    row.refresh_from_db()
    assert (row.photo_uuid, row.card_uuid is not None) == (None, True)
    past = clock.now() - timedelta(days=400)
    InvitationBatch.objects.filter(pk=row.batch_id).update(state=BatchState.COMPLETED, finished_at=past)
    Invitation.objects.filter(pk=row.pk).update(finished_at=past)
    card = row.card_uuid
    for name in ("invitation cards", "invitations", "invitation batches"):
        run(name)
    assert not Invitation.objects.exists()
    assert not InvitationBatch.objects.exists()
    with pytest.raises(Exception, match="No such file"):
        files.get(card, organization.pk)


def test_retention_keeps_to_each_organizations_own_setting(
    organization: Organization, other_organization: Organization
) -> None:
    rows = [invited(each) for each in (organization, other_organization)]
    Invitation.objects.update(finished_at=clock.now() - timedelta(days=50))
    preferences.change(
        organization_id=organization.pk, type=InvitationSettings, photos_kept_days=40, actor=None
    )
    run("invitation photos")
    for row in rows:
        row.refresh_from_db()
    assert [row.photo_uuid is None for row in rows] == [True, False]


def test_removal_from_drive_that_is_owed_outlives_retention_and_holds_its_batch(
    organization: Organization, account: ConnectedAccount
) -> None:
    row = invited(organization, drive_id="drive-1", is_on_drive=True)
    privacy.forget(organization, Who(email=row.email))
    past = clock.now() - timedelta(days=400)
    InvitationBatch.objects.update(state=BatchState.COMPLETED, finished_at=past, account=account)
    with pytest.raises(NotNow) as refusal:
        batches.delete(row.batch)
    assert refusal.value.code == "removal_waits"
    for name in ("invitations", "invitation batches"):
        run(name)
    assert Invitation.objects.get().pk == row.pk
    # It was removed.
    Invitation.objects.update(drive_id="")
    for name in ("invitations", "invitation batches"):
        run(name)
    assert not InvitationBatch.objects.exists()


def test_batch_without_a_removal_that_is_owed_is_deleted(
    organization: Organization, account: ConnectedAccount
) -> None:
    row = invited(organization, drive_id="drive-1", is_on_drive=True)
    InvitationBatch.objects.update(state=BatchState.COMPLETED, finished_at=clock.now(), account=account)
    batches.delete(row.batch)
    assert not Invitation.objects.exists()
