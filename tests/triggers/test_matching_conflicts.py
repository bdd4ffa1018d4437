"""Rules that claim the same exact keyword are found."""

import pytest

from triggers import matching
from triggers.matching import KeywordRule, MatchType


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (KeywordRule(2, ("Hi",)), KeywordRule(1, ("bye", " hi ")), [(1, 2)]),
        (KeywordRule(1, ("كتاب",)), KeywordRule(2, ("کتاب",)), [(1, 2)]),
        (KeywordRule(1, ("hi",), priority=1), KeywordRule(2, ("hi",), priority=2), []),
        (KeywordRule(1, ("hi",)), KeywordRule(2, ("hi",), MatchType.CONTAINS), []),
        (KeywordRule(1, ("hi",)), KeywordRule(2, ("bye",)), []),
        (KeywordRule(1, ("Hi",), case_sensitive=True), KeywordRule(2, ("hi",), case_sensitive=True), []),
        (
            KeywordRule(1, ("Hi",), case_sensitive=True),
            KeywordRule(2, ("Hi",), case_sensitive=True),
            [(1, 2)],
        ),
        (KeywordRule(1, ("Hi",), case_sensitive=True), KeywordRule(2, ("hi",)), [(1, 2)]),
        (KeywordRule(1, (" ",)), KeywordRule(2, ("",)), []),
        (KeywordRule(1, ("hi", "HI")), KeywordRule(2, ("bye",)), []),
    ],
)
def test_conflicts_two_rules(first, second, expected):
    assert matching.conflicts([first, second]) == expected


def test_conflicts_several_shared_keywords_report_each_pair_once():
    rules = [KeywordRule(id, ("hi", "hey")) for id in (3, 1, 2)]
    assert matching.conflicts(rules) == [(1, 2), (1, 3), (2, 3)]
