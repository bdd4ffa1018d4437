"""Resolve `{{ dotted.path | filter }}` placeholders in text and JSON that operators wrote.

A whitelist resolver, not a template engine: a path is looked up in plain dicts and lists only, so no
attribute, call or operator is reachable, and a value is never read as a template again. Every pass over a
text is linear, and no result is larger than `MAX_OUTPUT_BYTES`.

Grammar: `{{ path }}` or `{{ path | filter | filter("argument") }}`. A path is names of letters, digits,
`_` and `-` joined by dots; a number picks from a list. Filters: `upper lower title trim default("x")
number number(2) date date("%d.%m.%Y")`. `}}` can't stand inside an argument. What doesn't fit the grammar
stays in the text as it was written; `lint` names it.
"""

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from chatboost.core import interpolation_paths
from chatboost.core.interpolation_filters import Filter, make_filter, to_text
from chatboost.core.interpolation_filters import InterpolationError as InterpolationError
from chatboost.core.interpolation_paths import MAX_EXPRESSION_LENGTH, Context, Read
from chatboost.core.interpolation_paths import Path as Path
from chatboost.core.interpolation_paths import parse_path as parse_path

Encode = Callable[[str], str]

MAX_OUTPUT_BYTES: Final = 64 * 1024
MAX_FILTER_COUNT: Final = 8
MAX_VALUE_DEPTH: Final = 32

# Longer texts are parsed anew each time, so that the cache stays within some 20 MB whatever is thrown at it.
_MAX_CACHED_LENGTH: Final = 4096
# A character takes at most four bytes: a text of this length needs no counting of bytes.
_SAFE_LENGTH: Final = MAX_OUTPUT_BYTES // 4


_ValueFill = Callable[[Context, list[str], list[int]], Any]

_FILTER = re.compile(r"""\|\s*([a-z]+)\s*(?:\(\s*(?:"([^"]*)"|'([^']*)'|(\d{1,3}))?\s*\))?\s*""")


class Rendered(NamedTuple):
    """A rendered text and the dotted paths that had no value, in order, each once."""

    text: str
    missing: tuple[str, ...]


class RenderedValue(NamedTuple):
    """A rendered JSON value and the dotted paths that had no value, in order, each once."""

    value: Any
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a template text; `offset` counts characters from its start.

    Codes: `unclosed, empty, bad_path, bad_syntax, unknown_filter, bad_argument, too_large`.
    """

    code: str
    message: str
    offset: int


@dataclass(frozen=True, slots=True)
class _Placeholder:
    """One parsed `{{ … }}`; `read` applies its filters too."""

    dotted: str
    read: Read


class _Fill(Protocol):
    def __call__(self, context: Context, missing: list[str], encode: Encode | None = None) -> str: ...


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text: reusable, shareable between threads.

    `paths` are the dotted paths it reads, in order, each once; `literal_length` counts the characters that no
    value can change, and `has_words` tells whether any of them is more than space. `fill(context, missing,
    encode)` is `render` for callers in a hurry: it returns the text and appends missing paths to their list.
    """

    source: str
    paths: tuple[str, ...] = field(compare=False)
    literal_length: int = field(compare=False)
    has_words: bool = field(compare=False)
    fill: _Fill = field(compare=False, repr=False)
    _sole: _Placeholder | None = field(compare=False, repr=False)

    def render(self, context: Context, *, encode: Encode | None = None) -> Rendered:
        """Fill in the values; a missing one becomes "" and is reported.

        `encode` is applied to each value's text, never to the text around it: `quote` in a URL, say.

        Raises: InterpolationError `output_too_large`.
        """
        missing: list[str] = []
        text = self.fill(context, missing, encode)
        return Rendered(text, tuple(dict.fromkeys(missing)))


@dataclass(frozen=True, slots=True)
class ValueTemplate:
    """A parsed JSON value whose strings may hold placeholders; dict keys are left as they are."""

    paths: tuple[str, ...]
    _fill: _ValueFill = field(compare=False, repr=False)

    def render(self, context: Context) -> RenderedValue:
        """Fill in the values, into new containers.

        A string that is exactly one placeholder becomes the typed value, or None when that is missing.

        Raises: InterpolationError `output_too_large`; all texts and inserted containers count together.
        """
        missing: list[str] = []
        value = self.fill(context, missing)
        return RenderedValue(value, tuple(dict.fromkeys(missing)))

    def fill(self, context: Context, missing: list[str]) -> Any:
        """Return the value and append missing paths to the caller's list.

        Raises: InterpolationError `output_too_large`.
        """
        return self._fill(context, missing, [MAX_OUTPUT_BYTES])


