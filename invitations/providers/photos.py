"""Fetching a contact's photo: the address is anybody's, so it is guarded, and problems have names."""

from django.conf import settings

from chatboost.core.http import downloads, urls
from chatboost.core.http.errors import Refused
from invitations.providers.base import PhotoProblem

MAX_ADDRESS = 2048


def fetch(address: str) -> bytes:
    """Return what lies at an https address; http is for hosts that the settings open. Once, no retry.

    Raises: PhotoProblem: those of `core.http.downloads`, and `no_address, not_an_address, data_url,
    https_required`.
    """
    url = address.strip()
    _require_address(url)
    found = downloads.fetch(
        url,
        deadline=settings.INVITATION_PHOTO_DEADLINE,
        max_bytes=settings.INVITATION_PHOTO_MAX_BYTES,
        allowed_private_hosts=settings.FETCH_ALLOWED_PRIVATE_HOSTS,
    )
    if isinstance(found, downloads.Failure):
        raise PhotoProblem(found.code, found.message, is_passing=found.is_passing, pause=found.pause)
    return found.content


def _require_address(url: str) -> None:
    if not url:
        raise PhotoProblem("no_address", "The contact has no photo.")
    if url[:5].lower() == "data:":
        raise PhotoProblem("data_url", "The photo is written into the field itself; give its https address.")
    if len(url) > MAX_ADDRESS or "://" not in url:
        raise PhotoProblem("not_an_address", "The field does not hold the https address of a photo.")
    try:
        target = urls.parse(url)
    except Refused as problem:
        raise PhotoProblem(problem.code, f"{problem.message[:1].upper()}{problem.message[1:]}.") from problem
    is_open = urls.Policy(frozenset(settings.FETCH_ALLOWED_PRIVATE_HOSTS)).is_exempt(target)
    if target.scheme != "https" and not is_open:
        raise PhotoProblem("https_required", "The photo’s address must begin with https.")
