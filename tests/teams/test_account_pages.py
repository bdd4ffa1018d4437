"""Sign-in and the other account pages, as a browser sees them."""

import re
import socket

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.test import Client
from django.urls import reverse

from chatboost.core.models import Mail, MailState
from teams.models import Membership, Organization, User
from teams.roles import Role
from teams.services import organization_choice, organizations
from tests import factories
from tests.teams.conftest import PASSWORD

pytestmark = pytest.mark.django_db

STYLES = "teams/accounts"


def credentials(user: User, password: str = PASSWORD) -> dict[str, str]:
    return {"login": user.email, "password": password}


@pytest.fixture
def signed_in(client: Client, organization: Organization) -> Client:
    client.force_login(factories.member(organization), factories.SIGN_IN)
    return client


# Looks


@pytest.mark.parametrize(
    "name", ["account_login", "account_signup", "account_reset_password", "account_inactive"]
)
def test_entrance_page_opens_in_the_consoles_looks(client: Client, name: str) -> None:
    page = client.get(reverse(name))

    assert page.status_code == 200
    assert STYLES in page.content.decode()
    assert "ChatBoost</title>" in page.content.decode()


@pytest.mark.parametrize("name", ["account_email", "account_change_password", "mfa_index", "account_logout"])
def test_own_account_page_opens_in_the_consoles_looks(signed_in: Client, name: str) -> None:
    signed_in.get(reverse("account_login"))

    page = signed_in.get(reverse(name))

    assert page.status_code == 200
    assert STYLES in page.content.decode()


@pytest.mark.parametrize("name", ["account_login", "account_signup"])
def test_account_page_needs_nothing_from_another_host(client: Client, name: str) -> None:
    page = client.get(reverse(name)).content.decode()

    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []


# Sign-in


def test_console_sends_a_stranger_to_sign_in_and_back(client: Client, organization: Organization) -> None:
    user = factories.member(organization)
    first = client.get("/admin/teams/membership/", follow=True)

    assert first.redirect_chain[-1][0].startswith("/accounts/login/?next=")
    assert first.context["redirect_field_value"] == "/admin/teams/membership/"
    done = client.post(first.redirect_chain[-1][0], credentials(user) | {"next": "/admin/teams/membership/"})
    assert (done.status_code, done["Location"]) == (302, "/admin/teams/membership/")


@pytest.mark.parametrize(
    "next_url", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"]
)
def test_sign_in_does_not_lead_elsewhere(client: Client, organization: Organization, next_url: str) -> None:
    user = factories.member(organization)

    done = client.post(reverse("account_login"), credentials(user) | {"next": next_url})

    assert done["Location"] == "/admin/"


def test_sign_in_with_a_wrong_password_says_so(client: Client) -> None:
    user = factories.user()

    page = client.post(reverse("account_login"), credentials(user, "wrong")).content.decode()

    assert 'role="alert"' in page
    assert "not correct" in page


def test_sign_in_locked_out_says_so(client: Client) -> None:
    user = factories.user()
    for _ in range(5):
        client.post(reverse("account_login"), credentials(user, "wrong"))

    page = client.post(reverse("account_login"), credentials(user)).content.decode()

    assert "Too many failed login attempts" in page


def test_sign_in_flood_gets_the_styled_429(client: Client) -> None:
    for _ in range(30):
        client.post(reverse("account_login"), {})

    page = client.post(reverse("account_login"), {})

    assert page.status_code == 429
    assert STYLES in page.content.decode()


def test_sign_in_of_inactive_user_is_explained(client: Client) -> None:
    user = factories.user(is_active=False)

    page = client.post(reverse("account_login"), credentials(user), follow=True)

    assert page.redirect_chain[-1][0] == reverse("account_inactive")
    assert "_auth_user_id" not in client.session


def test_console_sign_in_address_sends_a_member_on(signed_in: Client) -> None:
    targets = [
        signed_in.get("/admin/login/", {"next": url})["Location"]
        for url in ["/admin/teams/membership/", "", "/admin/login/?next=/admin/", "//elsewhere.example"]
    ]

    assert targets == ["/admin/teams/membership/", "/admin/", "/admin/", "/admin/"]


def test_user_without_organization_is_told_so(client: Client) -> None:
    client.force_login(factories.user(email="lost@example.com"), factories.SIGN_IN)

    page = client.get("/admin/", follow=True)

    assert page.redirect_chain[-1][0] == reverse("no_organization")
    assert page.status_code == 403
    assert "lost@example.com" in page.content.decode()


def test_sign_out_needs_a_post(signed_in: Client) -> None:
    signed_in.get(reverse("account_logout"))
    assert "_auth_user_id" in signed_in.session

    signed_in.post(reverse("account_logout"))
    assert "_auth_user_id" not in signed_in.session


# Second factor


def test_second_factor_covers_the_console(client: Client, organization: Organization) -> None:
    user = factories.member(organization)
    totp.TOTP.activate(user, totp.generate_totp_secret())

    step = client.post(reverse("account_login"), credentials(user), follow=True)

    assert step.redirect_chain[-1][0] == reverse("mfa_authenticate")
    assert STYLES in step.content.decode()
    assert client.get("/admin/")["Location"].startswith("/admin/login/")


