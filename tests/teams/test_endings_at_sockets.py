"""What ends a membership or an account closes its sockets within a second, by the services themselves."""

import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.mfa.base.internal.flows import delete_and_cleanup
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from asgiref.sync import sync_to_async
from django.test import Client
from django.urls import reverse

from teams.models import Membership, Organization, SecondStep, User
from teams.roles import Role
from teams.services import addresses, deactivation, deletion, members, organizations, sessions
from tests import factories
from tests.teams.invited import ask
from tests.teams.socket_client import HOST, ORIGIN, SocketClient, expect_refusal, ready

pytestmark = pytest.mark.django_db(transaction=True)


Open = Callable[..., Awaitable[SocketClient]]


@pytest.fixture
def member(organization: Organization) -> User:
    return factories.member(organization, Role.AGENT)


def _remove(organization: Organization, user: User) -> None:
    members.remove(membership=Membership.objects.get(user=user))


def _leave(organization: Organization, user: User) -> None:
    members.leave(organization=organization, user=user)


def _deactivate(organization: Organization, user: User) -> None:
    deactivation.deactivate(user=user)


def _sign_out(organization: Organization, user: User) -> None:
    sessions.end_all(user, actor=None)


def _delete(organization: Organization, user: User) -> None:
    deletion.delete(organization=organization, slug="acme")


def _ask_for_second_step(organization: Organization, user: User) -> None:
    organizations.update(organization=organization, second_step=SecondStep.EVERYBODY)


@pytest.mark.parametrize(
    ("end", "code", "close"),
    [
        # Whoever belongs nowhere else is signed out as well; the reason is said.
        (_remove, "membership_ended", 4403),
        (_leave, "membership_ended", 4403),
        (_deactivate, "session_ended", 4401),
        (_sign_out, "session_ended", 4401),
        (_delete, "membership_ended", 4403),
        (_ask_for_second_step, "second_step_required", 4403),
    ],
)
async def test_socket_is_closed_within_a_second(
    real_layer: None,
    open_socket: Open,
    organization: Organization,
    member: User,
    sign_in: Callable[[User], dict[str, str]],
    end: Callable[[Organization, User], None],
    code: str,
    close: int,
) -> None:
    token = (await sync_to_async(sign_in)(member))["access_token"]
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)

    began = time.monotonic()
    await sync_to_async(end)(organization, member)
    await expect_refusal(socket, code, close)

    assert time.monotonic() - began < 1


def _by_the_person(user: User) -> None:
    request: Any = SimpleNamespace(user=user)
    delete_and_cleanup(request, Authenticator.objects.get(user=user))


def _by_staff(user: User) -> None:
    client = Client()
    client.force_login(factories.user(is_staff=True), factories.SIGN_IN)
    step = Authenticator.objects.get(user=user)
    client.post(reverse("admin:mfa_authenticator_delete", args=[step.pk]), {"post": "yes"})


@pytest.mark.parametrize("remove", [_by_the_person, _by_staff, addresses.reclaim])
async def test_socket_is_closed_when_the_second_step_is_gone(
    real_layer: None,
    open_socket: Open,
    organization: Organization,
    member: User,
    sign_in: Callable[[User], dict[str, str]],
    remove: Callable[[User], None],
) -> None:
    token = (await sync_to_async(sign_in)(member))["access_token"]
    await sync_to_async(lambda: totp.TOTP.activate(member, totp.generate_totp_secret()))()
    await sync_to_async(_ask_for_second_step)(organization, member)
    socket = await open_socket(f"bearer.{token}")
    await ready(socket)

    await sync_to_async(remove)(member)

    await expect_refusal(socket, "second_step_required", 4403)


def _from_the_console(client: Client) -> None:
    client.post("/accounts/logout/")


def _by_the_api(client: Client) -> None:
    client.post("/auth/logout")


def _to_make_way_for_somebody_invited(client: Client) -> None:
    token = ask(Organization.objects.get(slug="acme"))
    client.get(f"/accounts/invite/{token}/")
    client.post("/accounts/invite/", {"switch": "1"})


@pytest.mark.parametrize(
    "sign_out",
    [_from_the_console, _by_the_api, _to_make_way_for_somebody_invited],
    ids=lambda each: each.__name__,
)
async def test_socket_of_a_browser_is_closed_when_it_signs_out(
    real_layer: None,
    open_socket: Open,
    client: Client,
    member: User,
    sign_out: Callable[[Client], None],
) -> None:
    await sync_to_async(client.force_login)(member, factories.SIGN_IN)
    cookie = (b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())
    socket = await open_socket(headers=[HOST, ORIGIN, cookie])
    await ready(socket)

    await sync_to_async(sign_out)(client)

    # Well before every socket is asked again anyway.
    await expect_refusal(socket, "session_ended", 4401)


async def test_member_of_another_organization_too_is_closed_with_4403(
    real_layer: None,
    open_socket: Open,
    organization: Organization,
    other_organization: Organization,
    member: User,
    sign_in: Callable[[User], dict[str, str]],
) -> None:
    await sync_to_async(members.add)(organization=other_organization, user=member, role=Role.VIEWER)
    token = (await sync_to_async(sign_in)(member))["access_token"]
    socket = await open_socket(f"bearer.{token}", query="organization=acme")
    await ready(socket)

    await sync_to_async(_remove_from)(organization, member)

    await expect_refusal(socket, "membership_ended", 4403)


def _remove_from(organization: Organization, user: User) -> None:
    members.remove(membership=Membership.objects.get(user=user, organization=organization))
