"""Scripted faults: which requests go wrong, how, how often and with which luck."""

import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Self


class Fault(StrEnum):
    """What happens instead of the plain answer.

    ERROR             refuse with `status`, the vendor's `code` and perhaps `retry_after`
    ANSWER            refuse with `status` and a raw `body` of type `content_type`
    ACCEPT_THEN_*     do the work, then: HANG `seconds` without an answer, answer 500 without a readable body,
                      RESET the connection, ANSWER with the raw `body`, or FAIL: report `code` by webhook
    RESET_BEFORE_ACCEPT   cut the connection after reading the request, with nothing done
    TRICKLE           do the work, send the answer byte by byte with `seconds` between
    HOLD              wait for a release, at most `seconds`, then go on as usual
    """

    ERROR = "error"
    ANSWER = "answer"
    ACCEPT_THEN_HANG = "accept_then_hang"
    ACCEPT_THEN_500 = "accept_then_500"
    ACCEPT_THEN_RESET = "accept_then_reset"
    ACCEPT_THEN_ANSWER = "accept_then_answer"
    ACCEPT_THEN_FAIL = "accept_then_fail"
    RESET_BEFORE_ACCEPT = "reset_before_accept"
    TRICKLE = "trickle"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of a script. `match` compares named facts of a request ("to", "tracker", …) as text.

    `times` None means for ever; `probability` is drawn for each request that matches.
    """

    fault: Fault
    match: Mapping[str, str] = field(default_factory=dict)
    times: int | None = None
    probability: float = 1.0
    status: int = 400
    code: int | None = None
    message: str = "Scripted fault"
    retry_after: str | None = None
    body: str = ""
    content_type: str = "text/html"
    seconds: float = 60.0

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read a rule; an unknown field or fault is an error, since a mistyped script tests nothing.

        Raises:
            ValueError: the rule can't be read.
        """
        known = {one.name for one in fields(cls)}
        if unknown := set(value) - known:
            raise ValueError(f"Unknown fields: {', '.join(sorted(unknown))}")
        return cls(**{**value, "fault": Fault(value.get("fault", ""))})

    def to_json(self) -> dict[str, Any]:
        """Write the rule as `from_json` reads it."""
        return asdict(self)


class Script:
    """The rules in force, in order; the first that matches and is lucky applies. Safe between threads."""

    def __init__(self) -> None:
        """Start without rules."""
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._left: list[int | None] = []
        self._random = random.Random(0)

    def replace(self, rules: Sequence[Rule], *, seed: int = 0) -> None:
        """Put other rules in force, with fresh counts and luck."""
        with self._lock:
            self._rules = list(rules)
            self._left = [rule.times for rule in rules]
            self._random = random.Random(seed)

    def next_fault(self, facts: Mapping[str, str]) -> Rule | None:
        """Return the rule for a request with these facts, and count it."""
        with self._lock:
            for index, rule in enumerate(self._rules):
                if self._left[index] == 0 or not _matches(rule, facts):
                    continue
                if rule.probability < 1.0 and self._random.random() >= rule.probability:
                    continue
                left = self._left[index]
                self._left[index] = None if left is None else left - 1
                return rule
        return None


def _matches(rule: Rule, facts: Mapping[str, str]) -> bool:
    return all(facts.get(name) == value for name, value in rule.match.items())
