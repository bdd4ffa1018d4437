"""One card: cropped by hand, tried again, its conflict resolved. Each begins again where that matters."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Final

from django.db import transaction

from chatboost.core import audit, clock
from chatboost.core.errors import ValidationFailed
from invitations.choices import OPEN, InvitationState, Step, StepState
from invitations.errors import NotNow
from invitations.models import Invitation, InvitationBatch, InvitationSource, InvitationStep
from invitations.services import batches, completion, people, steps

# Smaller ones show nothing.
MIN_CROP: Final = 16
CONFLICT_KEPT: Final = "kept_theirs"


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of the photo, in its pixels."""

    x: int
    y: int
    width: int
    height: int


@transaction.atomic
def crop(invitation: Invitation, *, crop: Crop | None, actor: Any | None = None) -> Invitation:
    """Set by hand which part of the photo is shown (None: as it is found), and make the card again.

    A card on Drive is replaced there and its link stays; a page of ours shows the new one.

    Raises: ValidationFailed (`invalid_crop`), NotNow (`no_photo, not_running, standing_invitation`).
    """
    _, _, row = _lock(invitation)
    if row.photo_uuid is None:
        raise NotNow("There is no photo to crop.", code="no_photo")
    if crop is not None:
        _check_crop(crop, row)
    value = list(astuple(crop)) if crop is not None else None
    audit.record(actor=actor, verb="invitation.cropped", object=row, changes={"crop": (row.crop, value)})
    row.crop = value
    row.save(update_fields=["crop"])
    return _again(row, Step.RENDER)


@transaction.atomic
def retry(invitation: Invitation, *, actor: Any | None = None) -> Invitation:
    """Try a failed invitation again, from the step that failed.

    Raises: NotNow (`not_failed, not_running, standing_invitation`).
    """
    _, batch, row = _lock(invitation)
    if row.state != InvitationState.FAILED or row.error_code in people.FINAL:
        raise NotNow("There is nothing to try again.", code="not_failed")
    _require_place(row)
    audit.record(actor=actor, verb="invitation.retried", object=row, changes={"error": (row.error_code, "")})
    batches.reopen(batch, [row])
    return row


@transaction.atomic
def resolve(invitation: Invitation, *, keep_theirs: bool, actor: Any | None = None) -> Invitation:
    """End a conflict: the link that somebody wrote at the source stays, or ours takes its place.

    Raises: NotNow (`no_conflict, not_running`).
    """
    _, batch, row = _lock(invitation)
    if row.state != InvitationState.CONFLICT:
        raise NotNow("There is no conflict.", code="no_conflict")
    changes = {"link": (row.found_link, row.found_link if keep_theirs else row.link)}
    audit.record(actor=actor, verb="invitation.conflict_resolved", object=row, changes=changes)
    if keep_theirs:
        return _keep_theirs(batch, row)
    _require_running(batch)
    found = row.found_link
    row = _again(row, Step.LINK)
    # What stands there may be written over; anything else is another conflict.
    row.found_link = found
    row.save(update_fields=["found_link"])
    return row


def _keep_theirs(batch: InvitationBatch, row: Invitation) -> Invitation:
    """Count a conflict as done: its contact has a link, and it is not ours."""
    completion.count(batch, [row], by=-1)
    now = clock.now()
    InvitationStep.objects.filter(invitation=row, step=Step.LINK).update(
        state=StepState.SKIPPED, error_code=CONFLICT_KEPT, error_detail="", ended_at=now
    )
    row.state, row.step, row.finished_at = InvitationState.DONE, Step.NOTIFY, now
    row.error_code = row.error_detail = ""
    row.save(update_fields=["state", "step", "finished_at", "error_code", "error_detail"])
    completion.count(batch, [row])
    completion.advance(batch)
    return row


def _again(row: Invitation, step: Step) -> Invitation:
    if row.state not in OPEN:
        _require_place(row)
        completion.reopen(row.batch, [row])
    return steps.again(row, step)


def _require_place(row: Invitation) -> None:
    """Refuse what can't be open again. Raises: NotNow."""
    _require_running(row.batch)
    stands = row.state in (InvitationState.DONE, InvitationState.CONFLICT)
    if not (stands or row.is_dry_run) and people.standing(row.source, [row.external_id]):
        raise NotNow("The contact has another invitation by now.", code="standing_invitation")


def _require_running(batch: InvitationBatch) -> None:
    if batch.state in batches.CLOSED:
        raise NotNow(f"The batch is {batch.get_state_display().lower()}.", code="not_running")


def _lock(invitation: Invitation) -> tuple[InvitationSource, InvitationBatch, Invitation]:
    """Lock source, batch and invitation, in this order."""
    own = Invitation.objects.for_organization(invitation.organization_id)
    batch = InvitationBatch.objects.for_organization(invitation.organization_id).get(pk=invitation.batch_id)
    source, batch = people.lock(batch)
    row: Invitation = own.select_for_update(no_key=True).get(pk=invitation.pk)
    row.batch, row.source = batch, source
    return source, batch, row


def _check_crop(crop: Crop, row: Invitation) -> None:
    width, height = row.photo_width or 0, row.photo_height or 0
    is_inside = (
        crop.x >= 0 and crop.y >= 0 and crop.x + crop.width <= width and crop.y + crop.height <= height
    )
    if not is_inside or min(crop.width, crop.height) < MIN_CROP:
        message = (
            f"A crop lies on the photo ({width} × {height} pixels), {MIN_CROP} pixels wide and high at least."
        )
        raise ValidationFailed(message, code="invalid_crop", errors={"crop": [message]})


def crop_of(fields: Mapping[str, int] | None) -> Crop | None:
    """Return a crop of plain numbers."""
    return Crop(fields["x"], fields["y"], fields["width"], fields["height"]) if fields else None
