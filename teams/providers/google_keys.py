"""The file that Google hands out for a service account, read with care.

It names the address where its tokens are made. A forged file could name somebody else's, so that address is
never called: it has to be the one that the installation knows.
"""

from collections.abc import Mapping
from typing import Any

from chatboost.core import strict_json
from chatboost.core.errors import ValidationFailed
from teams.providers.google import MAX_EMAIL, MAX_SUBJECT, ServiceKey

MAX_CHARACTERS = 20_000
FIELD = "service_account_key"
_MIN_KEY_BITS = 2048


def parse(text: str, *, token_url: str) -> ServiceKey:
    """Return what signs. Raises: ValidationFailed (`invalid_service_account_key`)."""
    key = _object(text)
    if key.get("type") != "service_account":
        raise _invalid("This is not the key of a service account: its type is another one.")
    if key.get("token_uri") != token_url:
        raise _invalid(f"The key’s token_uri is not {token_url}.")
    email, private_key = _word(key, "client_email", MAX_EMAIL), _word(key, "private_key", MAX_CHARACTERS)
    if "@" not in email:
        raise _invalid("The key’s client_email is no address.")
    _check_private_key(private_key)
    number = key.get("client_id")
    has_number = isinstance(number, str) and number.isascii() and number.isdigit()
    return ServiceKey(
        email=email,
        subject=str(number)[:MAX_SUBJECT] if has_number else email[:MAX_SUBJECT],
        key_id=_word(key, "private_key_id", 200),
        private_key=private_key,
    )


def _object(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_CHARACTERS:
        raise _invalid("The key is too long: it is the JSON file that Google hands out.")
    try:
        found = strict_json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _invalid("The key can’t be read: it is the JSON file that Google hands out.")
    return found


def _word(key: Mapping[str, Any], name: str, longest: int) -> str:
    value = key.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isascii():
        raise _invalid(f"The key has no {name}.")
    return value


def _check_private_key(pem: str) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _invalid("The key’s private_key can’t be read.") from None
    if not isinstance(found, RSAPrivateKey) or found.key_size < _MIN_KEY_BITS:
        raise _invalid("The key’s private_key is none that Google makes: RSA with 2048 bits or more.")


def _invalid(message: str) -> ValidationFailed:
    return ValidationFailed(message, code="invalid_service_account_key", errors={FIELD: [message]})
