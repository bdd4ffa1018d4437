"""One link, many clicks at once, on real databases."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.models import Session
from django.db import OperationalError

from chatboost.core import clock
from chatboost.core.errors import DomainError
from chatboost.core.models import AuditEntry, Mail, OutboxEvent, RateCounter, WorkItem
from teams.models import (
    ApiKey,
    Invite,
    Membership,
    Organization,
    OrganizationLimit,
    User,
)
from teams.roles import Role
from teams.services import invites
from tests.core import racing

ADDRESS = "ada@example.com"
SECRET = "a long enough secret"
TABLES = [
    *(
        Organization,
        User,
        Membership,
        Invite,
        OrganizationLimit,
        ApiKey,
        EmailAddress,
        Session,
        SocialAccount,
    ),
    *(AuditEntry, Mail, OutboxEvent, RateCounter, WorkItem),
]

proof = pytest.mark.proof


@pytest.fixture(params=racing.DATABASES, autouse=True)
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[None]:
    if request.param == "postgresql":
        yield
        return
    with racing.sqlite_file(tmp_path, monkeypatch, django_db_blocker, TABLES):
        yield


def once(call: Callable[[], Any]) -> Any:
    """Run something on a connection of its own, as everything here must."""
    (answer,) = racing.in_threads([call])
    return answer


def seed(*, has_account: bool) -> int:
    organization = Organization.objects.create(name="Acme", slug="acme")
    if has_account:
        User.objects.create_user(ADDRESS, SECRET)
    Invite.objects.create(
        organization=organization,
        email=ADDRESS,
        role=Role.EDITOR,
        token_hash=invites.key_of("token"),
        expires_at=clock.now() + timedelta(days=1),
    )
    return int(organization.pk)


def word(call: Callable[[], Any]) -> str:
    """Return the code of a refusal, or that there was none; who had to wait too long comes again."""
    for _ in range(20):
        try:
            call()
        except DomainError as refusal:
            return refusal.code
        except OperationalError as error:
            if "timeout" not in str(error):
                raise
        else:
            return "joined"
    raise AssertionError("never had a turn")


def accept_as_new() -> str:
    return word(lambda: invites.accept_as_new(key=invites.key_of("token"), password=SECRET, name="Ada"))


def accept() -> str:
    user = User.objects.get(email=ADDRESS)
    return word(lambda: invites.accept(key=invites.key_of("token"), user=user))


def counts() -> tuple[int, int, int]:
    """Return how many users, members and accepted invites there are."""
    accepted = Invite.objects.exclude(accepted_at=None).count()
    return User.objects.count(), Membership.objects.count(), accepted


def race(call: Callable[[], str], times: int, *, has_account: bool) -> Counter[str]:
    once(lambda: seed(has_account=has_account))
    return Counter(racing.in_threads([call] * times, threads=min(times, 50)))


@pytest.mark.parametrize("times", [12, pytest.param(100, marks=proof)])
def test_new_person_who_accepts_many_times_at_once_joins_once(times: int) -> None:
    words = race(accept_as_new, times, has_account=False)

    assert once(counts) == (1, 1, 1)
    assert words == {"joined": 1, "invite_used": times - 1}


@pytest.mark.parametrize("times", [12, pytest.param(100, marks=proof)])
def test_known_person_who_accepts_many_times_at_once_joins_once(times: int) -> None:
    words = race(accept, times, has_account=True)

    assert once(counts) == (1, 1, 1)
    assert words == {"joined": 1, "invite_used": times - 1}


@pytest.mark.parametrize("times", [8, pytest.param(40, marks=proof)])
def test_accepting_and_revoking_at_once_has_one_outcome(times: int) -> None:
    once(lambda: seed(has_account=False))

    def revoke() -> str:
        return word(lambda: invites.revoke(invite=Invite.objects.get()))

    racing.in_threads([accept_as_new, revoke] * times, threads=min(2 * times, 50))

    users, members, accepted = once(counts)
    assert users == members == accepted
    revoked = once(lambda: Invite.objects.exclude(revoked_at=None).count())
    assert accepted + revoked == 1


@pytest.mark.parametrize("times", [8, pytest.param(40, marks=proof)])
def test_inviting_one_address_many_times_at_once_makes_one_invite(times: int) -> None:
    organization_id = once(lambda: Organization.objects.create(name="Acme", slug="acme").pk)

    def ask() -> str:
        organization = Organization.objects.get(pk=organization_id)
        return word(lambda: invites.create(organization=organization, email=ADDRESS, role=Role.VIEWER))

    words = Counter(racing.in_threads([ask] * times, threads=times))

    assert words == {"joined": 1, "already_invited": times - 1}
    assert once(lambda: (Invite.objects.count(), Mail.objects.count())) == (1, 1)
