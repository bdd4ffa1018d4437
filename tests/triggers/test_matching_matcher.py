"""Compiled rules answer as a loop over all rules would."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triggers import matching
from triggers.matching import KeywordRule, Match, MatchType
from triggers.matching import text as text_forms

PATTERNS = ("^a+b", "b$", r"\d{2}", "a.b", "(?-i:A)", "é|É", "[^ab]", "^$", "x?", r"^\S+ \S+$")
LETTERS = "abAB éÉßs1١يی❤\ufe0fıİ\t."
words = st.text(alphabet=LETTERS, max_size=5)


def rule(id, *keywords, match_type=MatchType.CONTAINS, case_sensitive=False, priority=0):
    return KeywordRule(id, keywords, match_type, case_sensitive, priority)


@st.composite
def rule_sets(draw):
    rules = []
    for id in range(1, draw(st.integers(0, 8)) + 1):
        match_type = draw(st.sampled_from(MatchType))
        keyword = st.sampled_from(PATTERNS) if match_type == MatchType.REGEX else words
        keywords = draw(st.lists(keyword, min_size=1, max_size=3))
        sensitive, priority = draw(st.booleans()), draw(st.integers(0, 2))
        rules.append(rule(id, *keywords, match_type=match_type, case_sensitive=sensitive, priority=priority))
    return draw(st.permutations(rules))


def matches_naively(rule, keyword, text):
    plain = text_forms.plain(text)
    if rule.match_type == MatchType.REGEX:
        pattern = text_forms.fold_pattern(keyword)
        return bool(plain and re.search(pattern, plain, 0 if rule.case_sensitive else re.I))
    form = text_forms.plain if rule.case_sensitive else text_forms.folded
    text, keyword = form(text), form(keyword)
    found = {
        MatchType.EXACT: text == keyword,
        MatchType.STARTS_WITH: text.startswith(keyword),
        MatchType.ENDS_WITH: text.endswith(keyword),
        MatchType.CONTAINS: keyword in text,
    }
    return bool(keyword and text) and found[rule.match_type]


def all_naively(rules, text):
    order = list(MatchType)
    found = []
    for rule in sorted(rules, key=lambda rule: (-rule.priority, order.index(rule.match_type), rule.id)):
        first = next((k for k in rule.keywords if matches_naively(rule, k, text)), None)
        if first is not None:
            found.append(Match(rule.id, first, rule.match_type))
    return tuple(found)


@settings(max_examples=200, deadline=None)
@given(rule_sets(), st.lists(words, max_size=3).map(" ".join))
def test_best_any_rules_equals_a_loop_over_them(rules, text):
    assert matching.compile(rules).best(text) == next(iter(all_naively(rules, text)), None)


@settings(max_examples=200, deadline=None)
@given(rule_sets(), st.lists(words, max_size=3).map(" ".join))
def test_all_any_rules_equals_a_loop_over_them(rules, text):
    assert matching.compile(rules).all(text) == all_naively(rules, text)


@pytest.mark.parametrize(
    ("match_type", "keyword", "text", "expected"),
    [
        ("exact", "hello", " Hello ", True),
        ("exact", "hello", "hello there", False),
        ("contains", "price", "what are your PRICES?", True),
        ("contains", "price", "what are your rates?", False),
        ("starts_with", "order", "Order 123", True),
        ("starts_with", "order", "my order", False),
        ("ends_with", "please", "a table, please", True),
        ("ends_with", "please", "please wait", False),
        ("regex", r"^order \d+$", "ORDER  ١٢٣", True),
        ("regex", r"^order \d+$", "order abc", False),
        ("exact", "سلام", "ســـلام", True),
        ("exact", "کتاب", "كِتاب", True),
        ("contains", "قیمت", "آپ کي قيمت؟", True),
        ("regex", "^(کتاب|قلم)$", "كتاب", True),
        ("regex", "❤️+", "❤❤", True),
        ("exact", "❤", "❤️", True),
        ("contains", "👍", "👍🏽", True),
        ("exact", "menu", "ＭＥＮＵ", True),
        ("exact", "kayıt", "KAYIT", True),
        ("exact", "kayıt", "KAYİT", True),
        ("regex", "kayıt", "KAYIT", False),
        ("contains", "a.b", "axb", False),
        ("contains", "(?:", "smile (?:", True),
        ("contains", "\x00", "a\x00b", True),
        ("exact", "hi", "hi\x1f", True),
        ("exact", "a b", "a\r\nb", True),
        ("ends_with", "b", "a b\t", True),
        ("ends_with", "b", "a b ", True),
        ("starts_with", "a", " a b", True),
        ("contains", "a b", "x a  b y", True),
        ("contains", "hi", "\ud83d hi", True),
    ],
)
def test_best_one_rule_fires_or_not(match_type, keyword, text, expected):
    matcher = matching.compile([KeywordRule(1, (keyword,), MatchType(match_type))])
    assert (matcher.best(text) is not None) is expected


@pytest.mark.parametrize("match_type", MatchType)
def test_best_case_sensitive_rule_needs_the_same_case(match_type):
    matcher = matching.compile([rule(1, "Hi", match_type=match_type, case_sensitive=True)])
    assert [matcher.best(text) is not None for text in ("Hi", "hi", "HI")] == [True, False, False]


def test_best_higher_priority_wins_over_specificity():
    rules = [rule(1, "hi", match_type=MatchType.EXACT, priority=1), rule(2, "h", priority=10)]
    assert matching.compile(rules).best("hi").rule_id == 2


def test_all_equal_priority_orders_by_specificity():
    types = [MatchType.REGEX, MatchType.CONTAINS, MatchType.ENDS_WITH, MatchType.STARTS_WITH, MatchType.EXACT]
    rules = [rule(id, "hi", match_type=match_type) for id, match_type in enumerate(types)]
    assert [match.match_type for match in matching.compile(rules).all("hi")] == types[::-1]


def test_all_equal_rules_order_by_id():
    matcher = matching.compile([rule(3, "a"), rule(1, "a"), rule(2, "a")])
    assert [match.rule_id for match in matcher.all("a")] == [1, 2, 3]


def test_all_two_keywords_match_names_the_first():
    assert matching.compile([rule(1, "b", "a")]).all("a b") == (Match(1, "b", MatchType.CONTAINS),)


@pytest.mark.parametrize("text", ["", "   ", "\u200f", "ـ"])
def test_best_text_without_content_fires_nothing(text):
    matcher = matching.compile([rule(1, ".*", "^$", match_type=MatchType.REGEX)])
    assert matcher.best(text) is None


def test_best_no_rules_fires_nothing():
    assert matching.compile([]).best("hi") is None


def test_best_text_beyond_the_limit_is_cut():
    matcher = matching.compile([rule(1, "end")])
    assert [matcher.best("a" * length + "end") is None for length in (4093, 4094)] == [False, True]


def test_compile_invalid_keyword_leaves_the_others_working():
    broken = rule(1, "(a", "ok", match_type=MatchType.REGEX)
    matcher = matching.compile([broken, rule(2, " ", "fine")])
    assert {problem.rule_id for problem in matcher.problems} == {1, 2}
    assert [match.keyword for match in matcher.all("ok fine")] == ["fine", "ok"]


def test_compile_patterns_too_large_for_one_set_all_work():
    patterns = [rule(id, rf"^{id:03d}.{{250}}x", match_type=MatchType.REGEX) for id in range(150)]
    matcher = matching.compile(patterns)
    found = [matcher.best(f"{id:03d}" + "é" * 250 + "x") for id in (0, 74, 75, 149)]
    assert [match and match.rule_id for match in found] == [0, 74, 75, 149]


def test_best_ten_thousand_rules_find_their_own_keyword():
    matcher = matching.compile([rule(id, f"<{id}>") for id in range(10_000)])
    assert [matcher.best(f"say <{id}> now").rule_id for id in (0, 4_999, 9_999)] == [0, 4_999, 9_999]


def test_best_from_many_threads_agrees():
    matcher = matching.compile([rule(id, f"word{id};") for id in range(500)])
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda id: matcher.best(f"a word{id}; b"), list(range(500)) * 4)
    assert [match.rule_id for match in found] == list(range(500)) * 4
