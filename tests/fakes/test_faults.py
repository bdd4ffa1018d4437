"""Scripts: which rule applies, how often, with which luck."""

import pytest

from tests.fakes.faults import Fault, Rule, Script

ERROR = Rule(fault=Fault.ERROR)


def test_next_fault_without_rules_is_none() -> None:
    assert Script().next_fault({}) is None


def test_next_fault_gives_the_first_rule_that_matches() -> None:
    script = Script()
    other, mine = (Rule(fault=Fault.ERROR, match={"to": to}) for to in ("+1", "+2"))
    script.replace([other, mine])

    assert script.next_fault({"to": "+2"}) is mine


def test_next_fault_runs_out_after_its_times() -> None:
    script = Script()
    script.replace([Rule(fault=Fault.ERROR, times=2)])

    assert [script.next_fault({}) is not None for _ in range(3)] == [True, True, False]


def test_next_fault_that_does_not_match_is_not_counted() -> None:
    script = Script()
    script.replace([Rule(fault=Fault.ERROR, times=1, match={"to": "+1"})])
    script.next_fault({"to": "+2"})

    assert script.next_fault({"to": "+1"}) is not None


def test_next_fault_with_a_seed_has_the_same_luck_again() -> None:
    def luck(seed: int) -> list[bool]:
        script = Script()
        script.replace([Rule(fault=Fault.ERROR, probability=0.3)], seed=seed)
        return [script.next_fault({}) is not None for _ in range(200)]

    assert luck(1) == luck(1)
    assert luck(1) != luck(2)
    assert 40 <= sum(luck(1)) <= 80


def test_rule_survives_json() -> None:
    rule = Rule(fault=Fault.HOLD, match={"to": "+1"}, times=3, probability=0.5, seconds=2.0)

    assert Rule.from_json(rule.to_json()) == rule


@pytest.mark.parametrize("value", [{}, {"fault": "explode"}, {"fault": "error", "statsu": 500}])
def test_rule_with_a_misspelling_is_refused(value: dict) -> None:
    with pytest.raises(ValueError, match=r"Unknown fields|valid Fault"):
        Rule.from_json(value)
