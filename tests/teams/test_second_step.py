"""An organization that asks for two-step sign-in shows nothing to members without it."""

import re
from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal import auth as totp
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from chatboost.core.models import AuditEntry
from teams.models import Organization, SecondStep, User
from teams.roles import Role
from teams.services import organizations
from tests import factories

pytestmark = pytest.mark.django_db

Bearer = Callable[[User], APIClient]
PAGES = ["/admin/", "/admin/teams/membership/", "/admin/messaging/bot/"]


def ask(organization: Organization, rule: SecondStep) -> None:
    organization.second_step = rule
    organization.save()


def set_up(user: User) -> None:
    totp.TOTP.activate(user, totp.generate_totp_secret())


@pytest.mark.parametrize(
    ("rule", "role", "is_let_in"),
    [
        (SecondStep.OPTIONAL, Role.OWNER, True),
        (SecondStep.ADMINS, Role.OWNER, False),
        (SecondStep.ADMINS, Role.ADMIN, False),
        (SecondStep.ADMINS, Role.EDITOR, True),
        (SecondStep.EVERYBODY, Role.VIEWER, False),
    ],
)
def test_rule_asks_the_roles_that_it_names(
    organization: Organization, bearer: Bearer, rule: SecondStep, role: Role, is_let_in: bool
) -> None:
    client = bearer(factories.member(organization, role))
    ask(organization, rule)

    answer = client.get("/bots")

    assert answer.status_code == (200 if is_let_in else 403)
    assert is_let_in or answer.json()["code"] == "second_step_required"


def test_superuser_is_asked_for_role_and_second_step_like_anybody(organization: Organization) -> None:
    root = User.objects.create_superuser("root@example.com", "correct horse battery")
    organizations.add_member(organization=organization, user=root, role=Role.VIEWER)

    may = [root.has_perm(each, organization) for each in ("messaging.view_bot", "messaging.change_bot")]
    ask(organization, SecondStep.EVERYBODY)
    later = User.objects.get(pk=root.pk)

    assert may == [True, False]
    assert not later.has_perm("messaging.view_bot", organization)


def test_superuser_may_nothing_where_they_are_no_member(organization: Organization) -> None:
    root = User.objects.create_superuser("root@example.com", "correct horse battery")

    assert not root.has_perm("messaging.view_bot", organization)


def test_member_who_owes_it_may_still_see_who_they_are_and_leave(
    organization: Organization, bearer: Bearer
) -> None:
    user = factories.member(organization, Role.VIEWER)
    client = bearer(user)
    ask(organization, SecondStep.EVERYBODY)

    statuses = [client.get("/auth/me").status_code, client.get("/notifications").status_code]
    left = client.delete(f"/team/organizations/{organization.pk}/members/{user.pk}")

    assert (statuses, left.status_code) == ([200, 403], 204)


def test_member_with_a_second_step_and_api_key_go_on(
    organization: Organization, browser_of: Callable[[User], Client], api: APIClient
) -> None:
    user = factories.member(organization, Role.OWNER)
    set_up(user)
    ask(organization, SecondStep.EVERYBODY)

    assert [browser_of(user).get(page).status_code for page in PAGES] == [200, 200, 200]
    assert api.get("/bots").status_code == 200


def test_console_shows_nothing_but_the_way_to_set_it_up(
    organization: Organization, browser_of: Callable[[User], Client]
) -> None:
    bot = factories.bot(organization, name="Canary")
    user = factories.member(organization, Role.OWNER)
    client = browser_of(user)
    ask(organization, SecondStep.ADMINS)

    for page in [*PAGES, f"/admin/messaging/bot/{bot.pk}/change/"]:
        answer = client.get(page)
        assert answer.status_code == 403
        assert "/accounts/2fa/totp/activate/" in answer.content.decode()
        assert "Canary" not in answer.content.decode()
        assert "cb-bell" not in answer.content.decode()
    assert client.post("/admin/messaging/bot/add/", {"name": "New"}).status_code == 403
    set_up(user)
    assert client.get("/admin/").status_code == 200


def test_staff_who_owe_it_anywhere_see_no_page_in_any_organization(
    organization: Organization, other_organization: Organization, browser_of: Callable[[User], Client]
) -> None:
    user = factories.user(is_staff=True)
    for each in (organization, other_organization):
        organizations.add_member(organization=each, user=user, role=Role.VIEWER)
    client = browser_of(user)
    client.post(reverse("choose_organization"), {"organization": organization.pk})
    ask(other_organization, SecondStep.EVERYBODY)

    answers = [client.get(page) for page in ("/admin/", "/admin/teams/user/", "/admin/messaging/bot/")]
    set_up(user)

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert "Globex asks you for two-step sign-in." in answers[0].content.decode()
    assert client.get("/admin/teams/user/").status_code == 200


