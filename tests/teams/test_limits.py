"""Limits of what an organization may have, and its figures."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from chatboost.core import clock
from chatboost.core.errors import Conflict, ValidationFailed
from chatboost.core.models import AuditEntry
from chatboost.messaging.services import bots
from flows.models import Flow
from teams import limits
from teams.models import Invite, Organization, User
from teams.roles import Role
from teams.services import api_keys, members, organizations
from tests import factories

pytestmark = pytest.mark.django_db

Bearer = Callable[[User], APIClient]


def limit(organization: Organization, name: str, value: int | None) -> None:
    limits.set_value(organization=organization, name=name, value=value, actor=None)


def invite(organization: Organization, email: str, **fields: Any) -> Invite:
    fields.setdefault("expires_at", clock.now() + timedelta(days=7))
    fields.setdefault("token_hash", f"{organization.pk}{email}")
    return Invite.objects.create(organization=organization, email=email, **fields)


def test_limits_are_those_of_the_rooms_with_their_defaults() -> None:
    assert {name: each.default for name, each in limits.registered().items()} == {
        "compression_images": 200_000,
        "compression_requests": 20,
        "invitation_batches": 50,
        "invitation_layouts": 100,
        "invitation_sources": 50,
        "layout_assets": 500,
        "members": 50,
        "api_keys": 50,
        "connected_accounts": 20,
        "bots": 50,
        "channels": 10,
        "flows": 250,
        "triggers": 250,
    }


def test_up_to_the_limit_and_no_further(organization: Organization) -> None:
    limit(organization, "api_keys", 2)
    for _ in range(2):
        api_keys.create(organization=organization, name="x")

    with pytest.raises(Conflict, match="may have 2 API keys, and has 2") as refusal:
        api_keys.create(organization=organization, name="x")

    assert refusal.value.code == "limit_reached"


def test_one_organization_uses_up_nothing_of_another(
    organization: Organization, other_organization: Organization
) -> None:
    limit(organization, "api_keys", 0)

    api_keys.create(organization=other_organization, name="x")
    with pytest.raises(Conflict):
        api_keys.create(organization=organization, name="x")


def test_no_limit_is_none(organization: Organization) -> None:
    limit(organization, "bots", 0)
    limit(organization, "bots", None)

    assert bots.create(organization=organization, name="Bot").pk


def test_reset_lets_the_default_count(organization: Organization) -> None:
    limit(organization, "bots", 0)
    limits.reset(organization=organization, name="bots", actor=None)

    assert limits.value_of(organization, "bots") == 50
    changes = list(
        AuditEntry.objects.filter(verb="limit.changed").order_by("id").values_list("changes", flat=True)
    )
    assert changes == [{"bots": [50, 0]}, {"bots": [0, 50]}]


def test_unknown_limit_is_refused(organization: Organization) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        limit(organization, "moons", 1)

    assert refusal.value.code == "unknown_limit"


def test_limit_is_declared_once() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        limits.declare("members", "members", 1, lambda organization: 0)


def test_revoked_and_expired_keys_count_no_more(organization: Organization) -> None:
    limit(organization, "api_keys", 2)
    gone, _ = api_keys.create(organization=organization, name="x")
    api_keys.create(organization=organization, name="x", expires_at=clock.now() + timedelta(hours=1))
    api_keys.revoke(gone)

    api_keys.create(organization=organization, name="x")
    with clock.frozen(clock.now() + timedelta(hours=2)):
        api_keys.create(organization=organization, name="x")
        with pytest.raises(Conflict):
            api_keys.create(organization=organization, name="x")


def test_pending_invites_count_as_members(organization: Organization) -> None:
    now = clock.now()
    limit(organization, "members", 3)
    invite(organization, "open@example.com")
    invite(organization, "late@example.com", expires_at=now)
    invite(organization, "back@example.com", revoked_at=now)
    invite(organization, "in@example.com", accepted_at=now)

    members.add(organization=organization, user=factories.user(), role=Role.VIEWER)
    with pytest.raises(Conflict, match="has 3"):
        members.add(organization=organization, user=factories.user(), role=Role.VIEWER)


def test_lowered_limit_takes_nothing_away(organization: Organization) -> None:
    for _ in range(3):
        factories.bot(organization)
    limit(organization, "bots", 1)

    with pytest.raises(Conflict, match="may have 1 bots, and has 3"):
        bots.create(organization=organization, name="Bot")


# Each room asks


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("bots", "/bots", {"name": "Bot"}),
        ("channels", "/channels", {"kind": "whatsapp_sandbox", "phone_number_id": "100"}),
        ("flows", "/bots/flows", {"name": "Flow"}),
        ("triggers", "/triggers", {"name": "T", "trigger_type": "keyword", "keywords": ["hi"]}),
        ("api_keys", "/team/api-keys", {"name": "CI"}),
    ],
)
def test_every_room_answers_409(
    organization: Organization, bearer: Bearer, name: str, path: str, body: dict[str, Any]
) -> None:
    bot = factories.bot(organization)
    flow = Flow.objects.create(organization=organization, bot=bot, name="F")
    more: dict[str, dict[str, Any]] = {
        "channels": {"bot": bot.pk},
        "flows": {"bot_id": bot.pk},
        "triggers": {"bot_id": bot.pk, "flow_id": flow.pk},
    }
    client = bearer(factories.member(organization, Role.OWNER))
    limit(organization, name, 0)

    answer = client.post(path, body | more.get(name, {}), format="json")

    assert (answer.status_code, answer.json().get("code")) == (409, "limit_reached"), answer.json()


def test_simulators_are_no_channels(organization: Organization) -> None:
    limit(organization, "channels", 0)

    bot = bots.create(organization=organization, name="Bot")

    assert bot.channels.count() == 1


# Figures


def test_statistics_for_a_viewer(
    organization: Organization, other_organization: Organization, bearer: Bearer
) -> None:
    viewer = factories.member(organization, Role.VIEWER)
    factories.member(other_organization, Role.ADMIN)
    invite(organization, "open@example.com")
    invite(other_organization, "open@example.com")
    api_keys.create(organization=organization, name="x")
    limit(organization, "flows", None)

    answer = bearer(viewer).get(f"/team/organizations/{organization.pk}/stats")

    body = answer.json()
    assert answer.status_code == 200
    assert (body["members"], body["pending_invites"]) == (2, 1)
    assert body["members_by_role"] == {"owner": 1, "admin": 0, "editor": 0, "agent": 0, "viewer": 1}
    found = {row["name"]: (row["used"], row["limit"]) for row in body["limits"]}
    assert found == {
        "compression_images": (0, 200_000),
        "compression_requests": (0, 20),
        "invitation_batches": (0, 50),
        "invitation_layouts": (0, 100),
        "invitation_sources": (0, 50),
        "layout_assets": (0, 500),
        "members": (3, 50),
        "api_keys": (1, 50),
        "connected_accounts": (0, 20),
        "bots": (0, 50),
        "channels": (0, 10),
        "flows": (0, None),
        "triggers": (0, 250),
    }


@pytest.mark.parametrize("slash", ["", "/"])
def test_statistics_of_a_foreign_organization_answer_404(
    organization: Organization, other_organization: Organization, bearer: Bearer, slash: str
) -> None:
    client = bearer(factories.member(organization))

    assert client.get(f"/team/organizations/{other_organization.pk}/stats{slash}").status_code == 404


def test_statistics_cost_the_same_queries_for_any_number(
    organization: Organization, api: APIClient, django_assert_num_queries: Callable[..., Any]
) -> None:
    api.get("/auth/me")
    for _ in range(4):
        factories.member(organization)
        factories.bot(organization)

    # Key; roles, invites; limits, members and invites, keys, accounts, bots, channels, flows, triggers,
    # images (2).
    with django_assert_num_queries(18):
        api.get(f"/team/organizations/{organization.pk}/stats")


def test_owner_of_a_new_organization_can_sign_in(db: None) -> None:
    gone = factories.user(is_active=False)

    with pytest.raises(Conflict) as refusal:
        organizations.create(name="Ghosts", owner=gone)

    assert refusal.value.code == "account_inactive"
