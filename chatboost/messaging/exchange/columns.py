"""Columns of contacts, cleaned some thousand cells at a time.

Most cells are plain already, which one expression over all of them tells; what is not goes the way of the
service, cell by cell.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from chatboost.core.exchange.columns import (
    CLEAR,
    CLEAR_TEXT,
    Cleaned,
    Column,
    TextColumn,
    message_of,
    with_clears,
)
from chatboost.messaging import attribute_values, phones
from chatboost.messaging.attribute_values import AttributeValueError
from chatboost.messaging.models import ValueType
from chatboost.messaging.phones import PhoneError

_FORMATTING: Final = str.maketrans(dict.fromkeys(" ().-/\t"))
_PHONE: Final = rf"\+?[0-9]{{{phones.MIN_DIGITS},{phones.MAX_DIGITS}}}\n"
_PLAIN_PHONES: Final = re.compile(f"(?:{_PHONE})*")
# A part of what EmailValidator takes, which is most of what people have.
_LABEL: Final = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = rf"[\w+%-]+(?:\.[\w+%-]+)*@(?:{_LABEL}\.)+[A-Za-z]{{2,63}}\n"
_PLAIN_EMAILS: Final = re.compile(f"(?:{_EMAIL}|\n)*", re.ASCII)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")
_PLAIN_TEXT: Final = 2000
"""Characters that surely fit into an attribute."""


class PhoneColumn(Column):
    """A phone number in any notation, as the service reads it."""

    def clean_many(self, values: Sequence[str]) -> Cleaned:
        """Return stored forms: a plus and digits."""
        if max(map(len, values), default=0) <= phones.MAX_TEXT:
            text = "\n".join([*values, ""]).translate(_FORMATTING)
            if _PLAIN_PHONES.fullmatch(text):
                numbers = text.split("\n")[:-1]
                if len(numbers) == len(values):
                    return [number if number[0] == "+" else f"+{number}" for number in numbers], {}
        return super().clean_many(values)

    def _clean_one(self, value: str) -> Any:
        if not value.strip():
            raise PhoneError("This is required.")
        return phones.normalise(value)


class EmailColumn(TextColumn):
    """An e-mail address."""

    def clean_many(self, values: Sequence[str]) -> Cleaned:
        """Check the addresses."""
        cleaned, errors = super().clean_many(values)
        text = "\n".join([*(value or "" for value in cleaned), ""])
        if _PLAIN_EMAILS.fullmatch(text):
            return cleaned, errors
        check = EmailValidator()
        for place, value in enumerate(cleaned):
            if value and place not in errors:
                try:
                    check(value)
                except ValidationError as error:
                    errors[place] = message_of(error)
        return cleaned, errors


class LanguageColumn(TextColumn):
    """A language tag."""

    def clean_many(self, values: Sequence[str]) -> Cleaned:
        """Check the tags; there are few different ones."""
        cleaned, errors = super().clean_many(values)
        wrong = {value for value in set(cleaned) if value and not _LANGUAGE.fullmatch(value)}
        if wrong:
            errors |= {
                place: "This is no language, such as en or pt-BR."
                for place, value in enumerate(cleaned)
                if value in wrong and place not in errors
            }
        return cleaned, errors


class AttributeCells:
    """The values of one attribute; each different text is read once."""

    def __init__(self, value_type: str) -> None:
        self._type = value_type

    def clean_many(self, values: Sequence[str]) -> Cleaned:
        """Read the cells by the attribute's type."""
        texts = [value.strip() for value in values]
        if self._type == ValueType.STRING and max(map(len, texts), default=0) <= _PLAIN_TEXT:
            return with_clears(texts), {}
        read: dict[str, Any] = {"": None, CLEAR_TEXT: CLEAR}
        wrong: dict[str, str] = {}
        for text in set(texts) - set(read):
            try:
                # In a box: false is a value here.
                read[text] = [attribute_values.coerce(text, self._type)]
            except AttributeValueError as problem:
                wrong[text] = str(problem)
        errors = {place: wrong[text] for place, text in enumerate(texts) if text in wrong} if wrong else {}
        return [read.get(text) for text in texts], errors
