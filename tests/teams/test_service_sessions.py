"""Sessions and the tokens that stand for them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import transaction

from teams.errors import Unauthenticated
from teams.models import User
from teams.services import sessions
from tests import factories

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], dict[str, str]]


def key_of(pair: dict[str, str]) -> str:
    validated = sessions.validate(pair["access_token"])
    assert validated is not None
    key = sessions.key_of(validated[1])
    assert key is not None
    return key


def test_user_of_live_session_is_its_user(sign_in: SignIn) -> None:
    user = factories.user()

    assert sessions.user_of(key_of(sign_in(user))) == user


def test_user_of_ended_session_is_none(sign_in: SignIn) -> None:
    key = key_of(sign_in(factories.user()))

    sessions.end(key)
    sessions.end(key)

    assert sessions.user_of(key) is None


def test_access_token_does_not_carry_the_session_key(sign_in: SignIn) -> None:
    pair = sign_in(factories.user())

    assert key_of(pair) not in pair["access_token"]


def test_tokens_survive_a_flushed_cache(sign_in: SignIn) -> None:
    pair = sign_in(factories.user())

    cache.clear()

    assert sessions.validate(pair["access_token"]) is not None
    assert sessions.refresh(pair["refresh_token"]).access


def test_refresh_reuse_is_seen_though_the_cached_session_is_stale(sign_in: SignIn) -> None:
    pair = sign_in(factories.user())
    cached = {key: cache.get(key) for key in [f"django.contrib.sessions.cached_db{key_of(pair)}"]}
    sessions.refresh(pair["refresh_token"])
    cache.set_many(cached)

    with pytest.raises(Unauthenticated):
        sessions.refresh(pair["refresh_token"])

    assert not Session.objects.exists()


def test_refresh_whose_transaction_fails_leaves_the_token_good(sign_in: SignIn) -> None:
    pair = sign_in(factories.user())
    with pytest.raises(InterruptedError), transaction.atomic():
        sessions.refresh(pair["refresh_token"])
        raise InterruptedError

    again = sessions.refresh(pair["refresh_token"])

    assert sessions.validate(again.access) is not None


def test_refresh_leaves_no_old_copy_in_the_cache(
    sign_in: SignIn, django_capture_on_commit_callbacks: Any
) -> None:
    pair = sign_in(factories.user())
    key = key_of(pair)

    with django_capture_on_commit_callbacks(execute=True):
        sessions.refresh(pair["refresh_token"])

    assert cache.get(f"django.contrib.sessions.cached_db{key}") is None
    assert sessions.user_of(key) is not None


def test_session_that_the_cache_alone_still_knows_is_over(sign_in: SignIn) -> None:
    pair = sign_in(factories.user())
    key = key_of(pair)
    Session.objects.filter(pk=key).delete()

    assert cache.get(f"django.contrib.sessions.cached_db{key}") is not None
    assert sessions.user_of(key) is None
    assert sessions.validate(pair["access_token"]) is None
