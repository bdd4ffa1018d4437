"""Fields of this room's serializers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.utils import html

from chatboost.messaging import attribute_values, phones
from chatboost.messaging.services import channels


@extend_schema_field(
    {
        "type": ["string", "integer"],
        "format": "phone",
        "minLength": phones.MIN_DIGITS,
        "maxLength": phones.MAX_TEXT,
        "minimum": 10 ** (phones.MIN_DIGITS - 1),
        "maximum": 10**phones.MAX_DIGITS - 1,
    }
)
class PhoneField(serializers.CharField):
    """A phone number in any notation, as a text or its digits; stored and shown as `+` and 7 to 15 digits."""

    json_types = (str, int, float)

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", phones.MAX_TEXT)
        kwargs.setdefault("help_text", "Formatting is stripped; 7 to 15 digits.")
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the stored form. Raises ValidationError."""
        if isinstance(data, float):
            if not data.is_integer():
                self.fail("invalid")
            data = int(data)
        try:
            return phones.normalise(super().to_internal_value(data))
        except phones.PhoneError as problem:
            raise serializers.ValidationError(str(problem), code="invalid_phone") from problem


@extend_schema_field({"type": "string", "maxLength": 64, "pattern": "^[A-Za-z0-9._-]+$"})
class PhoneNumberIdField(serializers.CharField):
    """The vendor's id of a phone number."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            allow_blank=True,
            max_length=64,
            validators=[channels.validate_phone_number_id],
            **kwargs,
        )


@extend_schema_field({"type": "string", "maxLength": 2000, "pattern": "^[!-~]+$"})
class SecretField(serializers.CharField):
    """A credential: taken, never shown. Absent or null keeps what is stored, an empty text clears it.

    A form can't show what is stored, so one that leaves it empty keeps it.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            write_only=True,
            allow_null=True,
            allow_blank=True,
            validators=[channels.validate_secret],
            max_length=2000,
            help_text="Write-only. Absent or null keeps it, an empty text clears it.",
            **kwargs,
        )

    def get_value(self, dictionary: Any) -> Any:
        """Take an empty box of a form for none."""
        value = super().get_value(dictionary)
        return empty if value == "" and html.is_html_input(dictionary) else value


class AttributeKeyField(serializers.RegexField):
    """The name of an attribute."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(f"^{attribute_values.KEY_PATTERN}$", max_length=64, **kwargs)
