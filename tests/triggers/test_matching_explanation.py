"""Explanations agree with the matcher and say why."""

import pytest

from triggers import matching
from triggers.matching import KeywordRule, MatchType


def reason(rule, text):
    (explanation,) = matching.explain([rule], text)
    return explanation.reason


def test_explain_several_rules_names_the_winner_and_the_beaten():
    rules = [
        KeywordRule(1, ("hi",), MatchType.EXACT, priority=1),
        KeywordRule(2, ("h",), MatchType.CONTAINS, priority=5),
        KeywordRule(3, ("bye",), MatchType.EXACT, priority=9),
    ]
    assert matching.explain(rules, "Hi") == [
        (3, False, "Doesn't match: the text isn't exactly “bye”."),
        (2, True, "Fires: the text contains “h”."),
        (1, True, "Matches (the text is “hi”), but rule 2 wins: priority 5 is above 1."),
    ]


@pytest.mark.parametrize(
    ("beaten", "cause"),
    [
        (KeywordRule(2, ("hi",), MatchType.CONTAINS), "at equal priority exact goes before contains"),
        (KeywordRule(2, ("hi",), MatchType.EXACT), "at equal priority and type the older rule goes first"),
    ],
)
def test_explain_equal_priority_says_what_decided(beaten, cause):
    winner = KeywordRule(1, ("hi",), MatchType.EXACT)
    assert matching.explain([beaten, winner], "hi")[1].reason.endswith(f"but rule 1 wins: {cause}.")


def test_explain_case_in_the_way_says_so():
    rule = KeywordRule(1, ("VIP",), MatchType.CONTAINS, case_sensitive=True)
    assert reason(rule, "a vip table").endswith("It would, if the rule ignored case.")


def test_explain_text_holds_more_than_the_exact_keyword_says_so():
    expected = "It does contain “price”: match type contains would fire."
    assert reason(KeywordRule(1, ("price",)), "the price please").endswith(expected)


def test_explain_empty_text_says_so():
    assert "the text is empty" in reason(KeywordRule(1, (".*",), MatchType.REGEX), " ")


def test_explain_refused_keyword_gives_its_problem():
    rule = KeywordRule(1, ("(a",), MatchType.REGEX)
    assert reason(rule, "a").endswith("left out: An opening parenthesis has no closing one.")


def test_explain_rule_without_keywords_says_so():
    assert reason(KeywordRule(1, ()), "a") == "Doesn't match: the rule has no keywords."


def test_explain_many_keywords_lists_a_few():
    rule = KeywordRule(1, tuple("abcdefgh"))
    assert reason(rule, "x") == (
        "Doesn't match: the text isn't exactly “a” or “b” or “c” or “d” or “e” or 3 more."
    )
