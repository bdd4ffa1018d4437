"""Sign-in with Google."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http.response import HttpResponseBase


def is_offered() -> bool:
    """Tell whether this installation is registered at Google."""
    return bool(settings.GOOGLE_SIGN_IN_CLIENT_ID and settings.GOOGLE_SIGN_IN_CLIENT_SECRET)


def allow_form(response: HttpResponseBase) -> None:
    """Let a page's button lead to Google: browsers hold redirects of a form to the page's policy."""
    if is_offered():
        parts = urlsplit(settings.GOOGLE_AUTHORIZE_URL)
        response._csp_update = {"form-action": [f"{parts.scheme}://{parts.netloc}"]}  # type: ignore[attr-defined]
