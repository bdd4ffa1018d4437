"""The send gate: pure, and the most lasting reason wins."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from chatboost.messaging import gate
from chatboost.messaging.gate import Action, Reason
from tests.messaging.pipeline import NOW

LATER = NOW + timedelta(hours=1)


def facts(**changes: Any) -> gate.Facts:
    given = {
        "message_type": "text",
        "is_contact_blocked": False,
        "has_address": True,
        "is_channel_active": True,
        "is_channel_healthy": True,
        "window_expires_at": LATER,
    }
    return gate.Facts(**(given | changes))


# From the most lasting reason to the least.
WRONGS: list[tuple[str, Any, Reason]] = [
    ("is_contact_blocked", True, Reason.CONTACT_BLOCKED),
    ("has_address", False, Reason.CONTACT_UNREACHABLE),
    ("is_channel_active", False, Reason.CHANNEL_INACTIVE),
    ("is_channel_healthy", False, Reason.CHANNEL_DISABLED),
    ("window_expires_at", None, Reason.WINDOW_CLOSED),
]


def test_check_with_nothing_wrong_allows() -> None:
    verdict = gate.check(facts(), now=NOW)

    assert (verdict.action, verdict.reason, verdict.is_allowed) == (Action.ALLOW, Reason.NONE, True)


@pytest.mark.parametrize(("field", "value", "reason"), WRONGS)
def test_check_with_one_thing_wrong_refuses_for_it(field: str, value: Any, reason: Reason) -> None:
    verdict = gate.check(facts(**{field: value}), now=NOW)

    assert (verdict.action, verdict.reason, verdict.is_allowed) == (Action.REFUSE, reason, False)


@pytest.mark.parametrize("first", range(len(WRONGS)))
def test_check_with_several_things_wrong_names_the_most_lasting(first: int) -> None:
    wrong = {field: value for field, value, _ in WRONGS[first:]}

    assert gate.check(facts(**wrong), now=NOW).reason is WRONGS[first][2]


@pytest.mark.parametrize(
    ("expires_in", "is_allowed"),
    [(timedelta(0), False), (timedelta(microseconds=1), True), (timedelta(microseconds=-1), False)],
)
def test_check_at_the_edge_of_the_window(expires_in: timedelta, is_allowed: bool) -> None:
    assert gate.check(facts(window_expires_at=NOW + expires_in), now=NOW).is_allowed is is_allowed


@pytest.mark.parametrize("expires_at", [None, NOW - timedelta(days=30), LATER])
def test_check_of_a_template_does_not_ask_for_a_window(expires_at: Any) -> None:
    assert gate.check(facts(message_type="template", window_expires_at=expires_at), now=NOW).is_allowed


@pytest.mark.parametrize(("field", "value", "reason"), WRONGS[:-1])
def test_check_of_a_template_asks_for_everything_else(field: str, value: Any, reason: Reason) -> None:
    template = facts(message_type="template", **{field: value})

    assert gate.check(template, now=NOW).reason is reason


def test_check_allows_only_what_no_rule_forbids() -> None:
    fields = [name for name, _, _ in WRONGS]
    good = {name: getattr(facts(), name) for name in fields}
    for flags in product([False, True], repeat=len(WRONGS)):
        wrong = {field: value for (field, value, _), is_wrong in zip(WRONGS, flags, strict=True) if is_wrong}
        assert gate.check(facts(**(good | wrong)), now=NOW).is_allowed is not any(flags)


def test_every_reason_is_explained() -> None:
    assert set(gate.EXPLANATIONS) == set(Reason)
    assert all(gate.EXPLANATIONS.values())


@pytest.mark.parametrize(
    ("load", "reason", "wait"),
    [
        ({}, Reason.NONE, None),
        ({"pair_free_at": NOW}, Reason.NONE, None),
        ({"pair_free_at": NOW + timedelta(seconds=1)}, Reason.PAIR_PACE, 1),
        ({"channel_held_until": NOW + timedelta(seconds=3)}, Reason.CHANNEL_HELD, 3),
        (
            {"pair_free_at": NOW + timedelta(seconds=1), "channel_held_until": NOW + timedelta(seconds=3)},
            Reason.CHANNEL_HELD,
            3,
        ),
    ],
)
def test_pace_waits_for_the_latest(load: dict[str, Any], reason: Reason, wait: int | None) -> None:
    verdict = gate.pace(gate.Load(**load), now=NOW)

    until = None if wait is None else NOW + timedelta(seconds=wait)
    assert (verdict.action, verdict.reason, verdict.until) == (
        Action.ALLOW if until is None else Action.DEFER,
        reason,
        until,
    )
