"""Which pages may open a socket with the console's cookie."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain


def is_own(origin: str, host: str) -> bool:
    """Tell whether a page of this origin belongs to the site that answers as `host`.

    As with CSRF: the same host and port, or a trusted origin. The host itself must be an allowed one, so a
    name that was rebound to this address is refused. A missing or opaque (`null`) origin is foreign.
    """
    parts = _split(origin)
    if parts is None:
        return False
    if _is_trusted(*parts, settings.CSRF_TRUSTED_ORIGINS):
        return True
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS) and parts[1] == host.lower()


def _split(origin: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return None
    return parts.scheme, parts.netloc


def _is_trusted(scheme: str, netloc: str, trusted: Iterable[str]) -> bool:
    for pattern in trusted:
        trusted_scheme, _, domain = pattern.lower().partition("://")
        if scheme == trusted_scheme and is_same_domain(netloc, domain.replace("*", "", 1)):
            return True
    return False
