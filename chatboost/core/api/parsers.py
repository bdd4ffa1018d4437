"""Reading bodies strictly: what PostgreSQL or a browser could not take back is refused at the door."""

import json
import math
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

MAX_DEPTH = 32


class StrictJSONParser(JSONParser):
    """JSON without NaN, Infinity, NUL or lone surrogates, at most 32 levels deep."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the body's value. Raises ParseError."""
        raw = stream.read()
        try:
            value = json.loads(
                raw.decode("utf-8-sig"), parse_constant=_refuse_constant, parse_float=_finite_number
            )
            _check(value, 0)
        except (ValueError, RecursionError) as error:
            raise ParseError(f"Malformed JSON: {error}", code="malformed_body") from error
        return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite_number(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # 1e400 is well-formed, and no database takes what Python makes of it
        raise ValueError(f"{text[:20]} is too large")
    return number


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("a string holds a NUL character")
        value.encode()
    elif isinstance(value, dict):
        for key, entry in value.items():
            _check(key, depth)
            _check(entry, depth + 1)
    elif isinstance(value, list):
        for entry in value:
            _check(entry, depth + 1)