def test_member_who_owes_it_elsewhere_goes_on_here(
    organization: Organization, other_organization: Organization, browser_of: Callable[[User], Client]
) -> None:
    user = factories.member(organization, Role.VIEWER)
    organizations.add_member(organization=other_organization, user=user, role=Role.VIEWER)
    client = browser_of(user)
    client.post(reverse("choose_organization"), {"organization": organization.pk})
    ask(other_organization, SecondStep.EVERYBODY)

    assert client.get("/admin/messaging/bot/").status_code == 200


def test_page_that_reads_along_is_told_in_json(
    organization: Organization, browser_of: Callable[[User], Client]
) -> None:
    client = browser_of(factories.member(organization, Role.OWNER))
    ask(organization, SecondStep.ADMINS)

    answer = client.get("/admin/", headers={"Accept": "application/json"})

    assert (answer.status_code, answer.json()) == (403, {"problem": "Acme asks you for two-step sign-in."})


def test_nobody_locks_themselves_out(organization: Organization, bearer: Bearer) -> None:
    owner = factories.member(organization, Role.OWNER)
    client, address = bearer(owner), f"/team/organizations/{organization.pk}"
    wanted = {"name": "Acme", "second_step": "admins"}

    refused = client.put(address, wanted, format="json")
    set_up(owner)
    taken = client.put(address, wanted, format="json")

    assert (refused.status_code, refused.json()["code"]) == (409, "second_step_missing")
    assert (taken.status_code, taken.json()["second_step"]) == (200, "admins")
    entry = AuditEntry.objects.get(verb="organization.changed")
    assert entry.changes["second_step"] == ["optional", "admins"]


def test_console_says_at_the_field_that_one_would_lock_oneself_out(
    organization: Organization, browser_of: Callable[[User], Client]
) -> None:
    client = browser_of(factories.member(organization, Role.OWNER))
    page = f"/admin/teams/organization/{organization.pk}/change/"

    entered = {"name": "Acme", "time_zone": "UTC", "language": "en", "second_step": "everybody"}
    answer = client.post(page, entered)

    assert "Set up your own two-step sign-in first." in answer.content.decode()
    organization.refresh_from_db()
    assert organization.second_step == SecondStep.OPTIONAL


def test_page_opened_before_the_rule_leaves_the_rule(
    organization: Organization, browser_of: Callable[[User], Client]
) -> None:
    owner = factories.member(organization, Role.OWNER)
    set_up(owner)
    client, page = browser_of(owner), f"/admin/teams/organization/{organization.pk}/change/"
    shown = client.get(page).content.decode()
    opened = dict(re.findall(r'name="(initial-\w+)" value="([^"]*)"', shown))
    ask(organization, SecondStep.EVERYBODY)

    entered = {"name": "Acme Corp", "time_zone": "UTC", "language": "en", "second_step": "optional"}
    client.post(page, opened | entered)

    assert set(opened) == {f"initial-{name}" for name in entered}
    organization.refresh_from_db()
    assert (organization.name, organization.second_step) == ("Acme Corp", SecondStep.EVERYBODY)


def test_change_by_a_stale_copy_leaves_the_rule(organization: Organization) -> None:
    stale = Organization.objects.get(pk=organization.pk)
    ask(organization, SecondStep.ADMINS)

    changed = organizations.update(organization=stale, name="Acme Corp")

    organization.refresh_from_db()
    assert (organization.name, organization.second_step) == ("Acme Corp", SecondStep.ADMINS)
    assert changed == organization
    entry = AuditEntry.objects.get(verb="organization.changed")
    assert entry.changes == {"name": ["Acme", "Acme Corp"]}


def test_unknown_rule_is_refused(organization: Organization, bearer: Bearer) -> None:
    client = bearer(factories.member(organization, Role.OWNER))

    answer = client.put(
        f"/team/organizations/{organization.pk}", {"name": "Acme", "second_step": "nobody"}, format="json"
    )

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["second_step"])


def test_rule_costs_one_query(organization: Organization, bearer: Bearer) -> None:
    owner = factories.member(organization, Role.OWNER)
    client = bearer(owner)
    set_up(owner)
    counts = []
    for rule in (SecondStep.OPTIONAL, SecondStep.EVERYBODY):
        ask(organization, rule)
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/bots").status_code == 200
        counts.append(len(captured))

    assert counts[1] == counts[0] + 1
