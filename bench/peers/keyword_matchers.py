"""The keyword row's matchers: each returns the index of the first keyword, in order, that a text holds."""

from collections.abc import Callable, Sequence

import ahocorasick
import re2

from triggers import matching

Match = Callable[[str], int | None]


def ours(words: Sequence[str]) -> Match:
    """Our matcher: `contains` keywords that ignore case."""
    matcher = matching.compile(
        [
            matching.KeywordRule(index, (word,), matching.MatchType.CONTAINS)
            for index, word in enumerate(words)
        ]
    )

    def match(text: str) -> int | None:
        found = matcher.best(text)
        return found.rule_id if found else None

    return match


def re2_set(words: Sequence[str]) -> Match:
    """A bare RE2 Set of escaped literals over the folded text."""
    options = re2.Options()
    options.max_mem = 8 * 1024 * 1024 + 8 * 1024 * len(words)
    patterns = re2.Set.SearchSet(options)
    for word in words:
        patterns.Add(re2.escape(word.casefold()))
    patterns.Compile()

    def match(text: str) -> int | None:
        hits = patterns.Match(text.casefold())
        return min(hits) if hits else None

    return match


def automaton(words: Sequence[str]) -> Match:
    """Aho-Corasick over the folded text."""
    made = ahocorasick.Automaton()
    for index, word in enumerate(words):
        made.add_word(word.casefold(), index)
    made.make_automaton()

    def match(text: str) -> int | None:
        return min((index for _, index in made.iter(text.casefold())), default=None)

    return match


def loop(words: Sequence[str]) -> Match:
    """Every keyword looked for, one after the other."""
    folded = [word.casefold() for word in words]

    def match(text: str) -> int | None:
        said = text.casefold()
        return next((index for index, word in enumerate(folded) if word in said), None)

    return match


def dictionary(words: Sequence[str]) -> Match:
    """The floor: a text that is a keyword, or not."""
    known = {word.casefold(): index for index, word in enumerate(words)}
    return lambda text: known.get(text.casefold())
