"""The page behind an invite's link, as browsers and mail scanners see it."""

import logging
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse

from chatboost.core import clock, logs
from chatboost.core.models import AuditEntry
from teams.models import Invite, Membership, Organization, User
from teams.roles import Role
from teams.services import invites
from tests import factories
from tests.teams.conftest import PASSWORD
from tests.teams.invited import ADDRESS, SECRET, ask

pytestmark = pytest.mark.django_db

PAGE = "/accounts/invite/"
NEW = {"name": "Ada Lovelace", "password": SECRET}


def link(token: str) -> str:
    return f"{PAGE}{token}/"


@pytest.fixture
def token(organization: Organization) -> str:
    sender = factories.member(organization, Role.ADMIN)
    User.objects.filter(pk=sender.pk).update(name="Grace Hopper")
    return ask(organization, role=Role.AGENT, actor=sender)


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_page_says_who_invites_to_what(client: Client, token: str) -> None:
    page = text_of(client.get(link(token), follow=True))

    for words in ("Grace Hopper", "Join Acme", "Agent", ADDRESS):
        assert words in page


def test_link_leads_to_a_page_without_the_token(client: Client, token: str) -> None:
    answer = client.get(link(token))

    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    page = client.get(PAGE)
    assert "no-store" in page["Cache-Control"]
    assert token not in text_of(page)
    assert token not in str(dict(client.session))


def test_looking_uses_nothing_up(token: str) -> None:
    for _ in range(3):
        scanner = Client()
        scanner.get(link(token), follow=True)
        scanner.head(link(token))

    assert invites.find_by_key(invites.key_of(token)).state == "pending"


def test_new_person_gives_name_and_password_and_is_in(
    client: Client, organization: Organization, token: str
) -> None:
    client.get(link(token))

    answer = client.post(PAGE, NEW)

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    user = User.objects.get(email=ADDRESS)
    assert (user.name, Membership.objects.get(user=user).role) == ("Ada Lovelace", Role.AGENT)
    console = client.get("/admin/")
    assert console.status_code == 200
    assert "Welcome to Acme" in text_of(console)
    assert EmailAddress.objects.get(user=user).verified


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "short"}, "too short"),
        ({"password": "password1234"}, "too common"),
        ({"password": ADDRESS}, "too similar"),
        ({"password": ""}, "required"),
        ({"name": ""}, "required"),
        ({"name": "x" * 151}, "at most 150"),
    ],
)
def test_refused_form_says_why_and_uses_nothing_up(
    client: Client, token: str, change: dict[str, str], words: str
) -> None:
    client.get(link(token))

    answer = client.post(PAGE, NEW | change)

    assert answer.status_code == 400
    assert words in text_of(answer)
    assert client.post(PAGE, NEW).status_code == 302


def test_known_person_signs_in_and_comes_back(
    client: Client, organization: Organization, other_organization: Organization, token: str
) -> None:
    user = factories.user(email=ADDRESS)
    factories.organizations.add_member(organization=other_organization, user=user, role=Role.VIEWER)
    page = client.get(link(token), follow=True)
    assert "Sign in to accept" in text_of(page)
    assert 'name="password"' not in text_of(page)

    done = client.post(page.context["sign_in_url"], {"login": ADDRESS, "password": PASSWORD})
    assert done["Location"] == PAGE
    answer = client.post(PAGE)

    assert answer["Location"] == "/admin/"
    assert Membership.objects.filter(user=user, organization=organization).exists()
    assert "Acme" in text_of(client.get("/admin/"))
    assert client.get("/auth/me").json()["organization"]["slug"] == "acme"


