"""What the steps that call something have in common: intents, outcomes, waiting, giving up.

A step of a batch that is paused, or was cancelled meanwhile, is not begun. An outcome is written down once,
by whoever brings it first; what failed is tried again by whoever holds the item. A worker that dies costs a
step nothing: whoever comes next finds what it did, since each effect has a name that was known before.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Final, Generic, TypeVar

from chatboost.core import clock
from chatboost.core.work import finish
from chatboost.core.work.kinds import Decision, Defer, Done, EffectKind, Item, Retry
from invitations.choices import BatchState, Step
from invitations.models import Invitation, InvitationBatch
from invitations.providers.base import Token
from invitations.services import health
from invitations.services.health import Peer, Report
from invitations.work import waiting
from invitations.work.book import Book
from invitations.work.outcomes import Failure, Held
from teams.services.google_access import Access

# A decoding child that died may have been the machine's fault. Once.
CHILD_CODES: Final = frozenset({"crashed", "took_too_long"})
MAX_CHILD_ATTEMPTS: Final = 2
# When to look again whether a call has what it needs.
READY_WAIT: Final = timedelta(seconds=1)
GIVEN_UP: Final = "The worker died or failed each time."

IntentT = TypeVar("IntentT", bound="Intent")
SuccessT = TypeVar("SuccessT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A call about one invitation; whom it goes to, where others go there too; what an account lends it."""

    invitation_id: int
    peer: Peer | None = None
    access: Access | None = field(default=None, repr=False)


