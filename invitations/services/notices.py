"""What an organization's Telegram chat is told: five messages a contact, or one message a batch.

Messages are queued in the transaction that makes them true, each once for its key. The message of a batch is
edited in place, as often as its chat allows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from chatboost.core import preferences
from invitations.choices import BatchState, NoticeMode, SourceKind, StorageKind
from invitations.models import Invitation, InvitationBatch
from invitations.preferences import InvitationSettings
from teams.notifications import telegrams
from teams.notifications.telegrams import Note


class Moment(IntEnum):
    """Which of a contact's five messages."""

    DETECTED = 1
    PROCESSING = 2
    CREATED = 3
    UPLOADED = 4
    DONE = 5


def mode_of(batch: InvitationBatch) -> NoticeMode:
    """Return what the chat hears: of each contact, or of the batch as a whole. A dry run is nobody's news."""
    if batch.is_dry_run:
        return NoticeMode.OFF
    if batch.notices != NoticeMode.AUTO:
        return NoticeMode(batch.notices)
    most = preferences.get(batch.organization_id, InvitationSettings).notice_threshold
    return NoticeMode.EACH if batch.total_count <= most else NoticeMode.DIGEST


@dataclass(frozen=True, slots=True)
class Notice:
    """One of a contact's messages. `is_linked`: its source has the link."""

    invitation: Invitation
    moment: Moment
    is_linked: bool = False


def detected(invitations: Iterable[Invitation], batches: Mapping[int, InvitationBatch]) -> None:
    """Say that contacts were found."""
    tell([Notice(invitation, Moment.DETECTED) for invitation in invitations], batches)


def tell(notices: Sequence[Notice], batches: Mapping[int, InvitationBatch]) -> None:
    """Queue these messages, where their batches want some a contact. In the caller's transaction."""
    concerned = {notice.invitation.batch_id for notice in notices}
    modes = {batch_id: mode_of(batches[batch_id]) for batch_id in concerned}
    notes = [
        Note(
            organization=batches[notice.invitation.batch_id].organization,
            text=text(notice, batches[notice.invitation.batch_id]),
            dedupe_key=f"invitation:{notice.invitation.pk}:{notice.moment:d}",
            object=notice.invitation,
        )
        for notice in notices
        if modes[notice.invitation.batch_id] == NoticeMode.EACH
    ]
    if notes:
        telegrams.write_all(notes)


def text(notice: Notice, batch: InvitationBatch) -> str:
    """Return one of the five messages; what did not go to Drive or to Mautic is not said to have."""
    invitation = notice.invitation
    match notice.moment:
        case Moment.DETECTED:
            return f"New contact detected: {invitation.email}"
        case Moment.PROCESSING:
            return f"Processing contact: {invitation.name}, Email: {invitation.email}"
        case Moment.CREATED:
            return f"Invitation created for: {invitation.name}"
        case Moment.UPLOADED if batch.storage == StorageKind.DRIVE:
            return f"Invitation link uploaded to Google Drive: {invitation.link}"
        case Moment.UPLOADED:
            return f"Invitation link created: {invitation.link}"
        case Moment.DONE if notice.is_linked and batch.source.kind == SourceKind.MAUTIC:
            return f"Successfully updated contact in Mautic: {invitation.email}"
        case Moment.DONE:
            return f"Contact done: {invitation.email}"


def show(batch: InvitationBatch) -> None:
    """Bring the batch's own message up to date, where it has one. Its row stays locked: call it late."""
    if mode_of(batch) == NoticeMode.DIGEST:
        telegrams.board(
            batch.organization, key=f"invitation_batch:{batch.pk}", text=board_text(batch), object=batch
        )


def board_text(batch: InvitationBatch) -> str:
    """Return what the message of a batch says now."""
    head = f"{_MARKS.get(batch.state, '✉️')} Invitations “{batch.name}”: {batch.get_state_display().lower()}"
    return f"{head}\n{counts_text(batch)}"


def counts_text(batch: InvitationBatch) -> str:
    """Return a batch's counts in a sentence."""
    others = [f"{count:,} {word}" for count, word in _others(batch) if count]
    return f"{', '.join([f'{batch.done_count:,} of {batch.total_count:,} done', *others])}."


def _others(batch: InvitationBatch) -> list[tuple[int, str]]:
    return [
        (batch.failed_count, "failed"),
        (batch.conflict_count, "in conflict"),
        (batch.skipped_count, "left out"),
    ]


_MARKS: Final[dict[str, str]] = {
    BatchState.COMPLETED: "✅",
    BatchState.PARTIAL: "⚠️",
    BatchState.FAILED: "🔴",
    BatchState.CANCELLED: "✖️",
    BatchState.PAUSED: "⏸️",
}
