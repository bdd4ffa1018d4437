"""Work kinds for tests: they write to a ledger that a test reads back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatboost.core.work import kinds
from chatboost.core.work.kinds import BatchKind, Decision, EffectKind, Item


@dataclass
class Ledger:
    """What a test's kinds did, and how they behave."""

    applied: list[int] = field(default_factory=list)
    saved: list[list[int]] = field(default_factory=list)
    called: list[int] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    withdrawn: list[int] = field(default_factory=list)
    fail_on: set[int] = field(default_factory=set)
    prepared: Mapping[int, Decision] = field(default_factory=dict)
    decisions: Mapping[int, Decision] = field(default_factory=dict)
    on_call: Callable[[int], Any] = lambda subject: None


class LedgerBatch(BatchKind[None, int]):
    """Notes each subject; raises for those in `fail_on`."""

    name = "test.batch"
    ledger = Ledger()

    def load(self, items: Sequence[Item]) -> None:
        return None

    def apply(self, item: Item, context: None) -> int:
        if item.subject_id in self.ledger.fail_on:
            raise RuntimeError(f"subject {item.subject_id} is poison")
        self.ledger.applied.append(item.subject_id)
        return item.subject_id

    def save(self, results: Sequence[int], context: None) -> None:
        self.ledger.saved.append(list(results))


class LedgerEffect(EffectKind[int, int]):
    """Notes each step."""

    name = "test.effect"
    ledger = Ledger()

    def prepare(self, items: Sequence[Item]) -> Mapping[int, int | Decision]:
        return {item.id: self.ledger.prepared.get(item.subject_id, item.subject_id) for item in items}

    def call(self, intent: int) -> int:
        self.ledger.called.append(intent)
        self.ledger.on_call(intent)
        return intent

    def settle(self, results: Sequence[tuple[Item, int, int | Exception]]) -> Mapping[int, Decision]:
        self.ledger.settled += [intent for _, intent, _ in results]
        return {
            item.id: self.ledger.decisions[intent]
            for item, intent, _ in results
            if intent in self.ledger.decisions
        }

    def withdraw(self, intents: Sequence[tuple[Item, int]]) -> None:
        self.ledger.withdrawn += [intent for _, intent in intents]


BATCH = LedgerBatch()
EFFECT = LedgerEffect()
for _kind in (BATCH, EFFECT):
    kinds.register(_kind)