class StepKind(EffectKind[IntentT, SuccessT | Failure | Held], Generic[IntentT, SuccessT]):
    """One step of an invitation. Items are about invitations."""

    step: ClassVar[Step]

    # What a step says about itself

    @abstractmethod
    def intents(
        self, invitations: Sequence[Invitation], accesses: Mapping[Peer, Access]
    ) -> Mapping[int, IntentT]:
        """Return the calls to make, by invitation. Reserves places for their files."""

    @abstractmethod
    def keep(self, book: Book, invitation: Invitation, intent: IntentT, success: SuccessT) -> None:
        """Write success down, and note in the book that the step is done."""

    def without_call(self, book: Book, invitation: Invitation) -> bool:
        """Finish the step where no call is needed; returns whether that is so."""
        return False

    def peer(self, invitation: Invitation) -> Peer | None:
        """Return whom the step's call goes to, where others go there too."""
        return None

    def beginning(self, book: Book, invitation: Invitation) -> None:
        """Note more about a step that begins."""

    def lacking(self, invitation: Invitation) -> Failure:
        """Return why there is no call to make about an invitation whose step has begun."""
        return Failure(code="not_possible", message="What the step needs is not there any more.")

    def is_ready(self, invitation: Invitation) -> bool:
        """Tell whether all that the call needs is there; if not, it is looked for again soon."""
        return True

    def make_ready(self, batches: Iterable[InvitationBatch]) -> None:
        """Owe what invitations of these locked batches wait for."""

    def is_current(self, invitation: Invitation, intent: IntentT) -> bool:
        """Tell whether the call was about what is wanted now; if not, nothing follows from it."""
        return True

    def patience(self, failure: Failure) -> int | None:
        """Return how often a failure that may pass is met before it counts; None: for `waiting.MAX_AGE`."""
        return MAX_CHILD_ATTEMPTS if failure.code in CHILD_CODES else None

    def do_without(self, book: Book, invitation: Invitation, failure: Failure) -> None:
        """End the step without success."""
        book.fail(invitation, failure.code, failure.message)

    def settle_files(
        self, results: Sequence[tuple[IntentT, "SuccessT | Failure | Held | None", bool]]
    ) -> None:
        """Keep or give up the places of files: whether each intent's success was taken is said last."""

    def renewed(self, intent: IntentT) -> Token | None:
        """Return the token that a call has got on its way."""
        return None

    # The three steps of an effect

    def prepare(self, items: Sequence[Item]) -> Mapping[int, IntentT | Decision]:
        """Say which steps are under way; those without a call are finished here."""
        held = finish.still_held(items)
        decisions: dict[int, IntentT | Decision] = {item.id: Done() for item in items}
        verdicts = self._verdicts([item.subject_id for item in held])
        book = Book(self.step, [item.subject_id for item in held])
        going: dict[int, Item] = {}
        unready: dict[int, InvitationBatch] = {}
        for item in held:
            invitation = book.at_step(item.subject_id)
            if invitation is None or self._ends_here(book, invitation):
                continue
            decision = self._wait(book, invitation, verdicts)
            if decision is None and not self.is_ready(invitation):
                unready[invitation.batch_id] = invitation.batch
                decision = Defer(clock.now() + READY_WAIT)
            if decision is not None:
                decisions[item.id] = decision
                continue
            going[invitation.pk] = item
            if (peer := self.peer(invitation)) is not None:
                verdicts[peer].take()
        self.make_ready(unready.values())
        for invitation_id in going:
            book.begin(book.invitations[invitation_id])
            self.beginning(book, book.invitations[invitation_id])
        accesses = {peer: turn.verdict.access for peer, turn in verdicts.items() if turn.verdict.access}
        intents = self.intents([book.invitations[pk] for pk in going], accesses) if going else {}
        decisions.update({going[pk].id: intent for pk, intent in intents.items()})
        for invitation_id in going.keys() - intents.keys():
            # Nobody would come back to it.
            self.do_without(
                book, book.invitations[invitation_id], self.lacking(book.invitations[invitation_id])
            )
        book.close()
        return decisions

    def settle(
        self, results: Sequence[tuple[Item, IntentT, SuccessT | Failure | Held | Exception]]
    ) -> Mapping[int, Decision]:
        """Finish the steps, or have them tried again."""
        held = {item.id for item in finish.still_held([item for item, _, _ in results])}
        left = health.learn([self._report(intent, outcome) for _, intent, outcome in results if intent.peer])
        book = Book(self.step, [intent.invitation_id for _, intent, _ in results])
        decisions: dict[int, Decision] = {}
        settled: list[tuple[IntentT, SuccessT | Failure | Held | None, bool]] = []
        for item, intent, outcome in results:
            invitation = book.at_step(intent.invitation_id)
            known = None if isinstance(outcome, Exception) else outcome
            is_current = invitation is not None and self.is_current(invitation, intent)
            is_taken = is_current and known is not None and not isinstance(known, Failure | Held)
            settled.append((intent, known, is_taken))
            if invitation is None:
                decisions[item.id] = Done()
            elif isinstance(outcome, Exception):
                # A bug of ours ends nothing; the item is tried again, and given up in the end.
                decisions[item.id] = Retry(f"{type(outcome).__name__}: {outcome}")
            elif not is_current:
                goes_on = item.id in held and book.may_go_on(invitation)
                decisions[item.id] = Defer(clock.now()) if goes_on else Done()
            elif isinstance(outcome, Failure | Held):
                is_held = item.id in held
                decisions[item.id] = self._again(book, invitation, intent.peer, outcome, is_held=is_held)
            else:
                self.keep(book, invitation, intent, outcome)
                decisions[item.id] = Done()
        self.settle_files(settled)
        book.close()
        for tell in left:
            tell()
        return decisions

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """End the steps whose work was given up, so that their batches can."""
        book = Book(self.step, subject_ids)
        for invitation_id in subject_ids:
            invitation = book.at_step(invitation_id)
            if invitation is not None:
                self.do_without(book, invitation, Failure(code="given_up", message=GIVEN_UP))
        book.close()

    # Preparing

    def _verdicts(self, invitation_ids: Sequence[int]) -> dict[Peer, "_Turn"]:
        """Ask how those are who will be called: before the batches are locked."""
        rows = Invitation.objects.filter(pk__in=invitation_ids, step=self.step)
        rows = rows.select_related("batch__source", "batch__account")
        peers = {peer for row in rows if (peer := self.peer(row)) is not None}
        return {peer: _Turn(verdict) for peer, verdict in health.look(peers).items()}

    def _ends_here(self, book: Book, invitation: Invitation) -> bool:
        """End what is not to be done, or needs no call."""
        batch = book.batches[invitation.batch_id]
        if batch.state == BatchState.CANCELLED:
            book.cancel(invitation)
            return True
        if not book.may_go_on(invitation):
            return True
        return self.without_call(book, invitation)

    def _wait(self, book: Book, invitation: Invitation, verdicts: Mapping[Peer, "_Turn"]) -> Decision | None:
        peer = self.peer(invitation)
        if peer is None:
            return None
        # Its credentials changed since they were looked up.
        if (turn := verdicts.get(peer)) is None:
            return Defer(clock.now())
        if turn.verdict.is_refused:
            book.put_off(invitation, waiting.later())
            return Done()
        return None if turn.is_left else Defer(turn.verdict.until or clock.now())

    # Settling

    def _report(self, intent: IntentT, outcome: Any) -> Report:
        assert intent.peer is not None
        error = outcome.error if isinstance(outcome, Failure) else None
        return Report(
            intent.peer,
            error,
            self.renewed(intent),
            is_call=not isinstance(outcome, Held | Exception),
            access=intent.access,
        )

    def _again(
        self,
        book: Book,
        invitation: Invitation,
        peer: Peer | None,
        outcome: Failure | Held,
        *,
        is_held: bool,
    ) -> Decision:
        """Try a step again that was not done, or end it. Another holder of the item tries by itself."""
        is_refused = isinstance(outcome, Failure) and outcome.is_refused
        if isinstance(outcome, Failure) and not (outcome.is_passing or is_refused):
            self.do_without(book, invitation, outcome)
            return Done()
        if not is_held:
            return Done()
        row = book.ledger(invitation)
        if isinstance(outcome, Held):
            row.attempt_count -= 1
            return Defer(outcome.until) if book.may_go_on(invitation) else Done()
        row.error_code, row.error_detail = outcome.code[:40], outcome.message[:300]
        if is_refused and peer is not None and health.waits_for_people(peer):
            book.put_off(invitation, waiting.later())
            return Done()
        patience = self.patience(outcome)
        is_over = clock.now() - row.started_at >= waiting.MAX_AGE
        if is_over or (patience is not None and row.attempt_count >= patience):
            self.do_without(book, invitation, outcome)
            return Done()
        until = clock.now() + finish.backoff(row.attempt_count, outcome.pause)
        return Defer(until) if book.may_go_on(invitation) else Done()


class _Turn:
    """A verdict, and how many have gone by it."""

    def __init__(self, verdict: health.Verdict) -> None:
        self.verdict = verdict
        self._gone = 0

    @property
    def is_left(self) -> bool:
        """Whether another call may go."""
        return self.verdict.allowed is None or self._gone < self.verdict.allowed

    def take(self) -> None:
        """Take one of the calls that may go."""
        self._gone += 1
