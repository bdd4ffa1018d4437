"""Sign-in with Google, against a Google on loopback."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal import auth as totp
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.test import Client
from django.urls import reverse

from chatboost.core.models import AuditEntry
from teams.models import Membership, Organization, User
from teams.roles import Role
from tests import factories
from tests.fakes.google_accounts import GoogleAccountsFake, Person
from tests.teams.conftest import PASSWORD
from tests.teams.invited import ADDRESS, ask

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/google/login/"
CALLBACK = "/accounts/google/login/callback/"

Visit = Callable[..., Any]


@pytest.fixture
def google(settings: Any) -> Iterator[GoogleAccountsFake]:
    with GoogleAccountsFake(person=Person("1001", ADDRESS)) as fake:
        settings.GOOGLE_SIGN_IN_CLIENT_ID = fake.client_id
        settings.GOOGLE_SIGN_IN_CLIENT_SECRET = fake.client_secret
        settings.GOOGLE_AUTHORIZE_URL, settings.GOOGLE_TOKEN_URL = fake.authorize_url, fake.token_url
        yield fake
    assert fake.problems == []


@pytest.fixture
def visit(google: GoogleAccountsFake) -> Visit:
    """Press "Continue with Google" and come back, as a browser does."""

    def go(client: Client, **form: str) -> Any:
        sent = client.post(LOGIN, form)
        assert sent.status_code == 302, sent.content
        assert sent["Location"].startswith(google.authorize_url)
        back = google.consent(dict(parse_qsl(urlsplit(sent["Location"]).query)))
        parts = urlsplit(back)
        assert parts.path == CALLBACK
        return client.get(f"{parts.path}?{parts.query}")

    return go


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def verified(email: str = ADDRESS, **fields: Any) -> User:
    user = factories.user(email=email, **fields)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


# Where it is offered


def test_nothing_of_google_without_its_credentials(client: Client) -> None:
    assert "Google" not in text_of(client.get("/accounts/login/"))
    assert [client.post(url).status_code for url in (LOGIN, CALLBACK, f"{LOGIN}token/")] == [404] * 3


@pytest.mark.parametrize("page", ["/accounts/login/", "/accounts/signup/"])
def test_button_stands_on_the_entrance_pages_and_may_lead_to_google(
    client: Client, google: GoogleAccountsFake, page: str
) -> None:
    answer = client.get(page)

    assert "Continue with Google" in text_of(answer)
    directive = next(each for each in answer["Content-Security-Policy"].split(";") if "form-action" in each)
    assert directive.split() == ["form-action", "'self'", google.authorize_url.partition("/o/")[0]]


def test_one_tap_tokens_are_not_taken(client: Client, google: GoogleAccountsFake) -> None:
    assert client.post(f"{LOGIN}token/", {"credential": "x"}).status_code == 404


def test_link_can_not_ask_for_more_than_we_do(client: Client, google: GoogleAccountsFake) -> None:
    more = "scope=https://www.googleapis.com/auth/drive&auth_params=access_type%3Doffline"
    sent = client.post(f"{LOGIN}?{more}")

    query = dict(parse_qsl(urlsplit(sent["Location"]).query))
    assert sorted(query["scope"].split()) == ["email", "profile"]
    assert "access_type" not in query


# Strangers


def test_stranger_gets_an_account_and_an_organization(client: Client, visit: Visit) -> None:
    answer = visit(client)

    user = User.objects.get(email=ADDRESS)
    membership = Membership.objects.get(user=user)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert (user.name, membership.organization.name, membership.role) == (
        "Ada Lovelace",
        "Ada Lovelace",
        Role.OWNER,
    )
    assert not user.has_usable_password()
    assert EmailAddress.objects.get(user=user).verified
    assert not SocialToken.objects.exists()
    assert AuditEntry.objects.get(verb="user.created").actor_id == user.pk
    assert client.get("/admin/").status_code == 200


def test_known_google_account_comes_in_again_even_under_a_new_address(
    client: Client, visit: Visit, google: GoogleAccountsFake
) -> None:
    visit(client)
    google.person = Person("1001", "new@example.com")

    again = Client()
    visit(again)

    assert again.session["_auth_user_id"] == str(User.objects.get().pk)


def test_closed_installation_takes_no_stranger(client: Client, visit: Visit, settings: Any) -> None:
    settings.REGISTRATION_OPEN = False

    page = visit(client)

    assert "Registration is closed" in text_of(page)
    assert not User.objects.exists()


def test_closed_installation_takes_who_is_invited_and_leads_back(
    organization: Organization, client: Client, visit: Visit, settings: Any
) -> None:
    settings.REGISTRATION_OPEN = False
    token = ask(organization, role=Role.AGENT)
    client.get(f"/accounts/invite/{token}/")

    answer = visit(client, next="/accounts/invite/")
    assert answer["Location"] == "/accounts/invite/"
    client.post("/accounts/invite/")

    membership = Membership.objects.get(user__email=ADDRESS)
    assert (membership.organization, membership.role) == (organization, Role.AGENT)


def test_address_that_google_has_not_verified_opens_nothing(
    client: Client, visit: Visit, google: GoogleAccountsFake
) -> None:
    google.person = Person("1001", ADDRESS, is_verified=False)
    verified()

    page = visit(client)

    assert page.status_code == 403
    assert "not verified" in text_of(page)
    assert not is_in(client)
    assert User.objects.count() == 1


# Accounts that are there


def test_proved_address_signs_in_and_is_connected(client: Client, visit: Visit) -> None:
    user = verified()
    factories.organization(owner=user)

    visit(client)

    assert client.session["_auth_user_id"] == str(user.pk)
    assert SocialAccount.objects.get().user == user
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize("has_row", [True, False])
def test_account_that_somebody_opened_with_this_address_is_not_shared(
    client: Client, visit: Visit, has_row: bool
) -> None:
    squatter = factories.user(email=ADDRESS)
    if has_row:
        EmailAddress.objects.create(user=squatter, email=ADDRESS, verified=False, primary=True)

    page = visit(client)

    assert page.status_code == 403
    assert "already" in text_of(page)
    assert not is_in(client)
    assert not SocialAccount.objects.exists()
    squatter.refresh_from_db()
    assert squatter.check_password(PASSWORD)


def test_inactive_account_stays_out(client: Client, visit: Visit) -> None:
    verified(is_active=False)

    visit(client)

    assert not is_in(client)
    assert User.objects.count() == 1


def test_second_step_is_asked_after_google_too(client: Client, visit: Visit) -> None:
    user = verified()
    totp.TOTP.activate(user, totp.generate_totp_secret())

    answer = visit(client)

    assert answer["Location"] == reverse("mfa_authenticate")
    assert not is_in(client)


def test_address_that_somebody_only_claims_does_not_keep_its_owner_out(client: Client, visit: Visit) -> None:
    EmailAddress.objects.create(user=factories.user(), email=ADDRESS)

    visit(client)

    assert is_in(client)
    assert EmailAddress.objects.get(email=ADDRESS).user == User.objects.get(email=ADDRESS)


# Connecting


@pytest.fixture
def member(client: Client, organization: Organization) -> User:
    user = verified()
    factories.organizations.add_member(organization=organization, user=user, role=Role.AGENT)
    client.post("/accounts/login/", {"login": ADDRESS, "password": PASSWORD})
    return user


def test_member_connects_the_google_account_of_the_same_address(
    client: Client, member: User, visit: Visit
) -> None:
    answer = visit(client, process="connect", next="/accounts/security/")

    assert answer["Location"] == "/accounts/security/"
    assert SocialAccount.objects.get().user == member
    assert "Connected" in text_of(client.get("/accounts/security/"))


def test_another_address_is_not_connected(
    client: Client, member: User, visit: Visit, google: GoogleAccountsFake
) -> None:
    google.person = Person("2002", "mallory@example.com")

    page = visit(client, process="connect")

    assert page.status_code == 403
    assert not SocialAccount.objects.exists()


def test_account_whose_address_nobody_has_proved_takes_no_google_account(
    client: Client, member: User, visit: Visit
) -> None:
    EmailAddress.objects.filter(user=member).update(verified=False)

    page = visit(client, process="connect")

    assert page.status_code == 403
    assert "Confirm the address" in text_of(page)
    assert not SocialAccount.objects.exists()


def test_google_account_of_somebody_else_is_not_taken_over(
    client: Client, member: User, visit: Visit
) -> None:
    other = factories.user()
    SocialAccount.objects.create(user=other, provider="google", uid="1001")

    visit(client, process="connect")

    assert SocialAccount.objects.get().user == other


def test_connected_account_can_be_disconnected(client: Client, member: User, visit: Visit) -> None:
    visit(client, process="connect")

    page = client.post(reverse("socialaccount_connections"), {"account": SocialAccount.objects.get().pk})

    assert page.status_code == 302
    assert not SocialAccount.objects.exists()


# Answers that are not Google's, or not for this browser


def test_saying_no_at_google_leads_back_to_sign_in(
    client: Client, visit: Visit, google: GoogleAccountsFake
) -> None:
    google.person = None

    page = client.get(visit(client)["Location"])

    assert page.status_code == 200
    assert not is_in(client)


@pytest.mark.parametrize("query", ["", "?code=x", "?code=x&state=y", "?state=y", "?error=server_error"])
def test_callback_without_our_state_opens_nothing(
    client: Client, google: GoogleAccountsFake, query: str
) -> None:
    assert client.get(f"{CALLBACK}{query}").status_code == 401
    assert not is_in(client)


def test_callback_of_another_browser_opens_nothing(client: Client, google: GoogleAccountsFake) -> None:
    sent = client.post(LOGIN)
    back = urlsplit(google.consent(dict(parse_qsl(urlsplit(sent["Location"]).query))))

    other = Client()
    assert other.get(f"{back.path}?{back.query}").status_code == 401
    assert not is_in(other)


def test_callback_works_once(client: Client, google: GoogleAccountsFake) -> None:
    sent = client.post(LOGIN)
    back = urlsplit(google.consent(dict(parse_qsl(urlsplit(sent["Location"]).query))))
    client.get(f"{back.path}?{back.query}")
    client.post("/accounts/logout/")

    assert client.get(f"{back.path}?{back.query}").status_code == 401
    assert not is_in(client)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "somebody-else"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"sub": ""},
        {"sub": None},
        {"sub": 7},
        {"email": None},
        {"email": ""},
        {"email": "not an address"},
        {"email": ["a@example.com"]},
        {"email": "a" * 300 + "@example.com"},
        {"email_verified": False},
        {"email_verified": None},
    ],
)
def test_identity_that_is_not_right_opens_nothing(
    client: Client, visit: Visit, google: GoogleAccountsFake, claims: dict[str, Any]
) -> None:
    google.claims = claims

    page = visit(client)

    assert page.status_code in (400, 401, 403)
    assert not is_in(client)
    assert not User.objects.exists()


def test_name_with_markup_or_too_long_is_kept_as_words(
    client: Client, visit: Visit, google: GoogleAccountsFake
) -> None:
    google.claims = {"given_name": "<b>" + "x" * 400, "family_name": 7}

    visit(client)

    assert len(User.objects.get().name) == 150


@pytest.mark.parametrize("url", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_way_back_stays_here(client: Client, visit: Visit, url: str) -> None:
    assert visit(client, next=url)["Location"] == "/admin/"
