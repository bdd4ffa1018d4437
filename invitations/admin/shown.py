"""What the console shows of a batch: figures, a page of cards, and why it waits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count
from django.template.defaultfilters import date
from django.utils import timezone

from chatboost.core import clock
from chatboost.core.admin.display import state_label
from invitations.choices import UNFINISHED, BatchState, InvitationState, StorageKind
from invitations.models import Invitation, InvitationBatch, InvitationSource
from teams.models import AccountState

PAGE: Final = 48


@dataclass(frozen=True, slots=True)
class Tile:
    """An invitation in the grid."""

    invitation: Invitation
    label: Any
    picture: str
    words: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some tiles, and whether there are others."""

    tiles: list[Tile]
    number: int
    has_next: bool

    @property
    def previous(self) -> int:
        """The page before; 0 for none."""
        return self.number - 1

    @property
    def next(self) -> int:
        """The page behind; 0 for none."""
        return self.number + 1 if self.has_next else 0


def picture(uuid: UUID | None) -> str:
    """Return a stored picture's address for a page: its visitor's role opens it. "" for none."""
    return f"/invitations/pictures/{uuid}" if uuid else ""


def tiles(batch: InvitationBatch, *, only: str, page: int) -> Page:
    """Return a page of a batch's invitations in order, of one state only if given. One query."""
    rows = Invitation.objects.filter(batch=batch).defer("values").order_by("id")
    if only in InvitationState.values:
        rows = rows.filter(state=only)
    number = max(1, page)
    found = list(rows[(number - 1) * PAGE : number * PAGE + 1])
    return Page([_tile(each) for each in found[:PAGE]], number, len(found) > PAGE)


def state_counts(batch: InvitationBatch) -> list[tuple[str, str, int]]:
    """Return how many invitations are in which state: stored word, words, number. One query."""
    rows = Invitation.objects.filter(batch=batch).order_by().values_list("state").annotate(count=Count("id"))
    counts = dict(rows)
    return [
        (state.value, state.label, counts[state.value])
        for state in InvitationState
        if counts.get(state.value)
    ]


def ended(batch: InvitationBatch) -> int:
    """Count the invitations that have ended, one way or another."""
    return batch.done_count + batch.failed_count + batch.conflict_count


def bar(batch: InvitationBatch) -> dict[str, Any]:
    """Say how far a batch is, as `core/job_bar.html` draws it."""
    count, total = ended(batch), batch.total_count
    is_open = batch.state in UNFINISHED
    if not batch.is_fetched and is_open:
        words = f"{count:,} of {total:,} so far" if total else "looking for contacts"
        return {"percent": None, "words": words, "is_open": True}
    if not total:
        return {"percent": None, "words": "no contacts", "is_open": False}
    return {"percent": count * 100 // total, "words": f"{count:,} of {total:,}", "is_open": is_open}


def figures(batch: InvitationBatch) -> list[tuple[str, str, str]]:
    """Return the figures above the grid: title, value, a word about it."""
    where = "on Google Drive" if batch.storage == StorageKind.DRIVE else "kept here"
    found = [
        ("Contacts", f"{batch.total_count:,}", "" if batch.is_fetched else "so far"),
        ("Cards done", f"{batch.done_count:,}", "five at most" if batch.is_dry_run else where),
        ("Failed", f"{batch.failed_count:,}", "with a reason each" if batch.failed_count else ""),
        ("Left out", f"{batch.skipped_count:,}", "had a link or an invitation"),
    ]
    if batch.conflict_count:
        found.insert(3, ("Conflicts", f"{batch.conflict_count:,}", "a person changed the link"))
    return found


def waiting(batch: InvitationBatch) -> tuple[str, str]:
    """Return why a batch waits, and how bad that is (`bad`, `warn`, ""); two empty texts if it doesn't."""
    if batch.state == BatchState.PAUSED:
        return (
            "Paused: what is under way ends, nothing new begins. “Resume” goes on where it stopped.",
            "warn",
        )
    if batch.state != BatchState.RUNNING:
        return (_not_fetched(batch), "bad") if batch.fetch_error else ("", "")
    waits = _at_the_source(batch.source) or _at_drive(batch)
    if not waits and batch.fetch_error:
        return _not_fetched(batch), "warn"
    return waits or ("", "")


def _not_fetched(batch: InvitationBatch) -> str:
    again = "" if batch.state == BatchState.CANCELLED else " “Try failed ones again” fetches the others."
    return f"Not all contacts could be fetched: {batch.fetch_error}{again}"


def _at_the_source(source: InvitationSource) -> tuple[str, str] | None:
    if source.error:
        words = f"{source.name} refuses our credentials: {source.error} It goes on when they are put right."
        return words, "bad"
    if source.paused_until and source.paused_until > clock.now():
        until = _time(source.paused_until)
        return f"{source.name} asked us to wait until {until}. It goes on by itself.", "warn"
    return None


def _at_drive(batch: InvitationBatch) -> tuple[str, str] | None:
    account = batch.account if batch.storage == StorageKind.DRIVE else None
    if account is None:
        return None
    if account.state != AccountState.CONNECTED:
        words = f"Google lets us no longer in as {account}: connect the account again under Connections."
        return words, "bad"
    if account.paused_until and account.paused_until > clock.now():
        return f"Google asked us to wait until {_time(account.paused_until)}. It goes on by itself.", "warn"
    return None


def _time(moment: datetime) -> str:
    return date(timezone.localtime(moment), "H:i:s")


def _tile(invitation: Invitation) -> Tile:
    words = f"{invitation.get_step_display()} …" if invitation.state == InvitationState.RUNNING else ""
    if invitation.state == InvitationState.FAILED:
        words = invitation.error_detail or invitation.error_code
    return Tile(
        invitation=invitation,
        label=state_label(invitation.state, invitation.get_state_display()),
        picture=picture(invitation.thumbnail_uuid or invitation.card_uuid),
        words=words,
    )
