"""Columns of a resource: fields of django-import-export that clean a whole column at once.

An empty cell leaves a value as it is (None), `--` clears it (CLEAR), anything else sets it.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from django.core.exceptions import ValidationError
from import_export import fields

from chatboost.core.errors import DomainError

CLEAR: Final = False
"""A cell that clears its value; JSON keeps it apart from a text and from null."""

CLEAR_TEXT: Final = "--"

Cleaned = tuple[list[Any], dict[int, str]]
"""The values of a column, and what is wrong with some of them, by place."""


class Cleaner(Protocol):
    """What cleans a column."""

    def clean_many(self, values: Sequence[str]) -> Cleaned:
        """Return the values, and the errors by place."""


class Column(fields.Field):
    """A column that is imported and exported; `aliases` are other headings it is known by."""

    def __init__(
        self,
        *,
        aliases: Sequence[str] = (),
        is_required: bool = False,
        is_imported: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(readonly=not is_imported, **kwargs)
        self.aliases = tuple(aliases)
        self.is_required = is_required

    def clean_many(self, values: Sequence[str]) -> Cleaned:
        """Clean the cells one by one with the field's widget."""
        cleaned: list[Any] = []
        errors: dict[int, str] = {}
        for place, value in enumerate(values):
            try:
                cleaned.append(self._clean_one(value))
            except (ValueError, ValidationError, DomainError) as error:
                errors[place] = message_of(error)
                cleaned.append(None)
        return cleaned, errors

    def _clean_one(self, value: str) -> Any:
        text = value.strip()
        if text == CLEAR_TEXT and not self.is_required:
            return CLEAR
        if not text:
            if self.is_required:
                raise ValueError("This is required.")
            return None
        return self.widget.clean(text)


class TextColumn(Column):
    """A text of limited length; most columns are clean as a whole, so only others are looked at by cell."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length = max_length

    def clean_many(self, values: Sequence[str]) -> Cleaned:
        """Strip the cells and require that they can be stored."""
        texts = [value.strip() for value in values]
        errors: dict[int, str] = {}
        if max(map(len, texts), default=0) > self.max_length:
            errors = {
                place: f"This is longer than {self.max_length} characters."
                for place, text in enumerate(texts)
                if len(text) > self.max_length
            }
        if not self.is_required:
            return with_clears(texts), errors
        if "" in texts:
            errors |= {place: "This is required." for place, text in enumerate(texts) if not text}
        return list(texts), errors


def with_clears(texts: Sequence[str]) -> list[Any]:
    """Say which cells leave a value and which clear it."""
    if CLEAR_TEXT in texts:
        return [CLEAR if text == CLEAR_TEXT else text or None for text in texts]
    return [text or None for text in texts] if "" in texts else list(texts)


def message_of(error: Exception) -> str:
    """Return an error's words for people."""
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    return str(error) or "This can't be read."
