"""One refresh token, many clients at once: a theft looks like this, so one wins and the session is over."""

from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from allauth.headless.tokens.strategies.jwt import internal
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session

from teams.errors import Unauthenticated
from teams.models import User
from teams.services import sessions
from tests.core import racing


@pytest.fixture(params=racing.DATABASES, autouse=True)
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[None]:
    if request.param == "postgresql":
        yield
        return
    with racing.sqlite_file(tmp_path, monkeypatch, django_db_blocker, [User, Session, UserSession]):
        yield


def seed() -> str:
    """Sign somebody in; returns their refresh token."""
    user = User.objects.create_user("ada@example.com", "a long enough secret")
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    token = internal.create_refresh_token(user, store)
    store.save()
    return str(token)


def refresh(token: str) -> str:
    try:
        return sessions.refresh(token).access
    except Unauthenticated as refusal:
        return refusal.code


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.proof)])
def test_many_refreshes_at_once_give_one_pair_that_is_dead_by_then(times: int) -> None:
    (token,) = racing.in_threads([seed])

    answers = racing.in_threads([lambda: refresh(token)] * times, threads=min(times, 50))

    words = Counter("pair" if answer.count(".") == 2 else answer for answer in answers)
    assert words == {"pair": 1, "invalid_refresh_token": times - 1}
    (access,) = [answer for answer in answers if answer.count(".") == 2]
    (validated,) = racing.in_threads([lambda: sessions.validate(access)])
    assert validated is None
