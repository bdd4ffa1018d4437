"""Signed-in sessions, and the tokens that stand for them.

A token pair of allauth's JWT strategy names a Django session by an encrypted id, so ending the session ends
its tokens at once. This module is the only one that reaches into that strategy.
"""

from dataclasses import dataclass
from typing import Any

from allauth.core.internal.sessionkit import get_session_user
from allauth.headless import app_settings
from allauth.headless.internal.sessionkit import lookup_session
from allauth.headless.tokens.strategies.jwt import internal
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction

from chatboost.core import clock, live
from teams.errors import Unauthenticated
from teams.models import User

REFRESH_TOKENS_KEY = "headless_refresh_tokens"


@dataclass(frozen=True, slots=True)
class Tokens:
    """A token pair. The access token is short-lived; the refresh token works once."""

    access: str
    refresh: str


def validate(access_token: str) -> tuple[User, dict[str, Any]] | None:
    """Return the active user and the claims of a live access token, or None."""
    validated: tuple[User, dict[str, Any]] | None = internal.validate_access_token(access_token)
    return validated


def key_of(claims: dict[str, Any]) -> str | None:
    """Return the session that the claims of a validated access token name."""
    key: str | None = internal.session_key_from_sid(claims["sid"])
    return key


def user_of(session_key: str) -> User | None:
    """Return the active user who is signed in with a session, or None once it has ended."""
    session = lookup_session(session_key)
    user = get_session_user(session) if session else None
    return user if isinstance(user, User) else None


def refresh(refresh_token: str) -> Tokens:
    """Exchange a refresh token for a new pair. A token that comes a second time ends the session.

    Raises: Unauthenticated (`invalid_refresh_token`).
    """
    claims = internal.decode_token(refresh_token, "refresh")
    key = internal.session_key_from_sid(claims["sid"]) if claims else None
    tokens = _rotate(key, claims["jti"], refresh_token) if key else None
    if tokens is None:
        raise Unauthenticated("The refresh token is not valid.", code="invalid_refresh_token")
    return tokens


def end(session_key: str) -> None:
    """End a session with all of its tokens. Doing it twice changes nothing."""
    session = lookup_session(session_key)
    if session is None:
        return
    user = get_session_user(session)
    UserSession.objects.filter(session_key=session_key).delete()
    session.flush()
    if user is not None:
        announce(user.pk)


def announce(user_id: int) -> None:
    """Make the user's open sockets ask again, within a second, whether they may stay."""
    live.changed(f"user:{user_id}")


@transaction.atomic
def _rotate(key: str, jti: str, refresh_token: str) -> Tokens | None:
    # The row is the lock and the truth; the cached copy may lag behind a lost cache write.
    row = Session.objects.select_for_update().filter(pk=key, expire_date__gt=clock.now()).first()
    if row is None:
        return None
    if jti not in row.get_decoded().get(REFRESH_TOKENS_KEY, {}):
        end(key)
        return None
    pair = app_settings.TOKEN_STRATEGY.refresh_token(refresh_token)
    return Tokens(*pair) if pair else None