def compile(text: str) -> Template:
    """Parse a text once; texts of ordinary length are remembered.

    One longer than `MAX_OUTPUT_BYTES` is not even looked at: rendering it is refused.
    """
    if len(text) <= _MAX_CACHED_LENGTH:
        return _parse_cached(text)
    return _parse(text) if len(text) <= MAX_OUTPUT_BYTES else _template(text, [text], [])


def compile_value(value: Any) -> ValueTemplate:
    """Parse every string in a JSON value once.

    Raises: InterpolationError `too_deep` past 32 levels.
    """
    paths: dict[str, None] = {}
    fill = _value_fill(value, paths, MAX_VALUE_DEPTH)
    return ValueTemplate(tuple(paths), fill)


def render_value(value: Any, context: Context) -> RenderedValue:
    """Fill in the placeholders of a JSON value; see `ValueTemplate.render`."""
    return compile_value(value).render(context)


def lint(text: str) -> list[Problem]:
    """List what would stay literal although it looks like a placeholder, in order."""
    if len(text) > MAX_OUTPUT_BYTES:
        return [Problem("too_large", f"A text holds at most {MAX_OUTPUT_BYTES} bytes.", 0)]
    problems: list[Problem] = []
    end = 0
    for outer, opening, closing in _scan(text):
        if opening - outer >= 2:
            problems.append(_unclosed(outer))
        try:
            _parse_expression(text[opening + 2 : closing])
        except InterpolationError as error:
            problems.append(Problem(error.code, str(error), opening))
        end = closing + 2
    rest = text.find("{{", end)
    return [*problems, _unclosed(rest)] if rest >= 0 else problems


def _unclosed(offset: int) -> Problem:
    return Problem("unclosed", "This {{ has no }} of its own.", offset)


