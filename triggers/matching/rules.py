"""Shapes that go into and come out of the keyword matcher."""

from dataclasses import dataclass
from enum import StrEnum


class MatchType(StrEnum):
    """Name how a keyword is compared with a text; the most specific comes first."""

    EXACT = "exact"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    CONTAINS = "contains"
    REGEX = "regex"


_SPECIFICITY: dict[str, int] = {match_type.value: place for place, match_type in enumerate(MatchType)}


@dataclass(frozen=True, slots=True)
class KeywordRule:
    """Hold what one keyword trigger looks for; any one of its keywords is enough.

    `id` is unique among the rules compiled together. A higher `priority` wins.
    """

    id: int
    keywords: tuple[str, ...]
    match_type: MatchType = MatchType.EXACT
    case_sensitive: bool = False
    priority: int = 0


def precedence(rule: KeywordRule) -> tuple[int, int, int]:
    """Return the key that sorts rules by priority, then specificity, then age."""
    return -rule.priority, _SPECIFICITY[rule.match_type], rule.id


@dataclass(frozen=True, slots=True)
class Match:
    """Name the rule that fired and the keyword, as its author wrote it, that fired it."""

    rule_id: int
    keyword: str
    match_type: MatchType


@dataclass(frozen=True, slots=True)
class Problem:
    """Say why a keyword can't be used: a stable `code` and a sentence for its author.

    `rule_id` is None where the keyword was checked on its own.
    """

    code: str
    message: str
    keyword: str
    rule_id: int | None = None
