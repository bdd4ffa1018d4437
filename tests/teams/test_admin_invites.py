"""The console's pages of invites."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from chatboost.core import clock
from chatboost.core.models import Mail
from teams.models import Invite, Organization, User
from teams.roles import Role
from teams.services import invites
from tests import factories
from tests.teams.invited import ADDRESS, ask, token_in_mail

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(organization: Organization, browser_of: Callable[[User], Client]) -> Client:
    return browser_of(factories.member(organization, Role.ADMIN))


def url(page: str, *args: object) -> str:
    return reverse(f"admin:teams_invite_{page}", args=args)


def text_of(answer: object) -> str:
    return " ".join(answer.content.decode().split())  # type: ignore[attr-defined]


def test_invite_is_sent_from_the_console(organization: Organization, browser: Client) -> None:
    answer = browser.post(url("add"), {"email": "Ada@example.com", "role": "editor"}, follow=True)

    invite = Invite.objects.get()
    assert (invite.email, invite.role, invite.organization) == (ADDRESS, "editor", organization)
    assert Mail.objects.get().to == ADDRESS
    assert answer.status_code == 200
    assert token_in_mail() not in text_of(answer)


def test_form_offers_no_role_above_the_visitors(browser: Client) -> None:
    page = text_of(browser.get(url("add")))

    assert 'value="admin"' in page
    assert 'value="owner"' not in page


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"role": "owner"}, "valid choice"),
        ({"email": "no address"}, "valid email"),
        ({"email": "taken@example.com"}, "a member already"),
        ({"email": "asked@example.com"}, "invited already"),
    ],
)
def test_refusal_stands_on_the_form(
    organization: Organization, browser: Client, change: dict[str, str], words: str
) -> None:
    member = factories.user(email="taken@example.com")
    factories.organizations.add_member(organization=organization, user=member, role=Role.VIEWER)
    ask(organization, email="asked@example.com")

    page = browser.post(url("add"), {"email": ADDRESS, "role": "editor"} | change)

    assert words in text_of(page)
    assert Invite.objects.count() == 1


def test_list_shows_where_each_stands(organization: Organization, browser: Client) -> None:
    for name in ("pending", "expired", "revoked"):
        ask(organization, email=f"{name}@example.com")
    Invite.objects.filter(email__startswith="expired").update(expires_at=clock.now())
    invites.revoke(invite=Invite.objects.get(email__startswith="revoked"))

    page = text_of(browser.get(url("changelist")))

    assert [
        word for word in ("Pending", "Expired", "Revoked") if not re.search(f">\\s*{word}\\s*<", page)
    ] == []


def test_buttons_send_again_and_revoke_by_post_only(organization: Organization, browser: Client) -> None:
    old = ask(organization)
    number = Invite.objects.get().pk
    resend, revoke = (url("action", number, name) for name in ("resend", "revoke"))
    assert [browser.get(address).status_code for address in (resend, revoke)] == [405, 405]

    browser.post(resend)
    assert token_in_mail() != old
    browser.post(revoke)
    assert Invite.objects.get().state == "revoked"
    assert "Send again" not in text_of(browser.get(url("change", number)))


def test_many_are_revoked_at_once(organization: Organization, browser: Client) -> None:
    for number in range(3):
        ask(organization, email=f"p{number}@example.com")
    ids = list(Invite.objects.values_list("pk", flat=True))
    invites.accept_as_new(key=Invite.objects.get(pk=ids[0]).token_hash, password="a long enough secret")

    answer = browser.post(
        url("changelist"),
        {
            "action": "revoke_selected",
            "_selected_action": ids,
            "confirmed": "1",
            "ids": ",".join(map(str, ids)),
        },
        follow=True,
    )

    assert sorted(invite.state for invite in Invite.objects.all()) == ["accepted", "revoked", "revoked"]
    assert "remove the member instead" in text_of(answer)


def test_foreign_invite_is_not_found(other_organization: Organization, browser: Client) -> None:
    ask(other_organization)
    number = Invite.objects.get().pk

    assert browser.get(url("change", number)).status_code == 404
    assert browser.post(url("action", number, "revoke")).status_code == 404
    assert Invite.objects.get().state == "pending"


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_pages_below_admin_are_forbidden(
    organization: Organization, browser_of: Callable[[User], Client], role: str
) -> None:
    browser = browser_of(factories.member(organization, role))
    ask(organization)
    number = Invite.objects.get().pk

    assert browser.get(url("changelist")).status_code == 403
    assert browser.get(url("add")).status_code == 403
    assert browser.post(url("action", number, "revoke")).status_code in (403, 404)
    assert Invite.objects.get().state == "pending"
