"""Explain, rule by rule, why a text fires it or not."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from triggers.matching import matcher
from triggers.matching import text as text_forms
from triggers.matching.rules import KeywordRule, Match, MatchType, precedence

_SHOWN_KEYWORDS = 5
_MATCHED = {
    "exact": "the text is",
    "starts_with": "the text starts with",
    "ends_with": "the text ends with",
    "contains": "the text contains",
    "regex": "the text matches the pattern",
}
_MISSED = {
    "exact": "the text isn't exactly",
    "starts_with": "the text doesn't start with",
    "ends_with": "the text doesn't end with",
    "contains": "the text doesn't contain",
    "regex": "the text doesn't match",
}


class Explanation(NamedTuple):
    """Say of one rule whether a text matches it, and why; only the first matching rule wins."""

    rule_id: int
    matched: bool
    reason: str


def explain(rules: Sequence[KeywordRule], text: str) -> list[Explanation]:
    """Return one explanation a rule, in order of precedence."""
    compiled = matcher.compile(rules)
    matches = {match.rule_id: match for match in compiled.all(text)}
    left_out = {problem.rule_id: problem.message for problem in compiled.problems}
    missed = [rule for rule in rules if rule.id not in matches]
    near_misses = _near_misses(missed, text)
    winner: KeywordRule | None = None
    explanations = []
    for rule in sorted(rules, key=precedence):
        if rule.id in matches:
            winner = winner or rule
            explanations.append(Explanation(rule.id, True, _why_matched(rule, matches[rule.id], winner)))
            continue
        reason = _why_missed(rule, text) + near_misses.get(rule.id, "")
        if rule.keywords and rule.id in left_out:
            reason += f" A keyword is left out: {left_out[rule.id]}"
        explanations.append(Explanation(rule.id, False, reason))
    return explanations


def _why_matched(rule: KeywordRule, match: Match, winner: KeywordRule) -> str:
    matched = f"{_MATCHED[rule.match_type]} {_quoted(match.keyword)}"
    if rule.id == winner.id:
        return f"Fires: {matched}."
    if winner.priority > rule.priority:
        cause = f"priority {winner.priority} is above {rule.priority}"
    elif winner.match_type != rule.match_type:
        cause = f"at equal priority {winner.match_type} goes before {rule.match_type}"
    else:
        cause = "at equal priority and type the older rule goes first"
    return f"Matches ({matched}), but rule {winner.id} wins: {cause}."


def _why_missed(rule: KeywordRule, text: str) -> str:
    if not text_forms.plain(text):
        return "Doesn't match: the text is empty, or holds only characters that are ignored."
    if not rule.keywords:
        return "Doesn't match: the rule has no keywords."
    return f"Doesn't match: {_MISSED[rule.match_type]} {_listed(rule.keywords)}."


def _near_misses(missed: Sequence[KeywordRule], text: str) -> dict[int, str]:
    """Return, by rule id, the one change that would let the rule match."""
    literal = [rule for rule in missed if rule.match_type not in (MatchType.REGEX, MatchType.CONTAINS)]
    wider = matcher.compile([replace(rule, match_type=MatchType.CONTAINS) for rule in literal])
    sensitive = [rule for rule in missed if rule.case_sensitive]
    caseless = matcher.compile([replace(rule, case_sensitive=False) for rule in sensitive])
    hints = {
        match.rule_id: f" It does contain {_quoted(match.keyword)}: match type contains would fire."
        for match in wider.all(text)
    }
    return hints | {match.rule_id: " It would, if the rule ignored case." for match in caseless.all(text)}


def _listed(keywords: Sequence[str]) -> str:
    shown = " or ".join(_quoted(keyword) for keyword in keywords[:_SHOWN_KEYWORDS])
    hidden = len(keywords) - _SHOWN_KEYWORDS
    return f"{shown} or {hidden} more" if hidden > 0 else shown


def _quoted(keyword: str) -> str:
    return f"“{keyword}”"
