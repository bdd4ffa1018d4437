"""Patterns are refused with a sentence, or run in linear time."""

import pytest
import re2

from triggers import matching
from triggers.matching import KeywordRule, MatchType, validation

EXPLOSIVE = [
    r"^(a+)+$", r"(a*)*$", r"^(a|a)*$", r"^(a|aa)+$", r"(a|a?)+$", r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(.*a){20}", r"^(\w+\s?)*$", r"(x+x+)+y", r"^(([a-zA-Z]+)*)*\d$", r"([a-z]+)*[0-9]",
    r"^(\d+)*x$", r"(\s+)+$", r"^\s+|\s+$", r"(.+)+!", r"(a+|b+)*c", r"(a|b|ab)*c",
    r"^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}([a-z]{2,3}|[a-z]{2,3}[.][a-z]{2,3})$",
    r"^([\w.-]+)+@([\w-]+\.)+\w{2,}$", r"^(https?://)?([\w-]+\.)+[\w-]+(/[\w ./?%&=-]*)*$",
    r"(<[^>]+>)*<", r"^(\((.*)\)|.*)*$", r"(\".*\")*x", r"(?:(?:a*)*)*b", r"((a+)*)+b",
    r"(a?){100}a{100}", r"a*a*a*a*a*a*a*a*a*a*b", r"(a*b*)*c", r"(ab?)*(a?b)*c", r"[ab]*a[ab]{20}c",
    r".*.*.*.*.*x", r"(.|a)*b", r"(\w|\d)*!", r"(\W|\s)*a", r"(?i)(a|A)*b", r"(?s).*(.*)*z",
    r"^(.*?,){20}P", r"(aa?)*b", r"(a{1,5}){1,5}b", r"((ab)*)*c", r"([^,]*,)*;", r"(?:\D+|<\d+>)*[!?]",
    r"^(?:a(?:b(?:c)*)*)*d$", r"(\p{L}+)*\d", r"(ا+)+ب", r"(❤+)+x", r"(a|b)*a(a|b){12}", r".{250}x",
    r"^\p{L}+ \p{L}+ \p{L}+$",
]  # fmt: skip
REFUSED = {
    r"(?=(a+))a*b": "lookaround", r"(?!a)b": "lookaround", r"(?<=a+)b": "lookaround",
    r"(?<!a)b": "lookaround",
    r"(a+)\1": "backreference", r"(\w+) \1 \1": "backreference", r"(?P<n>a)(?P=n)": "backreference",
    r"a{1001}": "bad_repetition", r"((a{100}){100}){100}": "bad_repetition", r"a++b": "bad_repetition",
    r"a**": "bad_repetition", r"(?>a+)b": "bad_group", r"(?(1)a|b)": "bad_group", r"(?#note)a": "bad_group",
    r"(a": "missing_parenthesis", r"a)": "missing_parenthesis", r"[a": "missing_bracket",
    r"*a": "nothing_to_repeat",
    r"[z-a]": "bad_class", r"\p{Nonsense}": "bad_class", "a\\": "trailing_backslash", r"a\Z": "bad_escape",
    r"\u0627": "bad_escape", r"(?P<a-b>x)": "bad_group_name", r".{1000}": "too_large",
    r"(.{1,30}){1,30}": "too_large",
    r"\p{L}{1,100}": "too_large", "a" * 501: "too_long", "": "empty", "  ": "empty", "\u200f": "empty",
}  # fmt: skip
HOSTILE_TEXTS = ["a" * 4096, "a" * 4095 + "!", "ab" * 2048, " " * 2000 + "x" * 2096, "é" * 4096]


@pytest.mark.parametrize("pattern", EXPLOSIVE)
def test_validate_pattern_explosive_elsewhere_runs_a_bounded_program(pattern):
    assert matching.validate_pattern(pattern) is None
    # RE2's steps are at most the program's size times the text's length.
    program = re2.compile("(?i)" + pattern, validation.pattern_options(validation.MAX_PATTERN_MEMORY))
    assert program.programsize <= validation.MAX_PROGRAM_SIZE


def test_best_all_explosive_patterns_at_once_answers():
    rules = [KeywordRule(id, (pattern,), MatchType.REGEX) for id, pattern in enumerate(EXPLOSIVE)]
    matcher = matching.compile(rules)
    assert matcher.problems == ()
    assert [matcher.best(text) is not None for text in HOSTILE_TEXTS] == [True] * len(HOSTILE_TEXTS)


@pytest.mark.parametrize(("pattern", "code"), REFUSED.items(), ids=range(len(REFUSED)))
def test_validate_pattern_unsupported_says_why(pattern, code):
    problem = matching.validate_pattern(pattern)
    assert problem is not None
    assert problem.code == code
    assert problem.message.endswith(".")


def test_validate_pattern_look_ahead_is_named_in_the_message():
    problem = matching.validate_pattern("(?=a)b")
    assert problem.message == "Look-ahead and look-behind ((?=…) aren't supported; match the text itself."


@pytest.mark.parametrize("keyword", ["", " \t", "ـ", "\u200b\ufe0f"])
def test_validate_keyword_nothing_left_of_it_is_empty(keyword):
    assert matching.validate_keyword(keyword, MatchType.CONTAINS).code == "empty"


@pytest.mark.parametrize("keyword", ["(a", "?", "❤️", "a" * 500])
def test_validate_keyword_literal_text_is_fine(keyword):
    assert matching.validate_keyword(keyword, MatchType.EXACT) is None


def test_validate_keyword_too_long_is_refused():
    assert matching.validate_keyword("a" * 501, MatchType.EXACT).code == "too_long"


def test_validate_rule_names_rule_and_keyword():
    problems = matching.validate_rule(KeywordRule(7, ("ok", "(a", " "), MatchType.REGEX))
    assert [(problem.rule_id, problem.keyword) for problem in problems] == [(7, "(a"), (7, " ")]


def test_validate_rule_without_keywords_is_refused():
    assert [problem.code for problem in matching.validate_rule(KeywordRule(1, ()))] == ["no_keywords"]
