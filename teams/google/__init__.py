"""Sign-in with Google, and the way there."""

from urllib.parse import urlsplit

from csp.constants import SELF
from django.conf import settings
from django.http.response import HttpResponseBase


def is_offered() -> bool:
    """Tell whether this installation is registered at Google."""
    return bool(settings.GOOGLE_SIGN_IN_CLIENT_ID and settings.GOOGLE_SIGN_IN_CLIENT_SECRET)


def allow_form(response: HttpResponseBase) -> None:
    """Let a page's button lead to Google: browsers hold redirects of a form to the page's policy."""
    if is_offered():
        let_forms_lead_there(response)


def let_forms_lead_there(response: HttpResponseBase) -> None:
    """Let the forms of a page end at Google, whatever they are for."""
    parts = urlsplit(settings.GOOGLE_AUTHORIZE_URL)
    # Not an update: the console's pages have one of their own.
    response._csp_replace = {"form-action": [SELF, f"{parts.scheme}://{parts.netloc}"]}  # type: ignore[attr-defined]
