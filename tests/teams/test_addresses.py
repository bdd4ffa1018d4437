"""Addresses of accounts: nobody keeps a way into an account that turns out to be somebody else's."""

import re
from typing import Any
from urllib.parse import unquote

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from rest_framework.test import APIClient

from chatboost.core.models import AuditEntry, Mail
from teams.models import Membership, Organization, User
from teams.services import invites, registration
from tests.teams.conftest import PASSWORD, with_token
from tests.teams.invited import ADDRESS, ask

pytestmark = pytest.mark.django_db

OTHER = "mallory@example.org"
NEW_PASSWORD = "another good secret"


@pytest.fixture
def squatted() -> User:
    """An account that somebody else has made with the address, and can enter by other ways too."""
    user = registration.register(email=ADDRESS, password=PASSWORD, name="Mallory")
    EmailAddress.objects.create(user=user, email=OTHER, verified=True)
    SocialAccount.objects.create(user=user, provider="google", uid="666")
    totp.TOTP.activate(user, totp.generate_totp_secret())
    return user


def enter(email: str, password: str = PASSWORD) -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": email, "password": password})
    return client


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def reset(email: str, password: str = NEW_PASSWORD) -> Any:
    """Ask for a reset mail and use its key."""
    APIClient().post("/auth/password/reset", {"email": email}, format="json")
    key = re.search(r"/key/([^/\s]+)/", Mail.objects.filter(to=email).latest("id").text)
    body = {"key": key[1] if key else "none", "password": password}
    return APIClient().post("/auth/password/reset", body, format="json")


def link_in_mail(email: str) -> str:
    found = re.search(r"/accounts/confirm-email/[^/\s]+/", Mail.objects.filter(to=email).latest("id").text)
    assert found
    return found[0]


def add_address(client: Client, email: str) -> Any:
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client.post("/accounts/email/", {"action_add": "", "email": email})


def test_second_address_waits_for_the_first_to_be_confirmed() -> None:
    user = registration.register(email=ADDRESS, password=PASSWORD)
    client = enter(ADDRESS)

    page = add_address(client, OTHER)
    EmailAddress.objects.filter(user=user).update(verified=True)
    added = add_address(client, OTHER)

    assert f"Confirm {ADDRESS} first" in page.content.decode()
    assert added.status_code == 302
    assert list(EmailAddress.objects.filter(email=OTHER).values_list("user", "verified")) == [
        (user.pk, False)
    ]


def test_reset_by_mail_closes_what_a_squatter_has_opened(squatted: User, organization: Organization) -> None:
    token = ask(organization)

    assert reset(ADDRESS).status_code == 204

    assert list(EmailAddress.objects.filter(user=squatted).values_list("email", "verified", "primary")) == [
        (ADDRESS, True, True)
    ]
    assert not SocialAccount.objects.exists()
    assert not Authenticator.objects.exists()
    removed = AuditEntry.objects.filter(verb="user.second_step_removed", object_id=str(squatted.pk))
    assert [entry.changes for entry in removed] == [{"kind": ["totp", None]}]
    assert AuditEntry.objects.get(verb="user.email_proved").changes == {"email": [None, ADDRESS]}
    invites.accept(key=invites.key_of(token), user=squatted)
    assert reset(OTHER).status_code == 400
    assert is_in(enter(ADDRESS, NEW_PASSWORD))


def test_reset_by_mail_ends_the_squatters_sessions_and_tokens() -> None:
    registration.register(email=ADDRESS, password=PASSWORD)
    client = enter(ADDRESS)
    body = {"email": ADDRESS, "password": PASSWORD}
    token = APIClient().post("/auth/token", body, format="json").json()["access_token"]

    reset(ADDRESS)

    assert client.get("/admin/").status_code == 302
    assert with_token(token).get("/auth/me").status_code == 401


def test_reset_by_mail_leaves_a_proved_account_its_second_step(squatted: User) -> None:
    EmailAddress.objects.filter(user=squatted).update(verified=True)

    reset(ADDRESS)

    assert Authenticator.objects.filter(user=squatted).exists()
    assert EmailAddress.objects.filter(user=squatted).count() == 2


def test_second_address_opens_nothing_before_the_first_is_proved(squatted: User) -> None:
    assert reset(OTHER).status_code == 400
    squatted.refresh_from_db()
    assert squatted.check_password(PASSWORD)


def test_second_address_that_is_only_claimed_opens_nothing(squatted: User) -> None:
    EmailAddress.objects.filter(user=squatted, email=ADDRESS).update(verified=True)
    EmailAddress.objects.filter(user=squatted, email=OTHER).update(verified=False)

    assert reset(OTHER).status_code == 400


def test_accepting_an_invite_closes_what_was_opened_before(
    squatted: User, organization: Organization
) -> None:
    invites.accept(key=invites.key_of(ask(organization)), user=squatted)

    assert Membership.objects.filter(user=squatted, organization=organization).exists()
    assert list(EmailAddress.objects.values_list("email", "verified")) == [(ADDRESS, True)]
    assert not SocialAccount.objects.exists()


def test_confirming_closes_what_was_opened_before(client: Client) -> None:
    client.post("/accounts/signup/", {"name": "Ada", "email": ADDRESS, "password1": PASSWORD})
    user = User.objects.get()
    EmailAddress.objects.create(user=user, email=OTHER, verified=True)

    client.post(link_in_mail(ADDRESS))

    assert list(EmailAddress.objects.values_list("email", "verified")) == [(ADDRESS, True)]


def test_address_is_confirmed_by_whoever_can_sign_in(client: Client) -> None:
    client.post("/accounts/signup/", {"name": "Mallory", "email": ADDRESS, "password1": PASSWORD})
    link, stranger = link_in_mail(ADDRESS), Client()

    answer = stranger.post(link)

    assert unquote(answer["Location"]) == f"/accounts/login/?next={link}"
    assert not EmailAddress.objects.get().verified
    stranger.post(answer["Location"], {"login": ADDRESS, "password": PASSWORD})
    stranger.post(link)
    assert EmailAddress.objects.get().verified


def test_signup_with_an_address_that_somebody_only_claims(client: Client) -> None:
    other = registration.register(email=OTHER, password=PASSWORD)
    EmailAddress.objects.create(user=other, email=ADDRESS)

    client.post("/accounts/signup/", {"name": "Ada", "email": ADDRESS, "password1": PASSWORD})

    assert EmailAddress.objects.get(email=ADDRESS).user == User.objects.get(email=ADDRESS)
