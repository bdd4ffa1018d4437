"""Many at once about one organization, on real databases: it keeps an owner, and its limits."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps

from chatboost.core.errors import DomainError
from teams import limits
from teams.models import ApiKey, Membership, Organization, User
from teams.roles import Role
from teams.services import api_keys, deactivation, members, organizations
from tests.core import racing


@pytest.fixture(params=racing.DATABASES, autouse=True)
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[None]:
    if request.param == "postgresql":
        yield
        return
    tables = [model for model in apps.get_models() if model._meta.managed and not model._meta.proxy]
    with racing.sqlite_file(tmp_path, monkeypatch, django_db_blocker, tables):
        yield


def once(job: Callable[[], Any]) -> Any:
    """Do something on a connection of its own."""
    return racing.in_threads([job])[0]


def outcome(job: Callable[[], Any]) -> str:
    """Return the code of a refusal, or nothing."""
    try:
        job()
    except DomainError as refusal:
        return refusal.code
    except Membership.DoesNotExist:  # gone before the test itself had found it
        return "not_found"
    return ""


def owned_by(count: int) -> Organization:
    """Make an organization with so many owners; no passwords, which take long."""

    def make() -> Organization:
        owners = [User(email=f"owner{number}@example.com") for number in range(count)]
        owners = User.objects.bulk_create(owners)
        organization = organizations.create(name="Acme", owner=owners[0])
        Membership.objects.bulk_create(
            Membership(organization=organization, user=owner, role=Role.OWNER) for owner in owners[1:]
        )
        return organization

    return once(make)


def owners_of(organization: Organization) -> list[User]:
    """Return the owners who can sign in."""
    seats = Membership.objects.filter(organization=organization, role=Role.OWNER, user__is_active=True)
    return once(lambda: [seat.user for seat in seats.select_related("user").order_by("id")])


def seat_of(user: User) -> Membership:
    return Membership.objects.get(user=user)


def act(kind: int, organization: Organization, actor: User, other: User) -> None:
    """Do one of the things that could cost an organization an owner."""
    match kind:
        case 0:
            members.remove(membership=seat_of(other), actor=actor)
        case 1:
            members.change_role(membership=seat_of(other), role=Role.VIEWER, actor=actor)
        case 2:
            members.leave(organization=organization, user=actor)
        case 3:
            members.transfer_ownership(organization=organization, user_id=other.pk, actor=actor)
        case 4:
            deactivation.deactivate(user=other)


def everybody_against_everybody(count: int, kinds: list[int]) -> tuple[Counter[str], list[User]]:
    """Let each owner do something about the next one, all at once."""
    organization = owned_by(count)
    owners = owners_of(organization)

    def job(number: int) -> str:
        kind = kinds[number % len(kinds)]
        other = owners[(number + 1) % count]
        return outcome(lambda: act(kind, organization, owners[number], other))

    outcomes = racing.in_threads([partial(job, number) for number in range(count)], threads=20)
    return Counter(outcomes), owners_of(organization)


def check_all_leave(count: int) -> None:
    outcomes, left = everybody_against_everybody(count, [2])

    assert outcomes == {"": count - 1, "last_owner": 1}
    assert len(left) == 1


def check_all_are_deactivated(count: int) -> None:
    outcomes, left = everybody_against_everybody(count, [4])

    assert outcomes == {"": count - 1, "last_owner": 1}
    assert len(left) == 1


def check_all_at_once(count: int) -> None:
    outcomes, left = everybody_against_everybody(count, [0, 1, 2, 3, 4])

    assert left
    # Who was removed or demoted first does nothing any more; nothing else may go wrong.
    assert outcomes.keys() <= {
        "",
        "permission_denied",
        "beyond_your_role",
        "not_found",
        "last_owner",
        "account_inactive",
    }
    assert outcomes[""]


def check_limit(threads: int, limit: int) -> None:
    organization = owned_by(1)
    once(lambda: limits.set_value(organization=organization, name="api_keys", value=limit, actor=None))

    outcomes = racing.in_threads(
        [lambda: outcome(lambda: api_keys.create(organization=organization, name="x"))] * threads, threads=20
    )

    assert Counter(outcomes) == {"": limit, "limit_reached": threads - limit}
    assert once(lambda: ApiKey.objects.filter(organization=organization).count()) == limit


def test_owners_who_all_leave_leave_one() -> None:
    check_all_leave(12)


def test_owners_who_are_all_deactivated_leave_one() -> None:
    check_all_are_deactivated(12)


def test_owners_who_all_turn_on_each_other_leave_one() -> None:
    check_all_at_once(15)


def test_limit_holds_for_many_at_once() -> None:
    check_limit(20, 7)


@pytest.mark.proof
def test_hundred_owners_who_all_leave_leave_one() -> None:
    check_all_leave(100)


@pytest.mark.proof
def test_hundred_owners_who_are_all_deactivated_leave_one() -> None:
    check_all_are_deactivated(100)


@pytest.mark.proof
@pytest.mark.parametrize("round_", range(3))
def test_hundred_owners_who_all_turn_on_each_other_leave_one(round_: int) -> None:
    check_all_at_once(100)


@pytest.mark.proof
def test_limit_holds_for_a_hundred_at_once() -> None:
    check_limit(100, 37)
