"""Looking for new contacts: page by page, who is new since the last look is invited.

A look may take many pages: each is a call of its own, and the source keeps where the next one begins. What
fails is looked at again when the source's time comes, from there on.
"""

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
from invitations.choices import Origin
from invitations.models import Invitation, InvitationSource
from invitations.providers.base import ContactSource, Page, Person
from invitations.services import arrivals, health, people, steps
from invitations.services.health import Peer, Report
from invitations.work.outcomes import Failure, Held, attempted, turn

logger = structlog.get_logger(__name__)

KIND: Final = "invitations.poll"
# Clocks differ, and a page takes its time: this much is looked at once more.
OVERLAP: Final = timedelta(minutes=2)
CHUNK: Final = 100


@dataclass(frozen=True, slots=True)
class Intent:
    """One page of a look. `place` says which look: what it has found counts for that one alone."""

    source_id: int
    peer: Peer
    source: ContactSource
    cursor: str
    since: datetime | None
    began_at: datetime
    place: tuple[object, ...]


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


class PollKind(EffectKind[Intent, Page | Failure | Held]):
    """Looks for new contacts, a page a call."""

    name = KIND
    is_long = True

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Intent | Decision]:
        """Find from where on to look."""
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
            decisions[item.id] = _prepared(row, now)
        return decisions

    def call(self, intent: Intent) -> Page | Failure | Held:
        """Read the page."""
        return attempted(lambda: _page(intent))

    def settle(
        self, results: Sequence[tuple[Item, Intent, Page | Failure | Held | Exception]]
    ) -> Mapping[int, Decision]:
        """Invite who is new, and owe the next page."""
        held = {item.id for item in finish.still_held([item for item, _, _ in results])}
        left = health.learn([_report(intent, outcome) for _, intent, outcome in results])
        decisions: dict[int, Decision] = {}
        for item, intent, outcome in sorted(results, key=lambda each: each[1].source_id):
            if isinstance(outcome, Exception):
                decisions[item.id] = Retry(f"{type(outcome).__name__}: {outcome}")
                continue
            decisions[item.id] = Done()
            if isinstance(outcome, Page) and item.id in held:
                _keep(intent, outcome)
            elif isinstance(outcome, Failure) and not (outcome.is_passing or outcome.is_refused):
                _begin_again(intent)
        for tell in left:
            tell()
        return decisions


def _polled() -> list[InvitationSource]:
    rows = InvitationSource.objects.across_organizations().filter(is_polled=True, is_enabled=True, error="")
    return list(rows.order_by(F("polled_at").asc(nulls_first=True), "id"))


def _is_looked_at(source: InvitationSource) -> bool:
    """Tell whether the look that was owed last is done."""
    last, done = source.polled_at, source.polled_up_to
    is_between_pages = source.poll_began_at is not None
    return not is_between_pages and last is not None and done is not None and done >= last


def _pause(source: InvitationSource) -> timedelta:
    return timedelta(minutes=max(1, source.poll_minutes))


def _prepared(source: InvitationSource, now: datetime) -> Intent:
    return Intent(
        source.pk,
        health.of_source(source),
        providers.source_of(source),
        source.poll_cursor,
        source.polled_up_to and source.polled_up_to - OVERLAP,
        source.poll_began_at or now,
        _place(source),
    )


def _place(source: InvitationSource) -> tuple[object, ...]:
    """Return what changes when a look goes on or ends, or the source becomes another."""
    where = (source.base_url, source.audience, source.audience_id, source.file_uuid)
    return (*where, source.poll_cursor, source.poll_began_at, source.polled_up_to)


def _page(intent: Intent) -> Page:
    with turn(intent.peer):
        return intent.source.page(intent.cursor, intent.since)


def _report(intent: Intent, outcome: Any) -> Report:
    error = outcome.error if isinstance(outcome, Failure) else None
    is_call = not isinstance(outcome, Held | Exception)
    return Report(intent.peer, error, intent.source.renewed, is_call=is_call)


def _keep(intent: Intent, page: Page) -> None:
    source = InvitationSource.objects.select_for_update(no_key=True).filter(pk=intent.source_id).first()
    if source is None or _place(source) != intent.place:
        return
    if new := _new(source, page.people, intent.since):
        try:
            arrivals.welcome(source, new, origin=Origin.POLL)
        except DomainError as refusal:
            # Nothing can begin now: the next look finds the same people.
            logger.warning("invitations_not_begun", source=source.pk, code=refusal.code)
            return
    source.poll_cursor = page.next
    source.poll_began_at = intent.began_at if page.next else None
    if page.next:
        owe(source)
    else:
        source.polled_up_to = intent.began_at
    source.save(update_fields=["poll_cursor", "poll_began_at", "polled_up_to"])


def _begin_again(intent: Intent) -> None:
    """Have the next look begin at the beginning: what comes behind this cursor is refused for good."""
    source = InvitationSource.objects.select_for_update(no_key=True).filter(pk=intent.source_id).first()
    if source is not None and _place(source) == intent.place:
        source.poll_cursor, source.poll_began_at = "", None
        source.save(update_fields=["poll_cursor", "poll_began_at"])


def _new(source: InvitationSource, seen: Sequence[Person], since: datetime | None) -> list[Person]:
    """Return who has no link and no invitation; one that has just failed is tried again by people only."""
    bare = [person for person in seen if not _has_link(source, person)]
    known = people.standing(source, [person.external_id for person in bare])
    if since is not None:
        lately = Invitation.objects.filter(
            source=source,
            external_id__in=[person.external_id for person in bare],
            is_dry_run=False,
            created_at__gte=since,
        )
        known |= set(lately.values_list("external_id", flat=True))
    return [person for person in bare if person.external_id not in known]


def _has_link(source: InvitationSource, person: Person) -> bool:
    return bool(source.link_field and person.values.get(source.link_field, "").strip())
