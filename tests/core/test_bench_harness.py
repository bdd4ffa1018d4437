"""The benchmark's harness: turns are fair, ratios are of one round, the table says what is met."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bench import harness, report
from bench.harness import Contender, Figures, Line, Row, Target

LINE = Line(
    job="Baking",
    metric="rate",
    unit="cakes/s",
    ours="ours",
    peers=("slow peer", "fast peer", "absent peer"),
    floor="floor",
    targets=(Target("peer", 2.0), Target("floor", 0.5)),
)
RATES = {"floor": 1000.0, "slow peer": 100.0, "fast peer": 250.0, "ours": 600.0}


def bakery(turns: list[str]) -> Row:
    """A row whose contenders note that they were measured."""

    def measure(name: str) -> Figures:
        turns.append(name)
        return {"rate": RATES[name]}

    @contextmanager
    def contenders() -> Iterator[Sequence[Contender]]:
        yield [Contender(name, lambda seconds, name=name: measure(name)) for name in RATES]  # type: ignore[misc]
        turns.append("checked")

    return Row("bakery", (LINE,), contenders)


@pytest.fixture
def verdict() -> harness.Verdict:
    return harness.judge(LINE, harness.run(bakery([]), rounds=3, seconds=0.0))


def test_contenders_take_turns_in_alternating_order_after_a_round_that_does_not_count() -> None:
    turns: list[str] = []

    samples = harness.run(bakery(turns), rounds=2, seconds=0.0)

    order = list(RATES)
    assert turns == [*order, *order, *reversed(order), "checked"]
    assert samples["ours"] == {"rate": [600.0, 600.0]}


def test_ours_is_compared_with_the_best_peer_that_ran_and_the_floor(verdict: harness.Verdict) -> None:
    assert verdict.best_peer == "fast peer"
    assert verdict.ratios == {"peer": 2.4, "floor": 0.6}
    assert verdict.is_met


def test_ratio_is_of_figures_that_saw_the_same_weather() -> None:
    samples = {
        "ours": {"rate": [300.0, 30.0, 310.0]},
        "fast peer": {"rate": [100.0, 10.0, 100.0]},
        "floor": {"rate": [900.0, 90.0, 900.0]},
    }

    assert harness.judge(LINE, samples).ratios["peer"] == 3.0


def test_target_that_is_missed_is_told() -> None:
    strict = replace(LINE, targets=(Target("peer", 2.5),))

    missed = harness.judge(strict, harness.run(bakery([]), rounds=1, seconds=0.0))

    assert missed.is_met is False
    assert report.cells(missed)[-1] == "no"


def test_lower_can_be_better() -> None:
    line = replace(LINE, peers=("fast peer",), is_lower_better=True, targets=(Target("peer", 1.0),))
    samples = {"ours": {"rate": [10.0]}, "fast peer": {"rate": [40.0]}, "floor": {"rate": [5.0]}}

    found = harness.judge(line, samples)

    assert (found.ratios, found.is_met) == ({"peer": 4.0, "floor": 0.5}, True)


def test_table_prints_figures_ratios_and_targets(verdict: harness.Verdict) -> None:
    table = report.plain([report.cells(verdict)])

    for told in ("Baking (cakes/s)", "fast peer 250 ±0%", "2.40x", "0.60x", "≥ 2x peer", "yes"):
        assert told in table


def test_document_keeps_lines_that_were_not_run_again(tmp_path: Path, verdict: harness.Verdict) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{report.BEGIN}\n{report.END}\nafter\n")
    other = harness.judge(replace(LINE, job="Frying"), harness.run(bakery([]), rounds=1, seconds=0.0))

    report.write(document, [report.cells(verdict), report.cells(other)], rounds=5, seconds=1.0)
    report.write(document, [report.cells(verdict)], rounds=7, seconds=1.0)

    text = document.read_text()
    assert text.count("Baking (cakes/s)") == text.count("Frying (cakes/s)") == 1
    assert (text.count("7 rounds"), text.count("5 rounds")) == (1, 1)
    assert text.startswith("before\n")
    assert text.endswith("after\n")
