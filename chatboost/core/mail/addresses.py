"""Mail addresses: one plain recipient, and our own domain."""

import re
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from chatboost.core.errors import ValidationFailed

MAX_LENGTH = 254

# What could make two recipients of one, or two header lines: also inside the quotes that an address may have.
_AMBIGUOUS = re.compile(r"[\s\x00-\x1f\x7f,;:<>()\[\]\"\\%!|]")
_DOT_ATOM = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def check_address(text: str) -> str:
    """Return the address of one person. Raises: ValidationFailed (`invalid_address`)."""
    if len(text) <= MAX_LENGTH and not _AMBIGUOUS.search(text):
        try:
            validate_email(text)
        except ValidationError:
            pass
        else:
            return text
    message = "Enter one valid e-mail address."
    raise ValidationFailed(message, code="invalid_address", errors={"to": [message]})


def sender() -> str:
    """Return the bare address of DEFAULT_FROM_EMAIL."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def own_domain() -> str:
    """Return the domain that our Message-IDs and our greeting carry."""
    host = urlsplit(settings.PUBLIC_BASE_URL).hostname or ""
    domains = (host, sender().partition("@")[2])
    return next((domain for domain in domains if _DOT_ATOM.fullmatch(domain)), "localhost")