def _scan(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield offsets (first `{{`, innermost `{{`, `}}`) of what may be placeholders.

    Each search starts where the one before ended and the scan stops at the first `{{` without a `}}`, so
    a character is looked at three times at most.
    """
    position = 0
    while (outer := text.find("{{", position)) >= 0:
        closing = text.find("}}", outer + 2)
        if closing < 0:
            return
        yield outer, text.rfind("{{", outer, closing), closing
        position = closing + 2


def _parse(text: str) -> Template:
    literals: list[str] = []
    placeholders: list[_Placeholder] = []
    start = 0
    for _outer, opening, closing in _scan(text):
        try:
            placeholder = _parse_expression(text[opening + 2 : closing])
        except InterpolationError:
            continue
        literals.append(text[start:opening])
        placeholders.append(placeholder)
        start = closing + 2
    literals.append(text[start:])
    return _template(text, literals, placeholders)


_parse_cached = functools.lru_cache(maxsize=4096)(_parse)


def _template(text: str, literals: list[str], placeholders: list[_Placeholder]) -> Template:
    """Build the template of n placeholders and the n + 1 literals around them."""
    fill: _Fill
    if not placeholders:
        fill = _literal_fill(text)
    elif len(placeholders) == 1:
        fill = _single_fill(literals[0], placeholders[0], literals[1])
    else:
        fill = _general_fill(literals, placeholders)
    paths = tuple(dict.fromkeys(placeholder.dotted for placeholder in placeholders))
    literal_length = sum(map(len, literals))
    is_sole = len(placeholders) == 1 and literal_length == 0
    has_words = any(literal.strip() for literal in literals)
    return Template(text, paths, literal_length, has_words, fill, placeholders[0] if is_sole else None)


def _literal_fill(text: str) -> _Fill:
    def fill(context: Context, missing: list[str], encode: Encode | None = None) -> str:
        return text if len(text) <= _SAFE_LENGTH else _capped(text)

    return fill


def _single_fill(before: str, placeholder: _Placeholder, after: str) -> _Fill:
    """Fill one placeholder without building a list: most texts have one."""
    read, dotted = placeholder.read, placeholder.dotted

    def fill(context: Context, missing: list[str], encode: Encode | None = None) -> str:
        value = read(context)
        text = value if type(value) is str else to_text(value)
        if text is None:
            missing.append(dotted)
            text = ""
        elif encode is not None:
            text = encode(text)
        text = f"{before}{text}{after}"
        return text if len(text) <= _SAFE_LENGTH else _capped(text)

    return fill


def _general_fill(literals: list[str], placeholders: list[_Placeholder]) -> _Fill:
    pieces = [piece for literal in literals for piece in (literal, "")][:-1]
    slots = [(2 * number + 1, item.read, item.dotted) for number, item in enumerate(placeholders)]
    literal_length = sum(map(len, literals))

    def fill(context: Context, missing: list[str], encode: Encode | None = None) -> str:
        filled = pieces.copy()
        size = literal_length
        for index, read, dotted in slots:
            value = read(context)
            text = value if type(value) is str else to_text(value)
            if text is None:
                missing.append(dotted)
                continue
            if encode is not None:
                text = encode(text)
            size += len(text)
            if size > MAX_OUTPUT_BYTES:  # before the join, or many large values would fill the memory
                raise _too_large()
            filled[index] = text
        return _capped("".join(filled))

    return fill


def _parse_expression(expression: str) -> _Placeholder:
    """Parse what stands between the braces. Raises: InterpolationError with a code of `Problem`."""
    if len(expression) > MAX_EXPRESSION_LENGTH:
        raise InterpolationError(
            "too_large", f"A placeholder has {MAX_EXPRESSION_LENGTH} characters at most."
        )
    if not expression.strip():
        raise InterpolationError("empty", "Name a value between {{ and }}.")
    match = interpolation_paths.PATH.match(expression)
    if match is None:
        raise InterpolationError("bad_path", interpolation_paths.ADVICE)
    path = interpolation_paths.split(match[1])
    filters: list[Filter] = []
    position = match.end()
    while position < len(expression):
        match = _FILTER.match(expression, position)
        if match is None or len(filters) == MAX_FILTER_COUNT:
            raise InterpolationError("bad_syntax", "Only a path and filters may stand between {{ and }}.")
        name, double, single, number = match.groups()
        text = single if double is None else double
        filters.append(make_filter(name, int(number) if number else text))
        position = match.end()
    return _Placeholder(path.dotted, _filtered(path.read, filters) if filters else path.read)


def _filtered(read: Read, filters: list[Filter]) -> Read:
    def read_filtered(context: Context) -> Any:
        value = read(context)
        for apply in filters:
            value = apply(value)
        return value

    return read_filtered


def _too_large() -> InterpolationError:
    return InterpolationError("output_too_large", f"The result is larger than {MAX_OUTPUT_BYTES} bytes.")


def _byte_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _capped(text: str) -> str:
    if len(text) > _SAFE_LENGTH and _byte_length(text) > MAX_OUTPUT_BYTES:
        raise _too_large()
    return text


def _value_fill(value: Any, paths: dict[str, None], depth: int) -> _ValueFill:
    """Build the function that renders one JSON value; its third argument is a box with the bytes left."""
    if depth == 0:
        raise InterpolationError("too_deep", f"A value may nest {MAX_VALUE_DEPTH} levels at most.")
    if type(value) is dict:
        members = [(key, _value_fill(item, paths, depth - 1)) for key, item in value.items()]
        return lambda context, missing, left: {key: fill(context, missing, left) for key, fill in members}
    if type(value) is list:
        items = [_value_fill(item, paths, depth - 1) for item in value]
        return lambda context, missing, left: [fill(context, missing, left) for fill in items]
    if type(value) is not str:
        return lambda context, missing, left: value
    template = compile(value)
    paths.update(dict.fromkeys(template.paths))
    return _text_fill(template) if template._sole is None else _typed_fill(template._sole)


def _text_fill(template: Template) -> _ValueFill:
    def fill(context: Context, missing: list[str], left: list[int]) -> str:
        text = template.fill(context, missing)
        _spend(left, text)
        return text

    return fill


def _typed_fill(placeholder: _Placeholder) -> _ValueFill:
    def fill(context: Context, missing: list[str], left: list[int]) -> Any:
        value = placeholder.read(context)
        text = to_text(value)
        if text is None:
            missing.append(placeholder.dotted)
            return None
        _spend(left, text)
        return value if type(value) in _JSON_TYPES else text

    return fill


_JSON_TYPES: Final = frozenset({str, int, float, bool, dict, list})


def _spend(left: list[int], text: str) -> None:
    left[0] -= _byte_length(text)
    if left[0] < 0:
        raise _too_large()
