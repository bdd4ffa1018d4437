"""Texts and keywords reduce to the same comparable form."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triggers.matching import text as text_forms

TROUBLEMAKERS = (
    "aAiIİıßẞςΣée\u0301\u0307\u0323\u0345 \t\n\u00a0\u200c\u200d\ufe0fيىیكکةۃهہۂ\u0654\u0653\u0640\u064b"
    "١۱１ﷺ\ufe71❤👍🏽\ud83d\ude00"
)
texts = st.text() | st.text(alphabet=TROUBLEMAKERS, max_size=12)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("  hello \t\n world  ", "hello world"),
        ("hello\u00a0\u2003world", "hello world"),
        ("a\x1fb", "a b"),
        ("ＡＢＣ　１２３", "ABC 123"),
        ("ﬁne", "fine"),
        ("cafe\u0301", "café"),
        ("\u0661\u0662\u0663 \u06f4\u06f5\u06f6", "123 456"),
        ("\u0643\u062a\u0627\u0628\u064a", "\u06a9\u062a\u0627\u0628\u06cc"),
        ("\u0639\u0644\u0649", "\u0639\u0644\u06cc"),
        ("\u0634\u06a9\u0631\u064a\u0647", "\u0634\u06a9\u0631\u06cc\u06c1"),
        ("\u0633\u0640\u0640\u0644\u0627\u0645", "\u0633\u0644\u0627\u0645"),
        ("\u0643\u0650\u062a\u064e\u0627\u0628\u064c", "\u06a9\u062a\u0627\u0628"),
        ("\ufeb3\ufefc\ufee1", "\u0633\u0644\u0627\u0645"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u062e\u0648\u0627\u06c1\u0645"),
        ("\u200fمنو\u200e", "منو"),
        ("\u0647\u0654", "\u06c2"),
        ("❤\ufe0f", "❤"),
        ("👨\u200d👩\u200d👧", "👨👩👧"),
        ("\ud83d\ude00", "😀"),
        ("a\ud83d", "a\ufffd"),
    ],
)
def test_plain_variant_spelling_becomes_the_common_one(written, meant):
    assert text_forms.plain(written) == meant


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cafe", "café"),
        ("Menu", "menu"),
        ("\u0627", "\u0622"),
        ("\u0627", "\u0623"),
        ("\u06be", "\u06c1"),
        ("\u06d2", "\u06cc"),
        ("👍", "👍🏽"),
    ],
)
def test_plain_different_letters_stay_apart(one, other):
    assert text_forms.plain(one) != text_forms.plain(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("STRASSE", "straße"),
        ("ΟΔΟΣ", "οδος"),
        ("ΟΔΟΣ", "οδός".replace("ό", "ο")),
        ("ПРИВЕТ", "привет"),
        ("ÇAĞRI", "çağrı"),
        ("ＭＥＮＵ", "menu"),
    ],
)
def test_folded_cases_become_one(one, other):
    assert text_forms.folded(one) == text_forms.folded(other)


@pytest.mark.parametrize("spelling", ["KAYIT", "kayıt", "KAYİT", "kayit", "kayi\u0307t"])
def test_folded_turkish_i_has_one_form(spelling):
    assert text_forms.folded(spelling) == "kayit"


@given(texts)
def test_plain_twice_equals_once(text):
    once = text_forms.plain(text)
    assert text_forms.plain(once) == once


@given(texts)
def test_folded_twice_equals_once(text):
    once = text_forms.folded(text)
    assert text_forms.folded(once) == once


@given(texts)
def test_folded_canonically_equivalent_texts_agree(text):
    decomposed = unicodedata.normalize("NFD", text)
    assert text_forms.folded(decomposed) == text_forms.folded(text)


@settings(max_examples=200)
@given(texts)
def test_folded_any_text_encodes(text):
    assert text_forms.folded(text).encode().decode() == text_forms.folded(text)


def test_plain_long_text_is_cut():
    assert text_forms.plain("a" * 5000) == "a" * text_forms.MAX_TEXT_LENGTH


def test_plain_text_that_expands_is_cut_again():
    assert len(text_forms.plain("\ufdfa" * 4096)) <= text_forms.MAX_TEXT_LENGTH


@pytest.mark.parametrize("pattern", ["（a）", "[a\uff0dz]"])
def test_fold_pattern_full_width_punctuation_stays_literal(pattern):
    assert text_forms.fold_pattern(pattern) == pattern


def test_fold_pattern_arabic_range_keeps_its_letters():
    assert text_forms.fold_pattern("[\u0622-\u064a]\u0661") == "[\u0622-\u06cc]1"