def test_known_person_can_not_be_registered_over(client: Client, token: str) -> None:
    user = factories.user(email=ADDRESS)
    client.get(link(token))

    answer = client.post(PAGE, NEW)

    assert answer["Location"].startswith("/accounts/login/")
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_somebody_else_is_told_so_and_may_switch(client: Client, token: str) -> None:
    other = factories.user(email="other@example.com")
    factories.organization(owner=other)
    client.force_login(other, factories.SIGN_IN)
    page = text_of(client.get(link(token), follow=True))
    assert "signed in as other@example.com" in page

    assert client.post(PAGE, NEW).status_code == 403
    switched = client.post(PAGE, {"switch": "1"}, follow=True)

    assert "_auth_user_id" not in client.session
    assert 'name="password"' in text_of(switched)
    assert client.post(PAGE, NEW)["Location"] == "/admin/"
    assert Membership.objects.get(user__email=ADDRESS)


def test_page_without_a_link_before_it_is_not_found(client: Client) -> None:
    for method in (client.get, client.post):
        assert method(PAGE).status_code == 404


@pytest.mark.parametrize("token", ["x", "a" * 43, "é", "' OR 1=1", "<script>", "..%2f..", "🙂" * 20])
def test_wrong_link_is_explained_and_kept_nowhere(
    client: Client, organization: Organization, token: str
) -> None:
    ask(organization)

    answer = client.get(reverse("invite_link", args=[token]))

    assert answer.status_code == 404
    assert "leads to no invite" in text_of(answer)
    assert "<script>" not in text_of(answer).replace('<script src="', "")
    assert not client.session.keys()


def test_dead_links_say_what_they_died_of(client: Client, organization: Organization) -> None:
    used, revoked, expired = (ask(organization, email=f"{name}@example.com") for name in "abc")
    invites.accept_as_new(key=invites.key_of(used), password=SECRET)
    invites.revoke(invite=Invite.objects.get(email="b@example.com"))
    Invite.objects.filter(email="c@example.com").update(expires_at=clock.now())

    answers = [client.get(link(each)) for each in (used, revoked, expired)]

    assert [answer.status_code for answer in answers] == [410] * 3
    words = ("has been used", "taken back", "has expired")
    assert all(word in text_of(answer) for word, answer in zip(words, answers, strict=True))


def test_invite_that_dies_meanwhile_is_explained(client: Client, token: str) -> None:
    client.get(link(token))
    invites.revoke(invite=Invite.objects.get())

    answer = client.post(PAGE, NEW)

    assert answer.status_code == 410
    assert not User.objects.filter(email=ADDRESS).exists()


def test_second_click_leads_on_to_the_console(client: Client, token: str) -> None:
    client.get(link(token))
    client.post(PAGE, NEW)

    assert client.get(link(token))["Location"] == "/admin/"
    assert Client().get(link(token)).status_code == 410


def test_accepting_needs_a_csrf_token(token: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.get(link(token))

    assert strict.post(PAGE, NEW).status_code == 403
    assert invites.find_by_key(invites.key_of(token))


def test_organization_with_markup_for_a_name_stays_words(client: Client) -> None:
    organization = factories.organization(name="<img src=x onerror=alert(1)>")
    token = ask(organization)

    assert "<img src=x" not in text_of(client.get(link(token), follow=True))


def test_token_is_in_no_log_line(client: Client, token: str) -> None:
    api = f"/team/invitations/{token}/accept"
    path = link(token)
    for text in (path, f"Forbidden: {path}", f"POST {api}", f"{path}?x=1"):
        shown = logs.hide_links(None, "warning", {"event": text, "request": text})
        assert token not in str(shown)
        assert "•••" in str(shown)
    record = logging.makeLogRecord({"msg": "%s %s", "args": ("GET", path, 200)})
    assert logs.HideLinks().filter(record)
    assert token not in str(record.args)
    kept = "/team/invitations/1234567/resend"
    assert logs.hide_links(None, "info", {"event": kept})["event"] == kept


def test_token_is_not_in_the_audit_log(client: Client, token: str) -> None:
    client.get(link(token))
    client.post(PAGE, NEW)

    written = str(list(AuditEntry.objects.values()))
    assert token not in written
    assert invites.key_of(token) not in written
