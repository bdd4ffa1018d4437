"""Looking for new contacts: who is new since the last look begins a batch of those who are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db.models import F

from chatboost.core import clock
from chatboost.core.errors import DomainError
from chatboost.core.work import finish
from chatboost.core.work import queue as work
from chatboost.core.work.kinds import Decision, Done, EffectKind, Item, Retry
from invitations import providers
from invitations.choices import BatchState, Origin
from invitations.models import Invitation, InvitationBatch, InvitationSource
from invitations.providers.base import ContactSource
from invitations.services import arrivals, health, people, steps
from invitations.services.health import Peer, Report
from invitations.work.outcomes import Failure, Held, attempted, turn

logger = structlog.get_logger(__name__)

KIND: Final = "invitations.poll"
# Clocks differ, and a page takes its time: this much is looked at once more.
OVERLAP: Final = timedelta(minutes=2)
# Pages a look; what is beyond them is found by the batch that the first of them begin.
MAX_PAGES: Final = 20
CHUNK: Final = 100


@dataclass(frozen=True, slots=True)
class Intent:
    """One look."""

    source_id: int
    peer: Peer
    source: ContactSource
    since: datetime | None
    began_at: datetime
    link_field: str


@dataclass(frozen=True, slots=True)
class Seen:
    """Contacts without a link that changed since."""

    external_ids: tuple[str, ...]


def owe_due(now: datetime) -> bool:
    """Owe a look at each source whose time has come. A tick; True when more are due."""
    due = [row for row in _polled() if row.polled_at is None or row.polled_at + _pause(row) <= now]
    for source in due[:CHUNK]:
        owe(source)
    InvitationSource.objects.filter(pk__in=[source.pk for source in due[:CHUNK]]).update(polled_at=now)
    return len(due) > CHUNK


def owe(source: InvitationSource) -> None:
    """Owe a look at a source, in the caller's transaction. One waits at most."""
    work.enqueue(
        work.Order(
            kind=KIND,
            subject_id=source.pk,
            organization_id=source.organization_id,
            queue=steps.MAINTENANCE,
            lane=f"invitation_source:poll:{source.pk}",
            dedupe_key=str(source.pk),
        )
    )


class PollKind(EffectKind[Intent, Seen | Failure | Held]):
    """Looks for new contacts. What fails is looked at again when its time comes."""

    name = KIND

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Intent | Decision]:
        """Find from when on to look."""
        held = finish.still_held(items)
        decisions: dict[int, Intent | Decision] = {item.id: Done() for item in items}
        found = InvitationSource.objects.filter(
            pk__in=[item.subject_id for item in held], is_polled=True, is_enabled=True
        )
        rows = {row.pk: row for row in found}
        verdicts = health.look(health.of_source(row) for row in rows.values())
        now = clock.now()
        for item in held:
            row = rows.get(item.subject_id)
            if row is None or _is_looked_at(row) or verdicts[health.of_source(row)].allowed == 0:
                continue
            decisions[item.id] = Intent(
                row.pk,
                health.of_source(row),
                providers.source_of(row),
                row.polled_up_to and row.polled_up_to - OVERLAP,
                now,
                row.link_field,
            )
        return decisions

    def call(self, intent: Intent) -> Seen | Failure | Held:
        """Go through the pages."""
        return attempted(lambda: _look(intent))

    def settle(
        self, results: Sequence[tuple[Item, Intent, Seen | Failure | Held | Exception]]
    ) -> Mapping[int, Decision]:
        """Begin a batch where somebody is new."""
        held = {item.id for item in finish.still_held([item for item, _, _ in results])}
        left = health.learn([_report(intent, outcome) for _, intent, outcome in results])
        decisions: dict[int, Decision] = {}
        for item, intent, outcome in sorted(results, key=lambda each: each[1].source_id):
            if isinstance(outcome, Exception):
                decisions[item.id] = Retry(f"{type(outcome).__name__}: {outcome}")
                continue
            decisions[item.id] = Done()
            if isinstance(outcome, Seen) and item.id in held:
                _keep(intent, outcome)
        for tell in left:
            tell()
        return decisions


def _polled() -> list[InvitationSource]:
    rows = InvitationSource.objects.across_organizations().filter(is_polled=True, is_enabled=True, error="")
    return list(rows.order_by(F("polled_at").asc(nulls_first=True), "id"))


def _is_looked_at(source: InvitationSource) -> bool:
    """Tell whether the look that was owed last is done."""
    last, done = source.polled_at, source.polled_up_to
    return last is not None and done is not None and done >= last


def _pause(source: InvitationSource) -> timedelta:
    return timedelta(minutes=max(1, source.poll_minutes))


def _look(intent: Intent) -> Seen:
    found: list[str] = []
    cursor = ""
    for _ in range(MAX_PAGES):
        with turn(intent.peer):
            page = intent.source.page(cursor, intent.since)
        found += [
            person.external_id
            for person in page.people
            if not (intent.link_field and person.values.get(intent.link_field, "").strip())
        ]
        cursor = page.next
        if not cursor:
            break
    return Seen(tuple(dict.fromkeys(found)))


def _report(intent: Intent, outcome: Any) -> Report:
    error = outcome.error if isinstance(outcome, Failure) else None
    is_call = not isinstance(outcome, Held | Exception)
    return Report(intent.peer, error, intent.source.renewed, is_call=is_call)


def _keep(intent: Intent, seen: Seen) -> None:
    source = InvitationSource.objects.select_for_update(no_key=True).filter(pk=intent.source_id).first()
    if source is None or (source.polled_up_to and source.polled_up_to >= intent.began_at):
        return
    if _new(source, seen, intent.since) and not _is_being_fetched(source):
        try:
            arrivals.fetch(source, since=intent.since)
        except DomainError as refusal:
            # Nothing can begin now: the next look finds the same people.
            logger.warning("invitations_not_begun", source=source.pk, code=refusal.code)
            return
    source.polled_up_to = intent.began_at
    source.save(update_fields=["polled_up_to"])


def _new(source: InvitationSource, seen: Seen, since: datetime | None) -> set[str]:
    """Return who has no invitation; one that has just failed is tried again by people, not by looking."""
    new = set(seen.external_ids) - people.standing(source, seen.external_ids)
    if not new or since is None:
        return new
    lately = Invitation.objects.filter(
        source=source, external_id__in=new, is_dry_run=False, created_at__gte=since
    )
    return new - set(lately.values_list("external_id", flat=True))


def _is_being_fetched(source: InvitationSource) -> bool:
    """Tell whether a batch of an earlier look will come by those who are new."""
    rows = InvitationBatch.objects.filter(
        source=source, origin=Origin.POLL, state=BatchState.RUNNING, is_fetched=False
    )
    return bool(rows.exists())
