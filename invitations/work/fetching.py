"""Fetching: a page of contacts a call; its invitations and the next page's work come together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chatboost.core.work import finish
from chatboost.core.work.kinds import Decision, Defer, Done, EffectKind, Item, Retry
from invitations import providers
from invitations.choices import BatchState, StorageKind
from invitations.models import InvitationBatch
from invitations.providers.base import ContactSource, Page
from invitations.services import batches, completion, health, people
from invitations.services.health import Peer, Report
from invitations.work import drive, waiting
from invitations.work.outcomes import Failure, Held, attempted, turn


@dataclass(frozen=True, slots=True)
class Intent:
    """One page to fetch."""

    batch_id: int
    peer: Peer
    source: ContactSource
    cursor: str
    since: datetime | None


class FetchKind(EffectKind[Intent, Page | Failure | Held]):
    """Fetches a batch's contacts, page by page."""

    name = batches.FETCH_KIND
    is_long = True

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Intent | Decision]:
        """Find where the next pages begin."""
        held = finish.still_held(items)
        decisions: dict[int, Intent | Decision] = {item.id: Done() for item in items}
        found = InvitationBatch.objects.filter(
            pk__in=[item.subject_id for item in held], state=BatchState.RUNNING, is_fetched=False
        )
        rows = {row.pk: row for row in found.select_related("source")}
        verdicts = health.look(health.of_source(row.source) for row in rows.values())
        for item in held:
            if (batch := rows.get(item.subject_id)) is not None:
                decisions[item.id] = _prepared(batch, verdicts)
        return decisions

    def call(self, intent: Intent) -> Page | Failure | Held:
        """Fetch the page."""
        return attempted(lambda: _page(intent))

    def settle(
        self, results: Sequence[tuple[Item, Intent, Page | Failure | Held | Exception]]
    ) -> Mapping[int, Decision]:
        """Write the invitations, and owe the next page; the last one may end the batch."""
        held = {item.id for item in finish.still_held([item for item, _, _ in results])}
        left = health.learn([_report(intent, outcome) for _, intent, outcome in results])
        decisions: dict[int, Decision] = {}
        for item, intent, outcome in sorted(results, key=lambda each: (each[1].peer.pk, each[1].batch_id)):
            if isinstance(outcome, Exception):
                decisions[item.id] = Retry(f"{type(outcome).__name__}: {outcome}")
            else:
                decisions[item.id] = _settled(item, intent, outcome, is_held=item.id in held)
        for tell in left:
            tell()
        return decisions

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """Have the batches end with what they have."""
        for batch in InvitationBatch.objects.filter(pk__in=subject_ids).order_by("source_id", "id"):
            _, row = people.lock(batch)
            _give_up(row, "The contacts could not be fetched: the worker died or failed each time.")


def _prepared(batch: InvitationBatch, verdicts: Mapping[Peer, health.Verdict]) -> Intent | Decision:
    peer = health.of_source(batch.source)
    verdict = verdicts[peer]
    if verdict.is_refused:
        batches.owe_fetch(batch, waiting.later())
        return Done()
    if verdict.allowed == 0 and verdict.until is not None:
        return Defer(verdict.until)
    source = providers.source_of(batch.source)
    return Intent(batch.pk, peer, source, batch.fetch_cursor, batch.changed_since)


def _page(intent: Intent) -> Page:
    with turn(intent.peer):
        return intent.source.page(intent.cursor, intent.since)


def _report(intent: Intent, outcome: Any) -> Report:
    error = outcome.error if isinstance(outcome, Failure) else None
    is_call = not isinstance(outcome, Held | Exception)
    return Report(intent.peer, error, intent.source.renewed, is_call=is_call)


def _settled(item: Item, intent: Intent, outcome: Page | Failure | Held, *, is_held: bool) -> Decision:
    found = InvitationBatch.objects.filter(pk=intent.batch_id).first()
    if found is None:
        return Done()
    _, batch = people.lock(found)
    if batch.is_fetched or batch.fetch_cursor != intent.cursor or batch.state != BatchState.RUNNING:
        # Somebody else was first; or the batch was paused, and fetches this page when it is resumed.
        return Done()
    if isinstance(outcome, Page):
        _keep(batch, outcome)
        return Done()
    if not is_held:
        return Done()
    if isinstance(outcome, Failure) and outcome.is_refused:
        batches.owe_fetch(batch, waiting.later())
        return Done()
    if isinstance(outcome, Failure) and (not outcome.is_passing or waiting.is_too_old(item)):
        _give_up(batch, outcome.message)
        return Done()
    return waiting.put_off(outcome)


def _keep(batch: InvitationBatch, page: Page) -> None:
    added = people.add(batch, page.people)
    batch.fetch_cursor = page.next
    batch.is_fetched = not page.next or added.is_full
    batch.save(update_fields=["fetch_cursor", "is_fetched"])
    if not batch.is_fetched:
        batches.owe_fetch(batch)
    if added.made and batch.storage == StorageKind.DRIVE and not batch.is_dry_run:
        drive.owe(batch)
    completion.advance(batch)


def _give_up(batch: InvitationBatch, reason: str) -> None:
    """Have a locked batch end with the contacts it has."""
    if batch.is_fetched or batch.state != BatchState.RUNNING:
        return
    batch.fetch_error = reason[:300]
    batch.save(update_fields=["fetch_error"])
    completion.advance(batch)
