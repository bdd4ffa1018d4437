"""Fetching an image of a request: from where it may come, within what the settings allow."""

from collections.abc import Iterator

from django.conf import settings

from chatboost.core.http import downloads
from compression import demo_pictures


def fetch(url: str) -> downloads.Fetched | downloads.Failure:
    """Call for an image, once, with its redirects. Asks no database."""
    return downloads.fetch(
        url,
        deadline=settings.COMPRESSION_FETCH_DEADLINE,
        max_bytes=settings.COMPRESSION_FETCH_MAX_BYTES,
        allowed_private_hosts=frozenset(_private_hosts(url)),
    )


def _private_hosts(url: str) -> Iterator[str]:
    """Return the private hosts that this URL may lead to; the demo's own only to its pictures."""
    yield from settings.FETCH_ALLOWED_PRIVATE_HOSTS
    if demo_pictures.is_own(url):
        yield demo_pictures.own_host()
