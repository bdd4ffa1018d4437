"""One token to fetch, one state to use, and many who come for it at once."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from chatboost.core import clock
from chatboost.core.errors import DomainError
from teams.models import ConnectedAccount, Membership, OAuthState, Organization, User
from teams.roles import Role
from teams.services import consent, google_access
from teams.services.consent import Return, Visitor
from tests.core import racing
from tests.fakes.google import GoogleFake
from tests.teams.connected import account, point_at

TIMES = [10, pytest.param(100, marks=pytest.mark.proof)]


@pytest.fixture(params=racing.DATABASES, autouse=True)
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[None]:
    if request.param == "postgresql":
        yield
        return
    tables = [User, Organization, Membership, ConnectedAccount, OAuthState]
    with racing.sqlite_file(tmp_path, monkeypatch, django_db_blocker, tables):
        yield


@pytest.fixture
def google(settings: Any) -> Iterator[GoogleFake]:
    with GoogleFake() as fake:
        point_at(settings, fake)
        yield fake


def organization() -> tuple[Organization, User]:
    made = Organization.objects.create(name="Acme", slug="acme")
    user = User.objects.create_user("ada@example.com", "a long enough secret")
    Membership.objects.create(organization=made, user=user, role=Role.ADMIN)
    return made, user


@pytest.mark.parametrize("times", TIMES)
def test_many_workers_fetch_one_token(google: GoogleFake, times: int) -> None:
    def seed() -> int:
        return account(organization()[0], google, lifetime=timedelta(seconds=-1)).pk

    def fetch() -> str:
        with transaction.atomic():
            claimed = google_access.claim(pk)
        if claimed is None:
            return "somebody else does"
        tokens = claimed.call()
        with transaction.atomic():
            google_access.store(claimed, tokens)
        return "fetched"

    (pk,) = racing.in_threads([seed])
    answers = Counter(racing.in_threads([fetch] * times, threads=min(times, 50)))

    assert answers == {"fetched": 1, "somebody else does": times - 1}
    assert len(google.accounts.refreshed) == 1


@pytest.mark.parametrize("times", TIMES)
def test_many_uses_of_one_state_are_one(google: GoogleFake, times: int) -> None:
    def seed() -> tuple[Visitor, str]:
        made, user = organization()
        state = "s" * 43
        OAuthState.objects.create(
            organization=made,
            user=user,
            purpose="drive",
            state_hash=consent._digest(state),
            session_hash=consent._digest("session"),
            verifier="v" * 64,
            expires_at=clock.now() + timedelta(minutes=1),
        )
        return Visitor(user, made, "session"), state

    def use() -> str:
        try:
            consent._use(visitor, Return(state=state, code="4/x", error=""))
        except DomainError as refusal:
            return refusal.code
        return "used"

    ((visitor, state),) = racing.in_threads([seed])
    answers = Counter(racing.in_threads([use] * times, threads=min(times, 50)))

    assert answers == {"used": 1, "state_used": times - 1}
