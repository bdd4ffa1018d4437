"""The answer to a call: its head, then the whole of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from chatboost.core.http import errors


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of a final answer; keys are lower-case, a repeated field is joined with ", "."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response(Head):
    """A final answer, whatever its status; `body` is decompressed."""

    body: bytes

    @property
    def is_success(self) -> bool:
        """Tell whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> object:
        """Parse the body as strict JSON.

        Raises: BadBody when it is not JSON; NaN and Infinity are not.
        """
        try:
            parsed: object = json.loads(self.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise errors.BadBody(f"answer {self.status} is not JSON") from error
        return parsed


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
