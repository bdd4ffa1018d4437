"""Compile keyword rules once and match texts against all of them in one pass.

Exact keywords are looked up in a dict. Everything else goes into RE2 sets, which read a text once
however many keywords there are; literals are escaped, prefixes and suffixes anchored. A keyword's place
in its set follows its rank, so the best hit is the least index.

Literals that ignore case are matched with the folded text, case-sensitive ones with the plain text.
Regular expressions always see the plain text, with RE2's `(?i)` unless case-sensitive: folding a pattern
would turn `\\D` into `\\d`. So `(?i)` is RE2's simple case folding there: `ß` is not `ss`, and Turkish
dotted and dotless i stay apart. `\\d`, `\\w` and `\\b` know ASCII only: digits arrive folded, letters of
other scripts are `\\p{L}`. White space being collapsed, a text is a single line: `.` sees all of it.
A text longer than 4,096 characters is cut there, its end for `ends_with` and `$` included.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import re2

from triggers.matching import text as text_forms
from triggers.matching import validation
from triggers.matching.rules import KeywordRule, Match, MatchType, Problem, precedence

# Upper bounds of one set's program and of the states it has met; memory is taken as texts need it.
_BASE_MEMORY: Final = 8 * 1024 * 1024
_MEMORY_PER_PATTERN: Final = 8 * 1024

_RankedPattern = tuple[int, bytes]

_NO_RANK: Final = 1 << 62

# Most texts are ASCII and need no tidying. Each set's first pattern finds those that do on the way,
# at no cost to the others; they are normalised and matched again.
_UNTIDY: Final = -1
_UNTIDY_PATTERN: Final = rb"\A\z|\A |  | \z|[\t-\r\x1c-\x1f]"


class Matcher:
    """Answer which rules a text fires. Immutable, safe to share between threads.

    A text that is empty once normalised fires nothing. `problems` lists the keywords left out because
    they fail validation: one bad row must not silence the rules beside it.
    """

    __slots__ = (
        "_exact_folded",
        "_exact_plain",
        "_folded_scans",
        "_matches",
        "_plain_scans",
        "_reads_plain",
        "problems",
    )

    def __init__(self, matches: tuple[Match, ...], index: "_Index", problems: tuple[Problem, ...]) -> None:
        self._matches = matches
        self._exact_folded = {form: tuple(ranks) for form, ranks in index.exact_folded.items()}
        self._exact_plain = {form: tuple(ranks) for form, ranks in index.exact_plain.items()}
        # Built even where it is to find nothing but white space.
        self._folded_scans = _build_scans(index.literals_folded)
        self._plain_scans = tuple(
            scan
            for patterns in (index.literals_plain, index.patterns)
            if patterns
            for scan in _build_scans(patterns)
        )
        self._reads_plain = bool(self._exact_plain or self._plain_scans)
        self.problems: Final = problems

    def best(self, text: str) -> Match | None:
        """Return the one match that should run: highest priority, most specific type, lowest rule id."""
        if text.isascii() and len(text) <= text_forms.MAX_TEXT_LENGTH:
            rank = self._best_rank(text.lower().encode(), text)
            if rank != _UNTIDY:
                return self._matches[rank] if rank != _NO_RANK else None
        plain = text_forms.plain(text)
        if not plain:
            return None
        rank = self._best_rank(text_forms.fold(plain).encode(), plain)
        return self._matches[rank] if rank != _NO_RANK else None

    def all(self, text: str) -> tuple[Match, ...]:
        """Return one match for each rule that fires, in the order `best` prefers them.

        Where several keywords of a rule match, the first in the rule's own order is named.
        """
        plain = text_forms.plain(text)
        if not plain:
            return ()
        folded, form = text_forms.fold(plain).encode(), plain.encode()
        ranks = [*self._exact_folded.get(folded, ()), *self._exact_plain.get(form, ())]
        for scan in self._folded_scans:
            ranks += [scan.ranks[hit] for hit in scan.hits(folded)]
        for scan in self._plain_scans:
            ranks += [scan.ranks[hit] for hit in scan.hits(form)]
        by_rule: dict[int, Match] = {}
        for rank in sorted(ranks):
            match = self._matches[rank]
            by_rule.setdefault(match.rule_id, match)
        return tuple(by_rule.values())

    def _best_rank(self, folded: bytes, plain: str) -> int:
        """Return the least rank that matches, `_NO_RANK` if none, `_UNTIDY` if white space is in the way."""
        best = _NO_RANK
        if folded in self._exact_folded:
            best = self._exact_folded[folded][0]
        for first, ranks, hits_in in self._folded_scans:
            if first < best and (hits := hits_in(folded)):
                rank = ranks[hits[0] if len(hits) == 1 else min(hits)]
                if rank < best:
                    best = rank
        return self._best_plain_rank(plain.encode(), best) if self._reads_plain else best

    def _best_plain_rank(self, plain: bytes, best: int) -> int:
        if plain in self._exact_plain:
            best = min(best, self._exact_plain[plain][0])
        for first, ranks, hits_in in self._plain_scans:
            if first < best and (hits := hits_in(plain)):
                best = min(best, ranks[min(hits)])
        return best


def compile(rules: Sequence[KeywordRule]) -> Matcher:
    """Return the matcher of `rules`, whose ids are distinct; see `Matcher.problems` for what was left out.

    Takes about 20 microseconds a keyword, 60 a regular expression: keep the result for a rule set's
    version instead of building it per message.
    """
    index = _Index()
    matches: list[Match] = []
    problems: list[Problem] = []
    for rule in sorted(rules, key=precedence):
        found = validation.validate_rule(rule)
        problems.extend(found)
        refused = {problem.keyword for problem in found}
        for keyword in rule.keywords:
            if keyword not in refused:
                index.add(len(matches), rule, keyword)
                matches.append(Match(rule.id, keyword, MatchType(rule.match_type)))
    return Matcher(tuple(matches), index, tuple(problems))


class _Index:
    """Sort keywords by the structure that will look for them; ranks arrive in ascending order."""

    def __init__(self) -> None:
        self.exact_folded: dict[bytes, list[int]] = {}
        self.exact_plain: dict[bytes, list[int]] = {}
        self.literals_folded: list[_RankedPattern] = []
        self.literals_plain: list[_RankedPattern] = []
        self.patterns: list[_RankedPattern] = []

    def add(self, rank: int, rule: KeywordRule, keyword: str) -> None:
        """File a valid keyword under its rank."""
        if rule.match_type == MatchType.REGEX:
            flags = "" if rule.case_sensitive else "(?i)"
            self.patterns.append((rank, (flags + text_forms.fold_pattern(keyword)).encode()))
            return
        comparable = text_forms.plain if rule.case_sensitive else text_forms.folded
        form = comparable(keyword).encode()
        if rule.match_type == MatchType.EXACT:
            exact = self.exact_plain if rule.case_sensitive else self.exact_folded
            exact.setdefault(form, []).append(rank)
            return
        literals = self.literals_plain if rule.case_sensitive else self.literals_folded
        literals.append((rank, _literal_pattern(form, rule.match_type)))


def _literal_pattern(form: bytes, match_type: str) -> bytes:
    escaped: bytes = re2.escape(form)
    if match_type == MatchType.STARTS_WITH:
        return rb"\A" + escaped
    if match_type == MatchType.ENDS_WITH:
        return escaped + rb"\z"
    return escaped


class _Scan(NamedTuple):
    """Hold patterns that are looked for in one pass over a text's UTF-8.

    `hits` gives places in `ranks`, unordered; `first` is the least rank to be found.
    """

    first: int
    ranks: tuple[int, ...]
    hits: Callable[[bytes], list[int]]


class _PatternSet(re2.Set):
    """Offer a set's own match: the wrapper around it costs a third of a short text's time."""

    __slots__ = ()

    @property
    def hits(self) -> Callable[[bytes], list[int]]:
        """Return the bound function from UTF-8 to the places of the patterns that match."""
        hits: Callable[[bytes], list[int]] = self._set.Match
        return hits


def _build_scans(patterns: Sequence[_RankedPattern]) -> tuple[_Scan, ...]:
    """Return the scans that hold `patterns`, ordered by rank: one, or as many halves as it takes to fit."""
    try:
        return (_build_scan(patterns),)
    except re2.error:
        if len(patterns) < 2:
            raise
    middle = len(patterns) // 2
    return _build_scans(patterns[:middle]) + _build_scans(patterns[middle:])


def _build_scan(patterns: Sequence[_RankedPattern]) -> _Scan:
    """Compile `patterns` into one set.

    Raises: re2.error where they, or the states needed to run them, don't fit into the memory allowed.
    """
    compiled = _PatternSet.SearchSet(
        validation.pattern_options(_BASE_MEMORY + _MEMORY_PER_PATTERN * len(patterns))
    )
    compiled.Add(_UNTIDY_PATTERN)
    for _, pattern in patterns:
        compiled.Add(pattern)
    compiled.Compile()
    ranks = tuple(rank for rank, _ in patterns)
    return _Scan(ranks[0] if ranks else 0, (_UNTIDY, *ranks), compiled.hits)
