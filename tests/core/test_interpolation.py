"""The placeholder resolver: what it fills in, what it refuses to do, and what it costs."""

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatboost.core import interpolation
from chatboost.core.interpolation import MAX_OUTPUT_BYTES, InterpolationError

CONTEXT: dict[str, Any] = {
    "contact": {
        "first_name": "ada",
        "attribute": {"city": "Lahore", "age": 25, "vip": True, "tags": ["a", "b"], "none": None},
    },
    "state": {"total": 1234.5, "pi": 3.14159, "ok": 2.0, "when": "2026-03-09T17:05:00Z", "blank": ""},
}


def render(text: str, context: dict[str, Any] | None = None) -> str:
    return interpolation.compile(text).render(CONTEXT if context is None else context).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{contact.first_name}}", "ada"),
        ("Hi {{ contact.first_name }}!", "Hi ada!"),
        ("{{contact.first_name}} of {{contact.attribute.city}}", "ada of Lahore"),
        ("{{contact.attribute.tags.1}}", "b"),
        ("{{contact.attribute.age}}", "25"),
        ("{{contact.attribute.vip}}", "true"),
        ("{{state.total}} {{state.ok}}", "1234.5 2"),
        ("{{contact.attribute.tags}}", '["a","b"]'),
        ("{{{contact.first_name}}}", "{ada}"),
        ("{{ {{contact.first_name}}", "{{ ada"),
        ("}} {{contact.first_name}}", "}} ada"),
    ],
)
def test_render_known_paths_fills_in_values(text: str, expected: str) -> None:
    assert render(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{contact.first_name|upper}}", "ADA"),
        ("{{ contact.first_name | title }}", "Ada"),
        ("{{contact.attribute.city|lower}}", "lahore"),
        ("{{state.blank|default('friend')}}", "friend"),
        ('{{state.nobody | default("a|b") | upper}}', "A|B"),
        ("{{state.total|number}}", "1,234.5"),
        ("{{state.total|number(2)}}", "1,234.50"),
        ("{{state.pi|number(0)}}", "3"),
        ("{{contact.first_name|number(2)}}", "ada"),
        ("{{state.when|date}}", "2026-03-09"),
        ('{{state.when|date("%d.%m.%Y %H:%M 100%%")}}', "09.03.2026 17:05 100%"),
        ("{{contact.first_name|date}}", "ada"),
    ],
)
def test_filter_known_changes_value(text: str, expected: str) -> None:
    assert render(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("o'neil-ÉMILE", "O'neil-Émile"), ("it’s ALI", "It’s Ali"), ("علی", "علی")],
)
def test_filter_title_any_script_capitalises_words(name: str, expected: str) -> None:
    assert render("{{n|title}}", {"n": name}) == expected


@pytest.mark.parametrize("value", ["1e999999999", "NaN", "Infinity", "9" * 40, True, [1], "x"])
def test_filter_number_not_a_quantity_passes_unchanged(value: Any) -> None:
    assert render("{{n|number(2)}}", {"n": value}) == render("{{n}}", {"n": value})


def test_render_dates_and_decimals_writes_iso_and_digits() -> None:
    context = {"a": datetime(2026, 3, 9, tzinfo=UTC), "b": date(2026, 3, 9), "c": Decimal("1E+3")}
    assert render("{{a}} {{b}} {{c}}", context) == "2026-03-09T00:00:00+00:00 2026-03-09 1000"


def test_render_missing_values_reports_each_path_once_in_order() -> None:
    template = interpolation.compile("{{state.b}}{{contact.attribute.none}}{{state.b}}{{state.total}}")
    assert template.render(CONTEXT) == ("1234.5", ("state.b", "contact.attribute.none"))


def test_paths_of_template_lists_each_once() -> None:
    assert interpolation.compile("{{b.c}}{{a|upper}}{{b.c}}").paths == ("b.c", "a")


def test_render_encode_touches_values_only() -> None:
    template = interpolation.compile("/a b/{{v}}?q={{w}}")
    encoded = template.render({"v": "x/../&", "w": "é="}, encode=lambda text: quote(text, safe=""))
    assert encoded.text == "/a b/x%2F..%2F%26?q=%C3%A9%3D"


