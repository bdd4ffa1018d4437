"""Batches: planned, started, paused, resumed, cancelled, tried again."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.core.models import AuditEntry, File, WorkItem
from invitations.choices import BatchState, InvitationState, Step, StepState, StorageKind
from invitations.errors import NotNow
from invitations.models import Invitation, InvitationBatch, InvitationStep
from invitations.services import batches, completion, layouts, people, steps
from invitations.work import drive
from teams import limits
from teams.models import Organization
from tests.invitations import made, running


def draft(organization: Organization, **fields: Any) -> InvitationBatch:
    return batches.create(source=made.source(organization), **fields)


def kinds() -> list[str]:
    return sorted(WorkItem.objects.filter(kind__startswith="invitations.").values_list("kind", flat=True))


def with_people(organization: Organization, *numbers: int) -> InvitationBatch:
    """A running batch that has these people, and no more to come."""
    batch = batches.start(draft(organization, is_fetched=True))
    people.add(batch, made.people(*numbers))
    return running.again(batch)


def ended(batch: InvitationBatch, *states: str) -> InvitationBatch:
    """End the batch's invitations in these states, as the pipeline does."""
    row = batches.lock(batch)
    rows = running.rows(batch)
    for invitation, state in zip(rows, states, strict=True):
        invitation.state, invitation.finished_at = state, invitation.created_at
        if state == InvitationState.FAILED:
            invitation.step, invitation.error_code = Step.UPLOAD, "unavailable"
            InvitationStep.objects.create(
                organization_id=batch.organization_id,
                invitation=invitation,
                step=Step.UPLOAD,
                state=StepState.FAILED,
                error_code="unavailable",
            )
        invitation.save()
    WorkItem.objects.all().delete()
    completion.count(row, rows)
    completion.advance(row)
    return running.again(batch)


def test_create_takes_the_plan_of_the_source(organization: Organization) -> None:
    source = made.source(organization, lucky_first=10, lucky_last=20, notices="off", lucky_mode="random")
    batch = batches.create(source=source, lucky_last=30)
    assert (batch.lucky_first, batch.lucky_last, batch.notices) == (10, 30, "off")
    assert (batch.state, batch.lucky_mode) == (BatchState.DRAFT, "random")
    assert batch.lucky_seed != batches.create(source=source).lucky_seed


def test_create_range_upside_down_is_refused(organization: Organization) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        draft(organization, lucky_first=5, lucky_last=4)
    assert refusal.value.code == "invalid_range"


def test_create_layout_of_another_organization_is_refused(
    organization: Organization, other_organization: Organization
) -> None:
    theirs = layouts.latest(other_organization, None).layout
    with pytest.raises(ValidationFailed) as refusal:
        draft(organization, layout=theirs)
    assert refusal.value.code == "foreign_layout"


def test_change_draft_changes_its_plan_and_running_only_its_name(organization: Organization) -> None:
    batch = batches.change(draft(organization), lucky_digits=4, name="Gala")
    assert (batch.lucky_digits, batch.name) == (4, "Gala")
    batches.start(batch)
    assert batches.change(batch, name="Ball").name == "Ball"
    with pytest.raises(NotNow) as refusal:
        batches.change(batch, lucky_digits=2)
    assert refusal.value.code == "not_a_draft"


def test_start_pins_the_layout_and_owes_the_first_page(organization: Organization) -> None:
    batch = batches.start(draft(organization))
    assert (batch.state, batch.layout_version.number) == (BatchState.RUNNING, 1)
    assert kinds() == ["invitations.fetch"]
    assert AuditEntry.objects.filter(verb="invitation_batch.started").count() == 1
    with pytest.raises(NotNow) as refusal:
        batches.start(batch)
    assert refusal.value.code == "not_a_draft"


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"is_enabled": False}, "source_disabled"), ({"error": "401"}, "source_refused")],
)
def test_start_source_that_can_not_be_asked_is_refused(
    organization: Organization, fields: dict[str, Any], code: str
) -> None:
    batch = batches.create(source=made.source(organization, **fields))
    with pytest.raises(NotNow) as refusal:
        batches.start(batch)
    assert refusal.value.code == code


def test_start_drive_without_an_account_is_refused(organization: Organization) -> None:
    batch = draft(organization, storage=StorageKind.DRIVE)
    with pytest.raises(NotNow) as refusal:
        batches.start(batch)
    assert refusal.value.code == "no_account"


def test_start_beyond_the_limit_is_refused(organization: Organization) -> None:
    limits.set_value(organization=organization, name="invitation_batches", value=1, actor=None)
    batches.start(draft(organization))
    with pytest.raises(Conflict) as refusal:
        batches.start(draft(organization))
    assert refusal.value.code == "limit_reached"


def test_pause_and_resume_owe_again_what_was_left(organization: Organization) -> None:
    batch = with_people(organization, 1, 2)
    batches.pause(batch)
    WorkItem.objects.all().delete()
    with pytest.raises(NotNow) as refusal:
        batches.pause(batch)
    assert refusal.value.code == "not_running"
    assert batches.resume(batch).state == BatchState.RUNNING
    assert kinds() == ["invitations.photo", "invitations.photo"]
    with pytest.raises(NotNow) as refusal:
        batches.resume(batch)
    assert refusal.value.code == "not_paused"


