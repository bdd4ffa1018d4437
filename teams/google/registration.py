"""Our registration at Google for accounts that organizations connect."""

from collections.abc import Mapping

from django.conf import settings

from teams.models import Purpose
from teams.providers.google import GoogleOAuth, Registration

CALLBACK = "/oauth2callback"
# What we may do with an account, and nothing more: files that we made ourselves, and events.
SCOPES: Mapping[str, str] = {
    Purpose.DRIVE: "https://www.googleapis.com/auth/drive.file",
    Purpose.CALENDAR: "https://www.googleapis.com/auth/calendar.events",
}
# Who it is.
IDENTITY = ("openid", "email")


def is_offered() -> bool:
    """Tell whether people can connect their accounts here. Service accounts need no registration."""
    return bool(settings.GOOGLE_CLIENT_ID and settings.GOOGLE_CLIENT_SECRET and settings.PUBLIC_BASE_URL)


def redirect_uri() -> str:
    """Return where Google sends the browser back to: letter by letter what was registered there."""
    return f"{settings.PUBLIC_BASE_URL}{CALLBACK}"


def oauth() -> GoogleOAuth:
    """Return the adapter."""
    return GoogleOAuth(
        Registration(
            client_id=settings.GOOGLE_CLIENT_ID,
            client_secret=settings.GOOGLE_CLIENT_SECRET,
            authorize_url=settings.GOOGLE_AUTHORIZE_URL,
            token_url=settings.GOOGLE_TOKEN_URL,
            revoke_url=settings.GOOGLE_REVOKE_URL,
            deadline=settings.VENDOR_DEADLINE,
        )
    )