HOSTILE = [
    "{{contact.__class__}}",
    "{{contact.__class__.__mro__}}",
    "{{__import__}}",
    "{{self}}",
    "{{settings.SECRET_KEY}}",
    "{{contact.first_name.__len__}}",
    "{{contact.first_name.upper}}",
    "{{contact.attribute.tags.-1}}",
    "{{contact.attribute.tags.append}}",
    "{{contact.attribute.tags.9}}",
    "{{contact.attribute.tags.99999999999999999999}}",
    "{{contact.attribute.tags.¹}}",
    "{{contact.items}}",
    "{{contact.keys}}",
    "{{contact.get}}",
    "{{0}}",
    "{{request.user.password}}",
    "{{config}}",
    "{{cycler.__init__.__globals__.os}}",
    "{{joiner}}",
    "{{lipsum.__globals__}}",
    "{{namespace}}",
    "{{forloop.counter}}",
    "{{block.super}}",
    "{{constructor.constructor}}",
    "{{__proto__}}",
    "{{contact.attribute.vip.real}}",
    "{{state.total.hex}}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_render_path_to_code_renders_nothing(text: str) -> None:
    rendered = interpolation.compile(text).render(CONTEXT)
    assert (rendered.text, len(rendered.missing)) == ("", 1)


LITERAL = [
    "{% load static %}",
    "{% include '/etc/hosts' %}",
    "{# comment #}",
    "{0.__init__}",
    "{contact}",
    "{contact.first_name}",
    "%(contact)s",
    "${contact.first_name}",
    "#{7*7}",
    "<%= 7*7 %>",
    "${{7*7}",
    "{{7*7}}",
    "{{ 7 * 7 }}",
    "{{contact.first_name()}}",
    "{{contact['first_name']}}",
    '{{contact["first_name"]}}',
    "{{contact.first_name.upper()}}",
    "{{''.__class__}}",
    "{{[].append}}",
    "{{().__class__}}",
    "{{contact.first_name if 1 else 2}}",
    "{{contact.first_name + state.total}}",
    "{{contact.first_name;import os}}",
    "{{contact..first_name}}",
    "{{.contact}}",
    "{{contact.}}",
    "{{contact first_name}}",
    "{{contact.first_name|}}",
    "{{contact.first_name||upper}}",
    "{{contact.first_name|safe}}",
    "{{contact.first_name|attr('__class__')}}",
    "{{contact.first_name|upper('x')}}",
    "{{contact.first_name|default}}",
    "{{contact.first_name|default(x)}}",
    "{{contact.first_name|default('x)}}",
    "{{contact.first_name|number(99)}}",
    "{{contact.first_name|number('2')}}",
    "{{contact.first_name|date(5)}}",
    "{{contact.first_name|date('%s')}}",
    "{{contact.first_name|date('%-d')}}",
    "{{contact.first_name|date('%99999999d')}}",
    "{{contact.first_name|date('%')}}",
    "{{contact.first_name|map('x')}}",
    "{{contact.first_name!r}}",
    "{{contact.first_name:>1000000}}",
    "{{}}",
    "{{   }}",
    "{{|upper}}",
    "{{#if contact}}",
    "{{/if}}",
    "{{>partial}}",
    "{{&contact}}",
    "{{^contact}}",
    "{{=<% %>=}}",
    "{{\x00}}",
    "{{contact\u200b.first_name}}",
    "{{" + "a" * 600 + "}}",
    "{{a" + "|upper" * 9 + "}}",
    "{{ unclosed",
    "{ {contact.first_name}}",
    "{{contact.first_name} }",
]


@pytest.mark.parametrize("text", LITERAL)
def test_render_outside_the_grammar_stays_literal(text: str) -> None:
    assert interpolation.compile(text).render(CONTEXT) == (text, ())


def test_hostile_corpus_holds_at_least_eighty_texts() -> None:
    assert len({*HOSTILE, *LITERAL}) >= 80


@pytest.mark.parametrize("value", ["{{contact.first_name}}", "{{v}}", "{%x%}", "{0}", "}}{{v", "{{"])
def test_render_value_with_braces_is_not_read_again(value: str) -> None:
    assert render("a{{v}}b{{v}}", {"v": value, "contact": {"first_name": "x"}}) == f"a{value}b{value}"


class Trap(dict[str, Any]):
    """A dict that would run code when looked into."""

    def get(self, key: str, default: Any = None) -> Any:
        raise AssertionError("looked up")

    def __getitem__(self, key: str) -> Any:
        raise AssertionError("looked up")

    def __str__(self) -> str:
        raise AssertionError("written")

    __repr__ = __str__


@pytest.mark.parametrize(
    "value",
    [Trap(a=1), object(), lambda: 1, b"bytes", {1, 2}, 10**5000],
    ids=["dict", "object", "call", "bytes", "set", "huge"],
)
@pytest.mark.parametrize(
    "text", ["{{v}}", "{{v.a}}", "{{v.a.b}}", "{{v.a.b.c}}", "{{v|upper}}", "-{{v}}{{v}}"]
)
def test_render_foreign_object_is_never_asked(text: str, value: Any) -> None:
    assert render(text, {"v": value}).strip("-") == ""


def test_render_container_that_cannot_be_json_is_missing() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert interpolation.compile("{{v}}").render({"v": loop}) == ("", ("v",))


def test_render_result_over_the_cap_is_refused() -> None:
    with pytest.raises(InterpolationError) as refusal:
        render("{{v}}{{v}}", {"v": "x" * (MAX_OUTPUT_BYTES // 2 + 1)})
    assert refusal.value.code == "output_too_large"


@pytest.mark.parametrize("character", ["x", "é", "ی", "😀", "\ud800"])
@pytest.mark.parametrize("text", ["{{v}}", "{{v}}{{w}}"])
def test_render_cap_counts_bytes(text: str, character: str) -> None:
    fitting = MAX_OUTPUT_BYTES // len(character.encode("utf-8", "surrogatepass"))
    assert len(render(text, {"v": character * fitting})) == fitting
    with pytest.raises(InterpolationError):
        render(text, {"v": character * (fitting + 1)})


def test_render_many_large_values_stops_before_they_add_up() -> None:
    encoded: list[int] = []

    def count(text: str) -> str:
        encoded.append(len(text))
        return text

    template = interpolation.compile("{{v}}" * 5000)
    with pytest.raises(InterpolationError):
        template.render({"v": "x" * 50_000}, encode=count)
    assert len(encoded) == 2


class CountingText(str):
    """A text that counts how many characters its searches walked over and its slices copied."""

    __slots__ = ("walked",)

    def find(self, sub: str, start: int = 0, end: int = sys.maxsize) -> int:  # type: ignore[override]
        found = super().find(sub, start, end)
        self.walked += (found if found >= 0 else min(end, len(self))) - start + len(sub)
        return found

    def rfind(self, sub: str, start: int = 0, end: int = sys.maxsize) -> int:  # type: ignore[override]
        found = super().rfind(sub, start, end)
        self.walked += min(end, len(self)) - (found if found >= 0 else start) + len(sub)
        return found

    def __getitem__(self, key: Any) -> str:
        part = super().__getitem__(key)
        self.walked += len(part)
        return part


@pytest.mark.parametrize(
    "text",
    [
        "{" * 65_000,
        "}" * 65_000,
        "{{" + "}" * 65_000,
        "{{ " * 20_000,
        "{{ " * 20_000 + "}}",
        "{{a}}" * 13_000,
        "{{}}" * 16_000,
        "{{a{{" * 9_000 + "}}" * 9_000,
        "{{a|" * 16_000 + "}}",
        "{{" + "a." * 32_000 + "}}",
        "{{" + " " * 65_000 + "}}",
    ],
    ids=lambda text: text[:8],
)
def test_compile_and_lint_thousands_of_braces_walk_each_character_a_few_times(text: str) -> None:
    counted = CountingText(text)
    counted.walked = 0
    interpolation.compile(counted)
    interpolation.lint(counted)
    assert len(text) <= counted.walked <= 10 * len(text)


@pytest.mark.parametrize("text", ["{" * 1_000_000, "{{" * 500_000 + "}}" * 500_000, "{{a}}" * 200_000])
def test_compile_a_million_braces_is_refused_unread(text: str) -> None:
    counted = CountingText(text)
    counted.walked = 0
    assert [found.code for found in interpolation.lint(counted)] == ["too_large"]
    with pytest.raises(InterpolationError):
        interpolation.compile(counted).render({})
    assert counted.walked == 0


def test_lint_clean_text_finds_nothing() -> None:
    assert interpolation.lint('Hi {{contact.first_name|default("you")|title}} { } }} {') == []


@pytest.mark.parametrize(
    ("text", "code", "offset"),
    [
        ("ab {{contact.first_name", "unclosed", 3),
        ("{{ {{a}}", "unclosed", 0),
        ("{{}}", "empty", 0),
        ("x{{()}}", "bad_path", 1),
        ("{{a b}}", "bad_syntax", 0),
        ("{{a|shout}}", "unknown_filter", 0),
        ("{{a|upper(1)}}", "bad_argument", 0),
        ("{{" + "a" * 600 + "}}", "too_large", 0),
        ("x" * (MAX_OUTPUT_BYTES + 1), "too_large", 0),
    ],
)
def test_lint_mistake_names_code_and_place(text: str, code: str, offset: int) -> None:
    assert [(found.code, found.offset) for found in interpolation.lint(text)] == [(code, offset)]


def test_render_value_sole_placeholder_keeps_type() -> None:
    value = {
        "age": "{{contact.attribute.age}}",
        "tags": ["{{contact.attribute.tags}}", "#{{contact.attribute.age}}"],
        "gone": "{{state.gone}}",
        "{{contact.first_name}}": 1,
    }
    assert interpolation.render_value(value, CONTEXT) == (
        {"age": 25, "tags": [["a", "b"], "#25"], "gone": None, "{{contact.first_name}}": 1},
        ("state.gone",),
    )


def test_render_value_returns_new_containers() -> None:
    value = {"a": [{"b": "c"}]}
    rendered = interpolation.render_value(value, {}).value
    assert rendered == value
    assert rendered["a"][0] is not value["a"][0]


def test_render_value_texts_and_containers_share_the_cap() -> None:
    with pytest.raises(InterpolationError):
        interpolation.render_value(["{{v}}"] * 10, {"v": ["x" * 10_000]})


def test_compile_value_nested_too_deep_is_refused() -> None:
    value: Any = "x"
    for _ in range(40):
        value = [value]
    with pytest.raises(InterpolationError) as refusal:
        interpolation.compile_value(value)
    assert refusal.value.code == "too_deep"


@pytest.mark.parametrize("dotted", ["", "a.", "a..b", "a b", "a()", "{{a}}", "a" * 600])
def test_parse_path_malformed_is_refused(dotted: str) -> None:
    with pytest.raises(InterpolationError) as refusal:
        interpolation.parse_path(dotted)
    assert refusal.value.code == "bad_path"


def test_parse_path_deep_reads_through_dicts_and_lists() -> None:
    assert interpolation.parse_path("a.0.b.c.1").read({"a": [{"b": {"c": [1, 2]}}]}) == 2


PIECES = st.lists(
    st.sampled_from(
        ["{", "}", "{{", "}}", "a", ".", "|", "upper", "(", ")", '"x"', " ", "é", "default", "7"]
    ),
    max_size=40,
).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.sampled_from("a7x"), child, max_size=3),
    max_leaves=10,
)


@given(text=PIECES, value=JSON)
def test_render_any_text_never_raises(text: str, value: Any) -> None:
    assert isinstance(interpolation.compile(text).render({"a": value}).text, str)


@given(text=PIECES, value=st.text(max_size=30))
def test_render_placeholder_after_any_text_is_filled_in_as_it_is(text: str, value: str) -> None:
    assert render(f"{text}\n{{{{v}}}}", {"v": value}).endswith(f"\n{value}")


@given(value=JSON)
def test_render_value_without_placeholders_is_identity(value: Any) -> None:
    if "nan" not in repr(value):
        assert interpolation.render_value(value, {}).value == value
