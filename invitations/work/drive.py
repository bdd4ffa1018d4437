"""What a batch needs at Google Drive before its cards can go there: ids, and a folder.

Ids are made first and committed: whatever is created then has a name that was known before, and a repeat
creates no second one.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from chatboost.core import clock, live
from chatboost.core.db import rows
from chatboost.core.work import finish
from chatboost.core.work import queue as work
from chatboost.core.work.kinds import Decision, Defer, Done, EffectKind, Item, Retry
from invitations.choices import OPEN, BatchState, Step, StorageKind
from invitations.models import Invitation, InvitationBatch
from invitations.providers import storages
from invitations.providers.base import Storage
from invitations.services import health, steps
from invitations.services.health import Peer, Report
from invitations.work import waiting
from invitations.work.book import Book, locked_batches
from invitations.work.outcomes import Failure, Held, attempted, turn
from teams.services.google_access import Access

IDS_KIND: Final = "invitations.drive_ids"
FOLDER_KIND: Final = "invitations.drive_folder"
# Google makes a thousand ids a call.
MAX_IDS: Final = 1000
NO_ACCOUNT: Final = Failure(code="no_account", message="No Google account is connected.")


@dataclass(frozen=True, slots=True)
class Intent:
    """One call for a batch: so many ids, or its folder."""

    batch_id: int
    peer: Peer
    access: Access = field(repr=False)
    storage: Storage = field(repr=False)
    count: int
    folder_id: str
    folder_name: str


@dataclass(frozen=True, slots=True)
class Made:
    """What came: ids, or the folder's address."""

    ids: tuple[str, ...] = ()
    folder_url: str = ""


def owe(batch: InvitationBatch) -> None:
    """Owe a batch what is missing of its place at Drive, in the caller's transaction. One waits at most."""
    if not batch.folder_id or _without_id(batch).exists():
        _owe(IDS_KIND, batch)
    elif not batch.folder_url:
        _owe(FOLDER_KIND, batch)


class PlaceKind(EffectKind[Intent, Made | Failure | Held]):
    """Makes one thing that a batch needs at Drive."""

    @abstractmethod
    def missing(self, batch: InvitationBatch) -> int:
        """Return how many are missing of what this makes."""

    @abstractmethod
    def make(self, intent: Intent) -> Made:
        """Make them. Raises: ProviderError."""

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Intent | Decision]:
        """Say what is missing."""
        held = finish.still_held(items)
        decisions: dict[int, Intent | Decision] = {item.id: Done() for item in items}
        found = InvitationBatch.objects.filter(pk__in=[item.subject_id for item in held])
        peers = [_peer(row) for row in found.select_related("account")]
        verdicts = health.look([peer for peer in peers if peer is not None])
        batches = locked_batches(item.subject_id for item in held)
        for item in held:
            batch = batches.get(item.subject_id)
            if batch is not None and batch.state == BatchState.RUNNING and _is_for_drive(batch):
                decisions[item.id] = self._prepared(batch, verdicts)
        return decisions

    def call(self, intent: Intent) -> Made | Failure | Held:
        """Make it: what is there already counts."""
        # Who asks whether a call may go must go at once.
        intent.storage.get_ready()
        return attempted(lambda: self._made(intent))

    def settle(
        self, results: Sequence[tuple[Item, Intent, Made | Failure | Held | Exception]]
    ) -> Mapping[int, Decision]:
        """Keep what came, and owe what is still missing."""
        held = {item.id for item in finish.still_held([item for item, _, _ in results])}
        left = health.learn([_report(intent, outcome) for _, intent, outcome in results])
        batches = locked_batches(intent.batch_id for _, intent, _ in results)
        decisions: dict[int, Decision] = {}
        for item, intent, outcome in results:
            batch = batches.get(intent.batch_id)
            if isinstance(outcome, Exception):
                decisions[item.id] = Retry(f"{type(outcome).__name__}: {outcome}")
            elif batch is None or item.id not in held:
                decisions[item.id] = Done()
            else:
                decisions[item.id] = _settled(item, batch, outcome)
        for tell in left:
            tell()
        return decisions

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """End the cards that wait for a place."""
        for batch_id in subject_ids:
            _fail_waiting(batch_id, Failure(code="given_up", message="Google Drive could not be prepared."))

    def _prepared(self, batch: InvitationBatch, verdicts: Mapping[Peer, health.Verdict]) -> Intent | Decision:
        count = self.missing(batch)
        if not count:
            return Done()
        peer = _peer(batch)
        if peer is None:
            _fail_waiting(batch.pk, NO_ACCOUNT)
            return Done()
        verdict = verdicts.get(peer, health.Verdict(allowed=0))
        if verdict.is_refused:
            _owe(self.name, batch, waiting.later())
            return Done()
        access = verdict.access
        if verdict.allowed == 0 or access is None:
            return Defer(verdict.until or clock.now())
        return Intent(batch.pk, peer, access, storages.of(access), count, batch.folder_id, batch.name)

    def _made(self, intent: Intent) -> Made:
        with turn(intent.peer):
            return self.make(intent)


