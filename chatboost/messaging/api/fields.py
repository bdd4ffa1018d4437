"""Fields of this room's serializers."""

from typing import Any

from rest_framework import serializers

from chatboost.messaging import attribute_values, phones
from chatboost.messaging.services import channels


class PhoneField(serializers.CharField):
    """A phone number in any notation; stored and shown as `+` and 7 to 15 digits."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", phones.MAX_TEXT)
        kwargs.setdefault("help_text", "Formatting is stripped; 7 to 15 digits.")
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the stored form. Raises ValidationError."""
        try:
            return phones.normalise(super().to_internal_value(data))
        except phones.PhoneError as problem:
            raise serializers.ValidationError(str(problem), code="invalid_phone") from problem


class PhoneNumberIdField(serializers.CharField):
    """The vendor's id of a phone number."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False, allow_blank=True, validators=[channels.validate_phone_number_id], **kwargs
        )


class SecretField(serializers.CharField):
    """A credential: taken, never shown. Absent or null keeps what is stored, an empty text clears it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            write_only=True,
            allow_null=True,
            allow_blank=True,
            validators=[channels.validate_secret],
            help_text="Write-only. Absent or null keeps it, an empty text clears it.",
            **kwargs,
        )


class AttributeKeyField(serializers.RegexField):
    """The name of an attribute."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(f"^{attribute_values.KEY_PATTERN}$", max_length=64, **kwargs)
