"""Cards of erased people are removed from Drive. What is not there any more is removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatboost.core import clock
from chatboost.core.work import finish
from chatboost.core.work.kinds import Decision, Defer, Done, EffectKind, Item, Retry
from invitations import privacy
from invitations.models import Invitation
from invitations.providers import storages
from invitations.providers.base import Storage
from invitations.services import health
from invitations.services.health import Peer, Report
from invitations.work import waiting
from invitations.work.outcomes import Failure, Held, attempted, turn
from teams.services.google_access import Access


@dataclass(frozen=True, slots=True)
class Intent:
    """One card to remove."""

    invitation_id: int
    drive_id: str
    peer: Peer
    access: Access = field(repr=False)
    storage: Storage = field(repr=False)


class RemoveKind(EffectKind[Intent, "bool | Failure | Held"]):
    """Removes cards from Drive; it is tried as long as the account may come back."""

    name = privacy.REMOVE_KIND

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Intent | Decision]:
        """Find what is to be removed, and what opens its account."""
        held = finish.still_held(items)
        decisions: dict[int, Intent | Decision] = {item.id: Done() for item in items}
        found = Invitation.objects.filter(pk__in=[item.subject_id for item in held]).exclude(drive_id="")
        rows = {row.pk: row for row in found.select_related("batch__account")}
        peers = {pk: health.of_account(row.batch.account) for pk, row in rows.items() if row.batch.account}
        verdicts = health.look(peers.values())
        for item in held:
            if item.subject_id in peers:
                peer = peers[item.subject_id]
                decisions[item.id] = _prepared(rows[item.subject_id], peer, verdicts[peer])
        return decisions

    def call(self, intent: Intent) -> "bool | Failure | Held":
        """Remove it."""
        return attempted(lambda: _remove(intent))

    def settle(
        self, results: "Sequence[tuple[Item, Intent, bool | Failure | Held | Exception]]"
    ) -> Mapping[int, Decision]:
        """Forget the card's name at Drive."""
        held = {item.id for item in finish.still_held([item for item, _, _ in results])}
        health.learn([_report(intent, outcome) for _, intent, outcome in results])
        decisions: dict[int, Decision] = {}
        for item, intent, outcome in results:
            if isinstance(outcome, Exception):
                decisions[item.id] = Retry(f"{type(outcome).__name__}: {outcome}")
            elif isinstance(outcome, Failure | Held):
                decisions[item.id] = _again(item, outcome) if item.id in held else Done()
            else:
                mine = Invitation.objects.filter(pk=intent.invitation_id, drive_id=intent.drive_id)
                mine.update(drive_id="", is_on_drive=False)
                decisions[item.id] = Done()
        return decisions


def _prepared(invitation: Invitation, peer: Peer, verdict: health.Verdict) -> Intent | Decision:
    if verdict.is_refused:
        return Defer(waiting.later())
    if verdict.allowed == 0 or verdict.access is None:
        return Defer(verdict.until or clock.now())
    access = verdict.access
    return Intent(invitation.pk, invitation.drive_id, peer, access, storages.of(access))


def _remove(intent: Intent) -> bool:
    with turn(intent.peer):
        intent.storage.delete(intent.drive_id)
    return True


def _again(item: Item, outcome: Failure | Held) -> Decision:
    if isinstance(outcome, Failure) and not outcome.is_refused and not outcome.is_passing:
        # An operator sees it: the card is still there.
        return Retry(f"{outcome.code}: {outcome.message}")
    return waiting.put_off(outcome)


def _report(intent: Intent, outcome: Any) -> Report:
    error = outcome.error if isinstance(outcome, Failure) else None
    is_call = not isinstance(outcome, Held | Exception)
    return Report(intent.peer, error, is_call=is_call, access=intent.access)
