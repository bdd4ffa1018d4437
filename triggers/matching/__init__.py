"""Decide which keyword triggers an incoming text fires: pure, immutable, linear time."""

from triggers.matching.conflicts import conflicts
from triggers.matching.explanation import Explanation, explain
from triggers.matching.matcher import Matcher, compile
from triggers.matching.rules import KeywordRule, Match, MatchType, Problem
from triggers.matching.text import MAX_TEXT_LENGTH, folded, plain
from triggers.matching.validation import (
    MAX_KEYWORD_LENGTH,
    validate_keyword,
    validate_pattern,
    validate_rule,
)

__all__ = [
    "MAX_KEYWORD_LENGTH",
    "MAX_TEXT_LENGTH",
    "Explanation",
    "KeywordRule",
    "Match",
    "MatchType",
    "Matcher",
    "Problem",
    "compile",
    "conflicts",
    "explain",
    "folded",
    "plain",
    "validate_keyword",
    "validate_pattern",
    "validate_rule",
]
