"""Values of attributes: coerced by type, found by their text."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatboost.messaging import attribute_values
from chatboost.messaging.attribute_values import AttributeValueError, coerce, search_terms, search_text
from chatboost.messaging.models import ValueType


@pytest.mark.parametrize(
    ("value", "value_type", "stored"),
    [
        ("English", "string", "English"),
        ("", "string", ""),
        (25, "string", "25"),
        (True, "string", "true"),
        ("25", "number", 25),
        (" -2.5 ", "number", -2.5),
        ("1e3", "number", 1000.0),
        (25, "number", 25),
        (2.5, "number", 2.5),
        ("true", "boolean", True),
        ("False", "boolean", False),
        ("yes", "boolean", True),
        (0, "boolean", False),
        (False, "boolean", False),
        ('{"theme": "dark", "notifications": true}', "json", {"theme": "dark", "notifications": True}),
        ("[1, 2]", "json", [1, 2]),
        ("null", "json", None),
        (None, "json", None),
        ({"a": [1]}, "json", {"a": [1]}),
        ("2030-12-31", "date", "2030-12-31"),
        ("2030-12-31T18:30:00+05:00", "date", "2030-12-31"),
        ("2030-12-31T18:30:00", "datetime", "2030-12-31T18:30:00Z"),
        ("2030-12-31T23:30:00-05:00", "datetime", "2031-01-01T04:30:00Z"),
        ("2030-12-31T18:30:00Z", "datetime", "2030-12-31T18:30:00Z"),
    ],
)
def test_coerce_of_fitting_value_is_typed(value: Any, value_type: str, stored: Any) -> None:
    result = coerce(value, value_type)

    assert result == stored
    assert type(result) is type(stored)


@pytest.mark.parametrize(
    ("value", "value_type"),
    [
        (None, "string"),
        ("a\x00b", "string"),
        ("\ud800", "string"),
        ("x" * 8191, "string"),
        ("twenty", "number"),
        ("", "number"),
        (True, "number"),
        ("NaN", "number"),
        (math.nan, "number"),
        (math.inf, "number"),
        ("1e999", "number"),
        ([1], "number"),
        ("9" * 65, "number"),
        ("perhaps", "boolean"),
        (2, "boolean"),
        (1.0, "boolean"),
        ([], "boolean"),
        ("{", "json"),
        ("hello", "json"),
        ("NaN", "json"),
        ("[1e999]", "json"),
        ('"\\u0000"', "json"),
        ("[" * 5000, "json"),
        ("[" * 40 + "]" * 40, "json"),
        ({"a": math.nan}, "json"),
        ({"a\x00": 1}, "json"),
        ({"a": {1, 2}}, "json"),
        ("31.12.2030", "date"),
        ("2030-13-01", "date"),
        ("20301231", "date"),
        (20301231, "date"),
        ("0001-01-01T00:00:00+14:00", "datetime"),
        ("soon", "datetime"),
        ("x", "colour"),
    ],
)
def test_coerce_of_unfitting_value_is_refused(value: Any, value_type: str) -> None:
    with pytest.raises(AttributeValueError):
        coerce(value, value_type)


def test_coerce_value_of_exactly_the_cap_is_taken() -> None:
    assert coerce("x" * (attribute_values.MAX_BYTES - 2), "string")


def test_types_are_those_of_the_model() -> None:
    for value_type in ValueType.values:
        with pytest.raises(AttributeValueError, match=r"^(?!There is no such type)"):
            coerce({1, 2}, value_type)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("English", "English"),
        (25, "25"),
        (25.0, "25"),
        (-0.0, "0"),
        (2.5, "2.5"),
        (True, "true"),
        (None, "null"),
        ({"b": 1, "a": "é"}, '{"a":"é","b":1}'),
        ("x" * 500, "x" * 200),
    ],
)
def test_search_text_is_short_and_canonical(value: Any, text: str) -> None:
    assert search_text(value) == text


def test_search_terms_read_the_text_as_each_type() -> None:
    assert search_terms("25.0") == {"string": "25.0", "number": "25", "json": "25"}


@pytest.mark.parametrize(
    ("text", "is_key"),
    [
        ("age", True),
        ("_a.b-c9", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("9a", False),
        ("", False),
        ("a b", False),
        ("a\n", False),
        ("ключ", False),
    ],
)
def test_key_has_a_narrow_alphabet(text: str, is_key: bool) -> None:
    assert attribute_values.is_key(text) is is_key


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(_json, st.sampled_from(ValueType.values))
def test_coerce_of_any_json_is_refused_or_stays_what_it_became(value: Any, value_type: str) -> None:
    try:
        stored = coerce(value, value_type)
    except AttributeValueError:
        return
    json.dumps(stored, allow_nan=False).encode()
    if value_type != "json":  # a text is parsed once, and may hold the text of another value
        assert coerce(stored, value_type) == stored


@given(_json, st.sampled_from(ValueType.values))
def test_search_finds_any_stored_value_by_its_own_text(value: Any, value_type: str) -> None:
    try:
        stored = coerce(value, value_type)
    except AttributeValueError:
        return
    text = json.dumps(stored) if value_type == "json" else search_text(stored)

    assert search_terms(text)[value_type] == search_text(stored)
