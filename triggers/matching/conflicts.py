"""Find exact keywords that two rules claim with the same priority."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

from triggers.matching import text as text_forms
from triggers.matching.rules import KeywordRule, MatchType


def conflicts(rules: Sequence[KeywordRule]) -> list[tuple[int, int]]:
    """Return pairs of rule ids that some text fires both of, though the lower id always wins.

    Both hold the same exact keyword at the same priority; a case-sensitive keyword collides with one
    that ignores case and equals it when folded. Pairs are sorted, lower id first, each once.
    """
    claims: dict[tuple[int, str], dict[int, set[str | None]]] = defaultdict(lambda: defaultdict(set))
    for rule in rules:
        if rule.match_type != MatchType.EXACT:
            continue
        for keyword in filter(None, map(text_forms.plain, rule.keywords)):
            form = keyword if rule.case_sensitive else None
            claims[rule.priority, text_forms.fold(keyword)][rule.id].add(form)
    pairs = set()
    for claimants in claims.values():
        for first, second in combinations(sorted(claimants), 2):
            if _overlap(claimants[first], claimants[second]):
                pairs.add((first, second))
    return sorted(pairs)


def _overlap(first: set[str | None], second: set[str | None]) -> bool:
    """Tell whether one text has a spelling of both; None stands for any spelling."""
    return None in first or None in second or not first.isdisjoint(second)