def test_second_factor_can_be_set_up(client: Client, organization: Organization) -> None:
    user = factories.member(organization)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    client.post(reverse("account_login"), credentials(user))
    asked = client.get(reverse("mfa_activate_totp"))

    page = client.post(
        asked["Location"], {"password": PASSWORD, "next": reverse("mfa_activate_totp")}, follow=True
    )

    assert page.status_code == 200
    assert STYLES in page.content.decode()
    assert "data:image/svg+xml" in page.content.decode()
    assert not Authenticator.objects.exists()


def test_password_is_asked_again_of_a_user_made_without_an_address_row(
    client: Client, organization: Organization
) -> None:
    user = factories.member(organization)
    client.force_login(user, factories.SIGN_IN)
    EmailAddress.objects.all().delete()

    answer = client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": "/admin/"})

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


# Registration


REGISTRATION = {
    "name": "Ada Lovelace",
    "organization_name": "Engines Ltd",
    "email": "ada@example.com",
    "password1": "a long enough secret",
}


def test_signup_opens_an_organization_and_signs_in(client: Client) -> None:
    answer = client.post(reverse("account_signup"), REGISTRATION)

    membership = Membership.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert (membership.user.name, membership.organization.name) == ("Ada Lovelace", "Engines Ltd")
    assert membership.role == Role.OWNER
    written = Mail.objects.get()
    assert (written.to, written.subject) == ("ada@example.com", "Please Confirm Your Email Address")
    assert (written.organization_id, written.template) == (0, "account/email/email_confirmation_signup")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password1": "short"}, "too short"),
        ({"email": "taken@example.com"}, "already registered"),
        ({"email": "no address"}, "valid email"),
        ({"name": ""}, "required"),
        ({"name": "Eve\u2028Pay now"}, "one line"),
        ({"organization_name": "Acme\x1bPay now"}, "one line"),
    ],
)
def test_signup_refused_says_why_and_creates_nothing(
    client: Client, change: dict[str, str], words: str
) -> None:
    factories.user(email="taken@example.com")

    page = client.post(reverse("account_signup"), REGISTRATION | change)

    assert words in page.content.decode()
    assert not Organization.objects.exists()


def test_signup_closed_says_so(client: Client, settings) -> None:
    settings.REGISTRATION_OPEN = False

    page = client.post(reverse("account_signup"), REGISTRATION)

    assert "Registration is closed" in page.content.decode()
    assert "Create an account" not in client.get(reverse("account_login")).content.decode()
    assert not User.objects.exists()


def test_signup_works_though_the_mail_server_is_away(client: Client, settings) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", nobody.getsockname()[1]

        answer = client.post(reverse("account_signup"), REGISTRATION)

    assert answer.status_code == 302
    assert User.objects.filter(email="ada@example.com").exists()
    assert Mail.objects.get().state == MailState.QUEUED


# Choosing the organization


@pytest.fixture
def of_both(client: Client, organization: Organization, other_organization: Organization) -> Client:
    user = factories.member(organization)
    organizations.add_member(organization=other_organization, user=user, role=Role.VIEWER)
    client.force_login(user, factories.SIGN_IN)
    return client


def test_choice_of_organization_is_kept_in_the_session(
    of_both: Client, other_organization: Organization
) -> None:
    answer = of_both.post(
        reverse("choose_organization"), {"organization": other_organization.pk, "next": "/docs"}
    )

    assert (answer.status_code, answer["Location"]) == (302, "/docs")
    assert of_both.session[organization_choice.SESSION_KEY] == other_organization.pk
    assert of_both.get("/auth/me").json()["organization"]["slug"] == "globex"


@pytest.mark.parametrize("chosen", ["0", "-1", "abc", "", "٣", "9" * 5000])
def test_choice_of_no_organization_is_not_found(of_both: Client, chosen: str) -> None:
    answer = of_both.post(reverse("choose_organization"), {"organization": chosen})

    assert answer.status_code == 404
    assert organization_choice.SESSION_KEY not in of_both.session


def test_choice_of_a_foreign_organization_is_not_found(
    signed_in: Client, other_organization: Organization
) -> None:
    answer = signed_in.post(reverse("choose_organization"), {"organization": other_organization.pk})

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "next_url", ["https://elsewhere.example/", "//elsewhere.example", "\\\\elsewhere.example"]
)
def test_choice_does_not_lead_elsewhere(of_both: Client, organization: Organization, next_url: str) -> None:
    answer = of_both.post(reverse("choose_organization"), {"organization": organization.pk, "next": next_url})

    assert answer["Location"] == "/admin/"


def test_choice_needs_a_post_a_sign_in_and_a_csrf_token(
    of_both: Client, client: Client, organization: Organization
) -> None:
    url = reverse("choose_organization")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = of_both.cookies

    assert of_both.get(url).status_code == 405
    assert strict.post(url, {"organization": organization.pk}).status_code == 403
    assert Client().post(url, {"organization": organization.pk})["Location"].startswith("/accounts/login/")


def test_choice_that_ended_falls_back_to_another_membership(
    of_both: Client, other_organization: Organization
) -> None:
    of_both.post(reverse("choose_organization"), {"organization": other_organization.pk})
    Membership.objects.filter(organization=other_organization).delete()

    assert of_both.get("/auth/me").json()["organization"]["slug"] == "acme"


def test_pages_hold_no_words_of_strangers_unescaped(client: Client) -> None:
    login = reverse("account_login")

    page = client.post(f"{login}?next=/%22%3E%3Cscript%3Ex", {"login": '"><script>x', "password": "x"})

    assert "<script>x" not in page.content.decode()
