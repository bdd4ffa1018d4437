"""The console's pages of this room."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from teams.models import ApiKey, Membership, Organization, User
from teams.roles import Role
from teams.services import api_keys
from tests import factories

pytestmark = pytest.mark.django_db


NEW_KEY = {"name": "Shop backend", "role": "viewer", "scopes": [], "expires_at_0": "", "expires_at_1": ""}


@pytest.fixture
def browser(organization: Organization, browser_of: Callable[[User], Client]) -> Client:
    return browser_of(factories.member(organization, Role.ADMIN))


def url(model: str, page: str, *args: object) -> str:
    return reverse(f"admin:teams_{model}_{page}", args=args)


def test_new_key_is_shown_once_and_works(organization: Organization, browser: Client) -> None:
    page = browser.post(url("apikey", "add"), NEW_KEY, follow=True)

    text = re.search(r"cb_[0-9a-f]{12}_[\w-]{43}", page.content.decode())
    assert text
    holder = APIClient()
    holder.credentials(HTTP_AUTHORIZATION=f"Api-Key {text[0]}")
    assert holder.get("/auth/me").json()["organization"]["role"] == "viewer"
    again = browser.get(url("apikey", "change", ApiKey.objects.get().pk)).content.decode()
    assert text[0] not in again + browser.get(url("apikey", "changelist")).content.decode()


def test_new_key_beyond_the_makers_role_is_refused_with_the_reason(
    organization: Organization, browser: Client
) -> None:
    page = browser.post(url("apikey", "add"), NEW_KEY | {"role": "owner"})

    assert "A key can&#x27;t hold more than you do." in page.content.decode()
    assert not ApiKey.objects.exists()


def test_new_key_with_a_scope_its_role_lacks_is_refused_beside_the_field(
    organization: Organization, browser: Client
) -> None:
    page = browser.post(url("apikey", "add"), NEW_KEY | {"scopes": ["teams.manage_keys"]})

    assert "does not hold: teams.manage_keys" in page.content.decode()
    assert not ApiKey.objects.exists()


def test_key_is_revoked_by_post_only(organization: Organization, browser: Client) -> None:
    key, _ = api_keys.create(organization=organization, name="CI")
    button = url("apikey", "action", key.pk, "revoke")

    refused = browser.get(button)
    key.refresh_from_db()
    assert (refused.status_code, key.revoked_at) == (405, None)

    browser.post(button)
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_foreign_key_is_not_found(
    organization: Organization, other_organization: Organization, browser: Client
) -> None:
    key, _ = api_keys.create(organization=other_organization, name="CI")

    statuses = [
        browser.get(url("apikey", "change", key.pk)).status_code,
        browser.post(url("apikey", "action", key.pk, "revoke")).status_code,
    ]

    key.refresh_from_db()
    assert (statuses, key.revoked_at) == ([404, 404], None)


@pytest.mark.parametrize("role", [Role.EDITOR, Role.AGENT, Role.VIEWER])
def test_keys_below_admin_are_forbidden(
    organization: Organization, browser_of: Callable[[User], Client], role: str
) -> None:
    client = browser_of(factories.member(organization, role))

    pages = [client.get(url("apikey", "changelist")), client.post(url("apikey", "add"), NEW_KEY)]

    assert [page.status_code for page in pages] == [403, 403]


def test_members_lists_the_own_organization(
    organization: Organization, other_organization: Organization, browser: Client
) -> None:
    stranger = factories.member(other_organization)

    page = browser.get(url("membership", "changelist")).content.decode()

    assert Membership.objects.filter(organization=organization).first().user.email in page
    assert stranger.email not in page


def test_organization_settings_are_saved(organization: Organization, browser: Client) -> None:
    page = url("organization", "change", organization.pk)
    assert "its mails are in English" in browser.get(page).content.decode()
    browser.post(
        page, {"name": "Acme Corp", "time_zone": "Asia/Karachi", "language": "ur", "second_step": "optional"}
    )

    organization.refresh_from_db()
    assert (organization.name, organization.time_zone, organization.slug) == (
        "Acme Corp",
        "Asia/Karachi",
        "acme",
    )


def test_organization_settings_refused_show_the_reason(organization: Organization, browser: Client) -> None:
    page = browser.post(
        url("organization", "change", organization.pk),
        {"name": "A", "time_zone": "UTC", "language": "klingon!", "second_step": "optional"},
    )

    organization.refresh_from_db()
    assert "Not a language tag" in page.content.decode()
    assert organization.name == "Acme"


def test_organization_settings_below_admin_are_read_only(
    organization: Organization, browser_of: Callable[[User], Client]
) -> None:
    client = browser_of(factories.member(organization, Role.EDITOR))
    page = url("organization", "change", organization.pk)

    assert client.get(page).status_code == 200
    assert client.post(page, {"name": "Mine", "time_zone": "UTC", "language": "en"}).status_code == 403


def test_foreign_organization_is_not_found(
    organization: Organization, other_organization: Organization, browser: Client
) -> None:
    assert browser.get(url("organization", "change", other_organization.pk)).status_code == 404


def test_users_are_for_the_installations_staff(
    organization: Organization, browser: Client, browser_of: Callable[[User], Client]
) -> None:
    staff = factories.user(is_staff=True)
    user = factories.member(organization)

    assert browser.get(url("user", "changelist")).status_code == 403
    answer = browser_of(staff).post(url("user", "change", user.pk), {"name": "Ada"})
    user.refresh_from_db()
    assert (answer.status_code, user.name) == (302, "Ada")
