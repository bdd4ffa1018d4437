"""Signed-in sessions, and the tokens that stand for them.

A token pair of allauth's JWT strategy names a Django session by an encrypted id, so ending the session ends
its tokens at once. This module is the only one that reaches into that strategy.
"""

from dataclasses import dataclass
from typing import Any

from allauth.core.internal.sessionkit import get_session_user
from allauth.headless import app_settings
from allauth.headless.internal.sessionkit import lookup_session
from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy, internal
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.backends.cached_db import KEY_PREFIX
from django.contrib.sessions.backends.db import SessionStore as StoredSession
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.db import transaction

from chatboost.core import audit, clock, live
from teams.errors import Unauthenticated
from teams.models import User

# Whom access tokens are for: a token of another service that shares our key by mistake is none of ours.
AUDIENCE = "chatboost"
# What the libraries raise for text that they do not foresee: brackets without end, letters of no base64.
UNREADABLE = (ValueError, RecursionError)


class TokenStrategy(JWTTokenStrategy):
    """Says in each access token whom it is for."""

    def get_claims(self, user: Any) -> dict[str, Any]:
        """Return what allauth does not write by itself."""
        return {"aud": AUDIENCE}


@dataclass(frozen=True, slots=True)
class Tokens:
    """A token pair. The access token is short-lived; the refresh token works once."""

    access: str
    refresh: str


def validate(access_token: str) -> tuple[User, dict[str, Any]] | None:
    """Return the active user and the claims of a live access token, or None."""
    try:
        validated: tuple[User, dict[str, Any]] | None = internal.validate_access_token(access_token)
    except UNREADABLE:
        return None
    if validated is None or validated[1].get("aud") != AUDIENCE:
        return None
    return validated if _is_open(key_of(validated[1])) else None


def key_of(claims: dict[str, Any]) -> str | None:
    """Return the session that the claims of a validated access token name."""
    key: str | None = internal.session_key_from_sid(claims["sid"])
    return key


def user_of(session_key: str) -> User | None:
    """Return the active user who is signed in with a session, or None once it has ended."""
    session = lookup_session(session_key)
    user = get_session_user(session) if session else None
    return user if isinstance(user, User) and _is_open(session_key) else None


def refresh(refresh_token: str) -> Tokens:
    """Exchange a refresh token for a new pair. A token that comes a second time ends the session.

    Raises: Unauthenticated (`invalid_refresh_token`).
    """
    try:
        claims = internal.decode_token(refresh_token, "refresh")
        key = internal.session_key_from_sid(claims["sid"]) if claims else None
    except UNREADABLE:
        claims, key = None, None
    tokens = _rotate(key, claims) if claims and key else None
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
    # Once more after the commit: before it, a request could bring what it still reads back into the cache.
    transaction.on_commit(lambda: type(session)().delete(session_key))
    if user is not None:
        announce(user.pk)


def is_known_address(email: str, ip: str) -> bool:
    """Tell whether the user with this e-mail is, or was lately, signed in from an IP address."""
    return UserSession.objects.filter(user__email=email, ip=ip).exists()


def end_of(user: User, session_id: int) -> bool:
    """End one of the user's own sessions, by its row's id; False when there is none."""
    session = UserSession.objects.filter(user=user, pk=session_id).first()
    if session is None:
        return False
    end_row(session, actor=user)
    return True


@transaction.atomic
def end_row(session: UserSession, *, actor: Any) -> None:
    """End a session by its row, which goes too when its session is gone already."""
    end(session.session_key)
    UserSession.objects.filter(pk=session.pk).delete()
    audit.record(
        actor=actor, verb="user.signed_out", object=session.user, changes={"from": (session.ip, None)}
    )


def end_all(user: User, *, actor: Any, besides: str | None = None) -> None:
    """End every session of the user with its tokens, but for the one whose key is given."""
    for session in UserSession.objects.filter(user=user).exclude(session_key=besides):
        end(session.session_key)
        UserSession.objects.filter(pk=session.pk).delete()
    audit.record(actor=actor, verb="user.signed_out_everywhere", object=user)
    announce(user.pk)


def _is_open(key: str | None) -> bool:
    # A session that ended while the cache was away may still be there when that is back.
    return Session.objects.filter(pk=key).exists()


def announce(user_id: int) -> None:
    """Make the user's open sockets ask again, within a second, whether they may stay."""
    live.changed(f"user:{user_id}")


@transaction.atomic
def _rotate(key: str, claims: dict[str, Any]) -> Tokens | None:
    # The row is the lock and the truth; the cached copy may lag behind a lost cache write.
    rows = Session.objects.select_for_update().filter(pk=key, expire_date__gt=clock.now())
    if rows.first() is None:
        return None
    session = StoredSession(key)
    if claims["jti"] not in internal.get_refresh_token_state(session):
        end(key)
        return None
    user = internal.validate_token_user(claims, session)
    if user is None:
        return None
    access = internal.create_access_token(user, session, app_settings.TOKEN_STRATEGY.get_claims(user))
    internal.invalidate_refresh_token(session, claims)
    tokens = Tokens(access, internal.create_refresh_token(user, session))
    session.save()
    # Not before the commit: should that fail, the cache would know a token that nobody was given.
    transaction.on_commit(lambda: caches[settings.SESSION_CACHE_ALIAS].delete(f"{KEY_PREFIX}{key}"))
    return tokens
