"""Keyword matching: one text against 1,000 and 10,000 literal keywords that may stand anywhere in it."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bench import timing
from bench.harness import Contender, Figures, Line, Row, Target

OURS, OURS_LARGE = "ChatBoost", "ChatBoost, 10,000"
RE2, RE2_LARGE = "RE2 Set", "RE2 Set, 10,000"
AHO, AHO_LARGE = "pyahocorasick", "pyahocorasick, 10,000"
LOOP = "loop over all"
FLOOR = "casefold + dict"
SMALL, LARGE = 1_000, 10_000
TEXTS = 1_000

Match = Callable[[str], int | None]


def row() -> Row:
    """Declare the row."""
    job = "Keyword matching"
    return Row(
        "keywords",
        (
            Line(
                job=f"{job}, 1,000 triggers",
                metric="rate",
                unit="msg/s",
                ours=OURS,
                peers=(RE2, AHO, LOOP),
                floor=FLOOR,
                targets=(Target("peer", 0.8),),
            ),
            Line(
                job=f"{job}, 10,000 triggers",
                metric="rate",
                unit="msg/s",
                ours=OURS_LARGE,
                peers=(RE2_LARGE, AHO_LARGE),
                floor=FLOOR,
                targets=(Target("peer", 0.8),),
            ),
            Line(
                job=f"{job}, 10,000 beside 1,000: flat",
                metric="rate",
                unit="msg/s",
                ours=OURS_LARGE,
                peers=(OURS,),
                targets=(Target("peer", 0.8),),
            ),
        ),
        _contenders,
    )


@contextmanager
def _contenders() -> Iterator[Sequence[Contender]]:
    from bench.peers import keyword_matchers as matchers

    words = _words(LARGE)
    texts = _texts(words[:SMALL])
    small: dict[str, Match] = {
        FLOOR: matchers.dictionary(words[:SMALL]),
        RE2: matchers.re2_set(words[:SMALL]),
        AHO: matchers.automaton(words[:SMALL]),
        LOOP: matchers.loop(words[:SMALL]),
        OURS: matchers.ours(words[:SMALL]),
    }
    large: dict[str, Match] = {
        RE2_LARGE: matchers.re2_set(words),
        AHO_LARGE: matchers.automaton(words),
        OURS_LARGE: matchers.ours(words),
    }
    for group in (small, large):
        _check({name: match for name, match in group.items() if name != FLOOR}, texts)
    yield [Contender(name, partial(_measure, match, texts)) for name, match in (small | large).items()]


def _check(matchers: dict[str, Match], texts: Sequence[str]) -> None:
    """All must find the same: the first keyword in order of precedence."""
    for text in texts:
        found = {name: match(text) for name, match in matchers.items()}
        if len(set(found.values())) != 1:
            raise RuntimeError(f"different matches of {text!r}: {found}")


def _measure(match: Match, texts: Sequence[str], seconds: float) -> Figures:
    def all_texts() -> None:
        for text in texts:
            match(text)

    return timing.rate(all_texts, seconds, chunk=1, items=len(texts))


def _words(number: int) -> list[str]:
    """Make distinct keywords as people write them: capitals, some of two words."""
    rng = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words: dict[str, None] = {}
    while len(words) < number:
        word = "".join(rng.choices(letters, k=rng.randint(6, 11))).capitalize()
        words[f"{word} {''.join(rng.choices(letters, k=5))}" if rng.random() < 0.2 else word] = None
    return list(words)


def _texts(words: Sequence[str]) -> list[str]:
    """Make messages of people; every second one holds a keyword."""
    rng = random.Random(11)
    openings = ("Hi, I need ", "please tell me about ", "Is there ", "hello ", "what does it cost: ")
    closings = (" today?", "", " thanks", " for two people", "!!")
    others = ("a table", "the opening hours", "my order", "somebody to talk to")
    return [
        rng.choice(openings)
        + (rng.choice(words) if number % 2 else rng.choice(others))
        + rng.choice(closings)
        for number in range(TEXTS)
    ]