def test_resume_and_retry_take_large_batches_in_pieces(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "CHUNK", 2)
    batch = with_people(organization, 1, 2, 3, 4, 5)
    batches.pause(batch)
    WorkItem.objects.all().delete()
    with CaptureQueriesContext(connection) as queries:
        batches.resume(batch)
    assert kinds() == ["invitations.photo"] * 5
    assert not any('"invitations_invitation"."values"' in query["sql"] for query in queries)
    # Three pieces and the end: nothing is asked for each invitation.
    assert sum("invitations_invitation" in query["sql"] for query in queries) <= 16
    batch = ended(running.again(batch), *["failed"] * 5)
    batches.retry_failed(batch)
    assert {(row.state, row.error_code) for row in running.rows(batch)} == {("pending", "")}
    assert kinds() == ["invitations.render"] * 5


def test_folder_that_can_not_be_made_fails_large_batches_in_pieces(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "CHUNK", 2)
    batch = with_people(organization, 1, 2, 3, 4, 5)
    Invitation.objects.update(step=Step.UPLOAD)
    drive.FolderKind().on_dead([batch.pk])
    assert {(row.state, row.error_code) for row in running.rows(batch)} == {("failed", "given_up")}
    batch = running.again(batch)
    assert (batch.state, batch.failed_count) == (BatchState.FAILED, 5)


def test_resume_goes_on_fetching(organization: Organization) -> None:
    batch = batches.start(draft(organization))
    batches.pause(batch)
    WorkItem.objects.all().delete()
    batches.resume(batch)
    assert kinds() == ["invitations.fetch"]


def test_resume_with_nothing_left_ends_the_batch(organization: Organization) -> None:
    batch = batches.start(draft(organization, is_fetched=True))
    batches.pause(batch)
    assert batches.resume(batch).state == BatchState.COMPLETED


def test_cancel_ends_what_is_open_and_keeps_what_is_done(organization: Organization) -> None:
    batch = with_people(organization, 1, 2)
    first = running.rows(batch)[0]
    first.state, first.finished_at = InvitationState.DONE, first.created_at
    first.save()
    assert batches.cancel(batch).state == BatchState.CANCELLED
    assert [row.state for row in running.rows(batch)] == ["done", "cancelled"]
    with pytest.raises(NotNow) as refusal:
        batches.cancel(batch)
    assert refusal.value.code == "already_finished"


def test_retry_failed_begins_where_it_failed(organization: Organization) -> None:
    batch = ended(with_people(organization, 1, 2), "done", "failed")
    assert batch.state == BatchState.PARTIAL
    Invitation.objects.update(card_uuid=made.picture(organization).uuid)
    batch = batches.retry_failed(batch)
    assert (batch.state, batch.failed_count, batch.finished_at) == (BatchState.RUNNING, 0, None)
    again = running.rows(batch)[1]
    assert (again.state, again.step, again.error_code) == ("pending", Step.UPLOAD, "")
    assert kinds() == ["invitations.upload"]


def test_retry_failed_contact_that_stands_elsewhere_is_left_out(organization: Organization) -> None:
    batch = ended(with_people(organization, 1), "failed")
    other = batches.start(batches.create(source=batch.source, is_fetched=True))
    people.add(other, made.people(1))
    with pytest.raises(NotNow) as refusal:
        batches.retry_failed(batch)
    assert refusal.value.code == "nothing_failed"


def test_retry_failed_of_a_batch_that_was_not_fetched_fetches_again(organization: Organization) -> None:
    batch = batches.start(draft(organization))
    InvitationBatch.objects.filter(pk=batch.pk).update(
        state=BatchState.FAILED, finished_at=batch.created_at, fetch_error="No answer."
    )
    WorkItem.objects.all().delete()
    batch = batches.retry_failed(batch)
    assert (batch.state, batch.fetch_error) == (BatchState.RUNNING, "")
    assert kinds() == ["invitations.fetch"]


def test_retry_failed_numbers_that_ran_out_are_left_out(organization: Organization) -> None:
    batch = batches.start(draft(organization, is_fetched=True, lucky_first=1, lucky_last=1))
    people.add(batch, made.people(1, 2))
    batch = running.again(batch)
    assert batch.failed_count == 1
    with pytest.raises(NotNow):
        batches.retry_failed(batch)


def test_delete_running_is_refused_and_ended_takes_its_files_along(organization: Organization) -> None:
    batch = with_people(organization, 1)
    with pytest.raises(NotNow) as refusal:
        batches.delete(batch)
    assert refusal.value.code == "still_running"
    file = made.picture(organization)
    Invitation.objects.filter(batch=batch).update(card_uuid=file.uuid)
    batches.cancel(batch)
    batches.delete(batch)
    assert not InvitationBatch.objects.filter(pk=batch.pk).exists()
    assert File.objects.get(pk=file.pk).expires_at is not None


def test_dry_run_is_one_of_five(organization: Organization) -> None:
    batch = batches.dry_run(source=made.source(organization))
    assert (batch.is_dry_run, batch.state) == (True, BatchState.RUNNING)
    assert people.add(batch, made.people(*range(9))).made == people.DRY_RUN_SIZE
