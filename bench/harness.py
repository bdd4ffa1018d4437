"""Rounds, medians and ratios. Knows nothing of what is measured.

Absolute figures move with the machine; ratios from one run hold. So all contenders of a row take turns,
round by round, in alternating order: noise hits them alike.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Contender:
    """One of those who take turns. `measure(seconds)` runs one round and returns figures by metric."""

    name: str
    measure: Callable[[float], Figures]


@dataclass(frozen=True, slots=True)
class Target:
    """What is promised: at least `ratio` times the best peer, or the floor. Higher is always better."""

    against: str
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table: a metric of a row's contenders, and what is promised about it."""

    job: str
    metric: str
    unit: str
    ours: str
    peers: tuple[str, ...]
    floor: str | None = None
    targets: tuple[Target, ...] = ()
    is_lower_better: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A job: its lines, and a context in which its contenders are ready to be measured.

    Leaving the context checks what was done (counts in the database) and raises when work was lost.
    """

    name: str
    lines: tuple[Line, ...]
    contenders: Callable[[], AbstractContextManager[Sequence[Contender]]]


Samples = dict[str, dict[str, list[float]]]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, and half the distance of the extremes as a share of it."""

    median: float
    share: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        """Summarise the rounds of one contender."""
        median = statistics.median(figures)
        return cls(median, (max(figures) - min(figures)) / 2 / median if median else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A line with its figures. Ratios are medians of the rounds' own ratios; above 1, ours is better."""

    line: Line
    ours: Spread
    best_peer: str = ""
    peers: dict[str, Spread] = field(default_factory=dict)
    floor: Spread | None = None
    ratios: dict[str, float] = field(default_factory=dict)

    @property
    def is_met(self) -> bool | None:
        """Whether every target is reached; None without targets."""
        if not self.line.targets:
            return None
        return all(self.ratios.get(target.against, 0.0) >= target.ratio for target in self.line.targets)


def run(row: Row, *, rounds: int, seconds: float) -> Samples:
    """Measure all contenders in turns, after a short round each that doesn't count."""
    samples: Samples = {}
    with row.contenders() as contenders:
        for contender in contenders:
            contender.measure(min(seconds, 0.5))
        for contender in _turns(contenders, rounds):
            for metric, figure in contender.measure(seconds).items():
                samples.setdefault(contender.name, {}).setdefault(metric, []).append(figure)
    return samples


def _turns(contenders: Sequence[Contender], rounds: int) -> Iterator[Contender]:
    for number in range(rounds):
        yield from contenders if number % 2 == 0 else reversed(contenders)


def judge(line: Line, samples: Samples) -> Verdict:
    """Compare ours with the best of the peers that ran, and with the floor."""
    mine = samples[line.ours][line.metric]
    theirs = {name: samples[name][line.metric] for name in line.peers if name in samples}
    peers = {name: Spread.of(figures) for name, figures in theirs.items()}
    choose = min if line.is_lower_better else max
    best = choose(peers, key=lambda name: peers[name].median) if peers else ""
    ratios = {"peer": _ratio(line, mine, theirs[best])} if best else {}
    floor = samples[line.floor][line.metric] if line.floor else None
    if floor:
        ratios["floor"] = _ratio(line, mine, floor)
    return Verdict(
        line=line,
        ours=Spread.of(mine),
        best_peer=best,
        peers=peers,
        floor=Spread.of(floor) if floor else None,
        ratios=ratios,
    )


def _ratio(line: Line, mine: Sequence[float], theirs: Sequence[float]) -> float:
    """Compare round by round: both saw the same weather."""
    pairs = zip(theirs, mine, strict=True) if line.is_lower_better else zip(mine, theirs, strict=True)
    return statistics.median(above / below for above, below in pairs)
