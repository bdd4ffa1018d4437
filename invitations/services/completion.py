"""The end of a batch: one, in the transaction that ends its last invitation. Counts move under its lock."""

from collections.abc import Iterable
from typing import Final

from chatboost.core import clock, events, live
from invitations.choices import ALLOWED_TRANSITIONS, BatchState, InvitationState, NoticeMode
from invitations.events import InvitationBatchFinished
from invitations.models import Invitation, InvitationBatch
from invitations.services import notices
from teams.models import Medium, NotificationType, Severity, User
from teams.notifications.writing import News, tell

PERMISSION: Final = "invitations.view_invitationbatch"
PAGE: Final = "/admin/invitations/invitationbatch/"
COUNTS: Final = ("total_count", "done_count", "failed_count", "conflict_count", "skipped_count")
_COUNTED: Final[dict[str, str]] = {
    InvitationState.DONE: "done_count",
    InvitationState.FAILED: "failed_count",
    InvitationState.CONFLICT: "conflict_count",
}
_SEVERITIES: Final[dict[str, Severity]] = {
    BatchState.COMPLETED: Severity.SUCCESS,
    BatchState.PARTIAL: Severity.WARNING,
    BatchState.FAILED: Severity.ERROR,
}


def count(batch: InvitationBatch, ended: Iterable[Invitation], *, by: int = 1) -> None:
    """Add invitations that have just ended to a locked batch's counts, or take them back (`by=-1`).

    `advance` saves them.
    """
    for invitation in ended:
        if (name := _COUNTED.get(invitation.state)) is not None:
            setattr(batch, name, getattr(batch, name) + by)


def advance(batch: InvitationBatch) -> None:
    """Save the counts of a locked batch; end it when all are fetched and have ended.

    People are told last: the inboxes stay locked until the transaction ends.
    """
    batch.save(update_fields=[*COUNTS])
    if has_ended := is_over(batch):
        _end(batch)
    live.changed(f"invitation_batch:{batch.pk}")
    notices.show(batch)
    if has_ended:
        _tell(batch)


def is_over(batch: InvitationBatch) -> bool:
    """Tell whether nothing of a running batch is left to do."""
    ended = batch.done_count + batch.failed_count + batch.conflict_count
    is_fetched = batch.is_fetched or bool(batch.fetch_error)
    return batch.state == BatchState.RUNNING and is_fetched and ended == batch.total_count


def reopen(batch: InvitationBatch, invitations: Iterable[Invitation]) -> None:
    """Count ended invitations of a locked batch as open again; one that was over runs again."""
    count(batch, invitations, by=-1)
    if BatchState.RUNNING in ALLOWED_TRANSITIONS[batch.state] and batch.state != BatchState.PAUSED:
        batch.state, batch.finished_at = BatchState.RUNNING, None
    batch.save(update_fields=[*COUNTS, "state", "finished_at"])
    live.changed(f"invitation_batch:{batch.pk}")


def _end(batch: InvitationBatch) -> None:
    batch.state, batch.finished_at = _state_of(batch), clock.now()
    batch.save(update_fields=["state", "finished_at"])
    events.publish(
        InvitationBatchFinished(organization_id=batch.organization_id, batch_id=batch.pk, state=batch.state)
    )


def _state_of(batch: InvitationBatch) -> BatchState:
    if not (batch.failed_count or batch.conflict_count or batch.fetch_error):
        return BatchState.COMPLETED
    return BatchState.PARTIAL if batch.done_count else BatchState.FAILED


def _tell(batch: InvitationBatch) -> None:
    """Tell whoever began the batch, or everybody who may see it, that it is over.

    A chat that was told of the batch all along is not told by this, too.
    """
    news = News(
        organization=batch.organization,
        type=NotificationType.BATCH,
        severity=_SEVERITIES[batch.state],
        title=f"Invitations “{batch.name}”: {batch.get_state_display().lower()}",
        body=" ".join(filter(None, [notices.counts_text(batch), batch.fetch_error])),
        url=page(batch),
        object=batch,
        dedupe_key=f"invitation_batch:{batch.pk}:{batch.finished_at:%Y%m%d%H%M%S%f}",
    )
    without = set() if notices.mode_of(batch) == NoticeMode.OFF else {Medium.TELEGRAM}
    if batch.actor_id is not None:
        tell(news, users=User.objects.filter(pk=batch.actor_id), without=without)
    else:
        tell(news, permission=PERMISSION, without=without)


def page(batch: InvitationBatch) -> str:
    """Return the path of the batch's page in the console."""
    return f"{PAGE}{batch.pk}/change/"
