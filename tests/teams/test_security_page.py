"""“Security”: password, second step, recovery codes and sessions, in the browser and through the API."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from chatboost.core.models import AuditEntry, Mail
from teams import user_agents
from teams.models import Organization, User
from teams.services import addresses
from tests import factories
from tests.teams.conftest import PASSWORD, with_token

pytestmark = pytest.mark.django_db

PAGE = "/accounts/security/"
NEW_PASSWORD = "another good secret"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def user(organization: Organization) -> User:
    return factories.member(organization)


def enter(user: User, **extra: Any) -> Client:
    """Sign in through the page, as it is the page that notes how."""
    client = Client(**extra)
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert "_auth_user_id" in client.session
    return client


@pytest.fixture
def browser(user: User) -> Client:
    return enter(user, HTTP_USER_AGENT=FIREFOX)


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def code_of(secret: str, *, step: int = 0) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30 + step))


def switch_on(browser: Client) -> str:
    """Set the second step up, which asks for the password again; returns its secret."""
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = browser.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    done = browser.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
    assert done.status_code == 302, text_of(done)
    return str(secret)


def codes_of(user: User) -> list[str]:
    row = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    return list(row.wrap().get_unused_codes())


# The page


def test_page_needs_a_sign_in() -> None:
    for method, url in (
        ("get", PAGE),
        ("post", reverse("end_session")),
        ("post", reverse("end_all_sessions")),
    ):
        assert getattr(Client(), method)(url)["Location"].startswith("/accounts/login/")


def test_page_shows_how_and_where_one_is_in(browser: Client) -> None:
    page = text_of(browser.get(PAGE))

    for words in (
        "Password",
        "Two-step sign-in",
        "Off",
        "Firefox on Linux",
        "This one",
        "Sign out everywhere",
    ):
        assert words in page
    assert "Google" not in page


def test_account_menu_of_the_console_leads_there(browser: Client) -> None:
    assert f'href="{PAGE}"' in text_of(browser.get("/admin/"))


def test_user_agent_with_markup_stays_words(user: User) -> None:
    browser = enter(user, HTTP_USER_AGENT="<script>alert(1)</script>")

    assert "<script>alert" not in text_of(browser.get(PAGE))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140 Safari/537.36", "Chrome on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537.36 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18 Safari/604", "Safari on iPhone"),
        ("python-requests/2.32", "python-requests/2.32"),
        ("Mozilla/5.0", "Mozilla/5.0"),
        ("", "Unknown program"),
        ("x" * 300, "x" * 60),
    ],
)
def test_programs_are_named_in_words(header: str, words: str) -> None:
    assert user_agents.short(header) == words


# Sessions


def test_there_is_one_page_of_where_one_is_signed_in(browser: Client) -> None:
    assert browser.get("/accounts/sessions/")["Location"] == PAGE
    assert browser.post("/accounts/sessions/")["Location"] == PAGE


def test_one_session_is_signed_out(user: User, browser: Client) -> None:
    other = enter(user)
    row = UserSession.objects.get(session_key=other.session.session_key)

    done = browser.post(reverse("end_session"), {"session": row.pk})

    assert done["Location"] == PAGE
    assert other.get("/auth/me").status_code == 401
    assert browser.get("/auth/me").status_code == 200


def test_session_of_somebody_else_is_not_found(organization: Organization, browser: Client) -> None:
    other = enter(factories.member(organization))
    row = UserSession.objects.get(session_key=other.session.session_key)

    assert browser.post(reverse("end_session"), {"session": row.pk}).status_code == 404
    assert other.get("/auth/me").status_code == 200


@pytest.mark.parametrize("number", ["", "x", "0", "-1", "9" * 30, "٣"])
def test_session_that_is_none_is_not_found(browser: Client, number: str) -> None:
    assert browser.post(reverse("end_session"), {"session": number}).status_code == 404


def test_signing_out_elsewhere_ends_tokens_too(
    user: User, browser: Client, sign_in: Callable[[User], dict[str, str]]
) -> None:
    pair, other = sign_in(user), enter(user)

    browser.post(reverse("end_all_sessions"))

    assert with_token(pair["access_token"]).get("/auth/me").status_code == 401
    assert other.get("/auth/me").status_code == 401
    assert browser.get("/auth/me").status_code == 200
    assert AuditEntry.objects.filter(verb="user.signed_out_everywhere").count() == 1


def test_signing_out_everywhere_ends_this_one_too(user: User, browser: Client) -> None:
    other = enter(user)

    done = browser.post(reverse("end_all_sessions"), {"here": "1"})

    assert done["Location"].startswith("/accounts/login/")
    assert [each.get("/auth/me").status_code for each in (browser, other)] == [401, 401]


def test_changing_state_needs_a_post(browser: Client) -> None:
    urls = [reverse("end_session"), reverse("end_all_sessions")]

    assert [browser.get(url).status_code for url in urls] == [405, 405]


def test_new_password_signs_out_everywhere_else(
    user: User, browser: Client, sign_in: Callable[[User], dict[str, str]]
) -> None:
    pair, other = sign_in(user), enter(user)

    browser.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )

    assert with_token(pair["access_token"]).get("/auth/me").status_code == 401
    assert other.get("/auth/me").status_code == 401
    assert browser.get("/auth/me").status_code == 200
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)


def test_reset_by_mail_signs_out_everywhere(user: User, browser: Client) -> None:
    Client().post("/accounts/password/reset/", {"email": user.email})
    found = re.search(r"(/accounts/password/reset/key/\S+)", Mail.objects.latest("id").text)
    assert found
    visitor = Client()
    form = visitor.get(found[1])["Location"]
    visitor.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert browser.get("/auth/me").status_code == 401
    assert Client().get(found[1]).status_code == 200  # says that the link is used
    assert "_auth_user_id" not in visitor.session


# Second step


def test_second_step_is_set_up_and_asked_for(user: User, browser: Client) -> None:
    secret = switch_on(browser)
    assert "On" in text_of(browser.get(PAGE))

    client = Client()
    first = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert first["Location"] == reverse("mfa_authenticate")
    assert "_auth_user_id" not in client.session
    wrong = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert wrong.status_code == 200
    assert "_auth_user_id" not in client.session
    Authenticator.objects.filter(user=user, type="totp").update(last_used_at=None)
    client.post(reverse("mfa_authenticate"), {"code": codes_of(user)[0]})
    assert "_auth_user_id" in client.session
    assert secret not in text_of(browser.get(PAGE))


def test_second_step_that_is_set_up_ends_every_other_session(
    user: User,
    browser: Client,
    sign_in: Callable[[User], dict[str, str]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    pair, other = sign_in(user), enter(user)
    stranger = enter(factories.user())

    with django_capture_on_commit_callbacks(execute=True):
        switch_on(browser)

    assert with_token(pair["access_token"]).get("/auth/me").status_code == 401
    refreshed = APIClient().post(
        "/auth/token/refresh", {"refresh_token": pair["refresh_token"]}, format="json"
    )
    assert refreshed.status_code == 401
    assert [each.get("/auth/me").status_code for each in (other, browser, stranger)] == [401, 200, 200]


def test_recovery_code_works_once_on_the_page_and_through_the_api(user: User, browser: Client) -> None:
    switch_on(browser)
    code, other = codes_of(user)[:2]

    def second_step(client: Client, code: str) -> bool:
        client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
        client.post(reverse("mfa_authenticate"), {"code": code})
        return "_auth_user_id" in client.session

    def by_api(code: str) -> int:
        body = {"email": user.email, "password": PASSWORD}
        token = APIClient().post("/auth/token", body, format="json").json()["mfa_token"]
        answer = APIClient().post("/auth/token/mfa", {"mfa_token": token, "code": code}, format="json")
        return int(answer.status_code)

    assert [second_step(Client(), code), second_step(Client(), code)] == [True, False]
    assert [by_api(other), by_api(other), by_api(code)] == [200, 401, 401]
    assert len(codes_of(user)) == 8


def test_code_of_the_app_works_once(user: User, browser: Client) -> None:
    secret = switch_on(browser)

    def by_api() -> int:
        body = {"email": user.email, "password": PASSWORD}
        token = APIClient().post("/auth/token", body, format="json").json()["mfa_token"]
        step = {"mfa_token": token, "code": code}
        return int(APIClient().post("/auth/token/mfa", step, format="json").status_code)

    code = code_of(secret)
    assert [by_api(), by_api()] == [200, 401]


def test_second_step_is_switched_off_with_its_codes(user: User, browser: Client) -> None:
    switch_on(browser)

    browser.post(reverse("mfa_deactivate_totp"))

    assert not Authenticator.objects.exists()
    assert "Off" in text_of(browser.get(PAGE))
    client = Client()
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert "_auth_user_id" in client.session


def test_second_step_asks_for_the_password_again(user: User, browser: Client) -> None:
    asked = browser.get(reverse("mfa_activate_totp"))

    assert asked["Location"].startswith("/accounts/reauthenticate/")


def test_what_is_changed_is_in_the_audit_log(
    user: User, browser: Client, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        switch_on(browser)
    browser.post(reverse("mfa_deactivate_totp"))

    verbs = list(AuditEntry.objects.filter(actor_id=user.pk).values_list("verb", flat=True))

    assert "user.second_step_added" in verbs
    assert "user.second_step_removed" in verbs
    assert "secret" not in str(list(AuditEntry.objects.values_list("changes", flat=True)))


def test_addresses_that_come_and_go_are_in_the_audit_log(user: User, browser: Client) -> None:
    addresses.prove(user, user.email)
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    browser.post("/accounts/email/", {"action_add": "", "email": "second@example.com"})
    browser.post("/accounts/email/", {"action_remove": "", "email": "second@example.com"})

    entries = AuditEntry.objects.filter(actor_id=user.pk, verb__startswith="user.email").order_by("id")
    assert [(entry.verb, entry.changes) for entry in entries] == [
        ("user.email_added", {"email": [None, "second@example.com"]}),
        ("user.email_removed", {"email": ["second@example.com", None]}),
    ]


# All pages that can be reached


REACHABLE = [
    "account_security",
    "account_email",
    "account_change_password",
    "mfa_index",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_deactivate_totp",
    "usersessions_list",
    "account_logout",
    "socialaccount_connections",
]


def test_every_page_of_an_account_with_a_second_step_opens_in_the_consoles_looks(browser: Client) -> None:
    switch_on(browser)

    for name in REACHABLE:
        page = browser.get(reverse(name), follow=True)
        assert page.status_code == 200, name
        assert "teams/accounts" in text_of(page), name
        assert "acc-manage" in text_of(page), name
