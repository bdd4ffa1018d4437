"""Model fields that several rooms use."""

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


@lru_cache(maxsize=8)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured(
            "FIELD_ENCRYPTION_KEYS is empty: a stored secret can't be read or written."
        )
    return MultiFernet([Fernet(key) for key in keys])


def _current_cipher() -> MultiFernet:
    return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS))


class DecryptionFailed(Exception):
    """A stored value can't be read with any of the configured keys."""


class EncryptedTextField(models.TextField[str, str]):
    """Text that is encrypted at rest. The first key of FIELD_ENCRYPTION_KEYS encrypts, all decrypt.

    An empty string is stored as it is, so "not set" can be asked of the database.

    Raises: DecryptionFailed when no key fits; the ciphertext is never handed out in its place.
    """

    def get_prep_value(self, value: Any) -> str | None:
        """Encrypt on the way to the database."""
        text: str | None = super().get_prep_value(value)
        if not text:
            return text
        return _current_cipher().encrypt(text.encode()).decode()

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        """Decrypt on the way back."""
        if not value:
            return value
        try:
            return _current_cipher().decrypt(value.encode()).decode()
        except InvalidToken as error:
            raise DecryptionFailed(f"{self.model.__name__}.{self.name} does not decrypt") from error

    def value_to_string(self, obj: models.Model) -> str:
        """Keep secrets out of serialized dumps."""
        return ""


def rotated(ciphertext: str) -> str:
    """Return the same secret encrypted with the first key."""
    return _current_cipher().rotate(ciphertext.encode()).decode()