class IdsKind(PlaceKind):
    """Makes ids for a batch's folder and its cards."""

    name = IDS_KIND

    def missing(self, batch: InvitationBatch) -> int:
        """Count the cards without an id, and the folder."""
        return min(MAX_IDS, _without_id(batch)[:MAX_IDS].count() + (0 if batch.folder_id else 1))

    def make(self, intent: Intent) -> Made:
        """Ask for ids; those that nobody takes are no harm."""
        return Made(ids=tuple(intent.storage.generate_ids(intent.count)))


class FolderKind(PlaceKind):
    """Makes a batch's folder, under the id that it has."""

    name = FOLDER_KIND

    def missing(self, batch: InvitationBatch) -> int:
        """Tell whether there is no folder, and could be one."""
        return int(bool(batch.folder_id) and not batch.folder_url)

    def make(self, intent: Intent) -> Made:
        """Make the folder, where the account's files go."""
        return Made(folder_url=intent.storage.create_folder(intent.folder_id, intent.folder_name, ""))


def _owe(kind: str, batch: InvitationBatch, run_at: datetime | None = None) -> None:
    work.enqueue(
        work.Order(
            kind=kind,
            subject_id=batch.pk,
            organization_id=batch.organization_id,
            queue=steps.MEDIA,
            lane=f"invitation_batch:drive:{batch.pk}",
            priority=40,
            run_at=run_at,
            dedupe_key=str(batch.pk),
        )
    )


def _is_for_drive(batch: InvitationBatch) -> bool:
    return bool(batch.storage == StorageKind.DRIVE and not batch.is_dry_run)


def _peer(batch: InvitationBatch) -> Peer | None:
    return health.of_account(batch.account) if batch.account is not None else None


def _report(intent: Intent, outcome: Any) -> Report:
    error = outcome.error if isinstance(outcome, Failure) else None
    is_call = not isinstance(outcome, Held | Exception)
    return Report(intent.peer, error, is_call=is_call, access=intent.access)


def _settled(item: Item, batch: InvitationBatch, outcome: Made | Failure | Held) -> Decision:
    if isinstance(outcome, Made):
        _keep(batch, outcome)
        return Done()
    is_final = isinstance(outcome, Failure) and not outcome.is_refused
    if isinstance(outcome, Failure) and is_final and (not outcome.is_passing or waiting.is_too_old(item)):
        _fail_waiting(batch.pk, outcome)
        return Done()
    return waiting.put_off(outcome)


def _keep(batch: InvitationBatch, made: Made) -> None:
    ids = list(made.ids)
    if ids and not batch.folder_id:
        batch.folder_id = ids.pop()
    if made.folder_url:
        batch.folder_url = made.folder_url[:500]
        live.changed(f"invitation_batch:{batch.pk}")
    batch.save(update_fields=["folder_id", "folder_url"])
    nameless = list(_without_id(batch).order_by("id")[: len(ids)]) if ids else []
    for invitation, id_ in zip(nameless, ids, strict=False):
        invitation.drive_id = id_
    rows.update(nameless, ["drive_id"])
    owe(batch)


def _without_id(batch: InvitationBatch) -> QuerySet[Any]:
    found: QuerySet[Any] = Invitation.objects.filter(batch=batch, drive_id="", state__in=OPEN)
    return found


def _fail_waiting(batch_id: int, failure: Failure) -> None:
    """End the cards that wait for their place; those behind them ask for one again, and hear the same."""
    at_upload = Invitation.objects.filter(batch=batch_id, state__in=OPEN, step=Step.UPLOAD)
    for chunk in steps.in_chunks(at_upload.only("pk")):
        book = Book(Step.UPLOAD, [row.pk for row in chunk])
        for invitation in book.invitations.values():
            if book.at_step(invitation.pk) is not None:
                book.fail(invitation, failure.code, failure.message)
        book.close()
