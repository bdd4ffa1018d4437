"""Registration and the first organization, below the API."""

import io

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command

from chatboost.core.errors import ValidationFailed
from chatboost.core.models import AuditEntry
from teams.models import Membership, Organization, User
from teams.roles import Role
from teams.services import invites, organizations, registration
from tests import factories
from tests.teams.invited import ADDRESS, SECRET, ask

pytestmark = pytest.mark.django_db


def test_register_refused_organization_leaves_no_user() -> None:
    with pytest.raises(ValidationFailed):
        registration.register(email="a@example.com", password="short")

    assert not User.objects.exists()
    assert not Organization.objects.exists()
    assert not AuditEntry.objects.exists()


def test_whoever_creates_a_user_is_noted(organization: Organization) -> None:
    registered = registration.register(email="a@example.com", password=SECRET)
    invites.accept_as_new(key=invites.key_of(ask(organization)), password=SECRET)
    registration.open_organization(name="Initech", email="c@example.com")

    entries = AuditEntry.objects.filter(verb="user.created", organization_id=0).order_by("id")
    invited = User.objects.get(email=ADDRESS)
    assert [entry.actor_id for entry in entries] == [registered.pk, invited.pk, None]


def test_register_without_any_name_calls_the_organization_after_the_address() -> None:
    user = registration.register(email="grace@example.com", password="a long enough secret")

    assert Membership.objects.get(user=user).organization.name == "grace"


def test_register_name_without_latin_letters_gets_a_slug() -> None:
    user = registration.register(email="a@example.com", password="a long enough secret", name="آمنہ")

    organization = Membership.objects.get(user=user).organization
    assert (organization.name, organization.slug) == ("آمنہ", "organization")


def test_create_user_address_of_anothers_second_mailbox_is_taken() -> None:
    other = factories.user()
    EmailAddress.objects.create(user=other, email="second@example.com", verified=True)

    with pytest.raises(ValidationFailed) as refusal:
        registration.create_user(email="Second@Example.com", password=None)

    assert refusal.value.code == "email_taken"


def test_create_user_address_that_somebody_only_claims_is_free() -> None:
    other = factories.user()
    EmailAddress.objects.create(user=other, email="second@example.com")

    user = registration.create_user(email="Second@Example.com", password=None)

    assert EmailAddress.objects.get(email="second@example.com").user == user


def test_create_given_slug_twice_is_refused() -> None:
    owner = factories.user()
    organizations.create(name="A", slug="same", owner=owner)

    with pytest.raises(ValidationFailed) as refusal:
        organizations.create(name="B", slug="same", owner=owner)

    assert refusal.value.code == "slug_taken"


def test_command_creates_owner_and_organization(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a long enough secret\n"))
    out = io.StringIO()

    call_command(
        "create_organization", "Initech", "--email", "Boss@Example.com", "--password-stdin", stdout=out
    )

    user = User.objects.get(email="boss@example.com")
    assert user.check_password("a long enough secret")
    membership = Membership.objects.get(user=user)
    assert membership.role == Role.OWNER
    assert membership.organization.uses_installation_chat
    assert "initech" in out.getvalue()


def test_command_for_a_known_user_adds_an_organization() -> None:
    user = factories.user(email="boss@example.com")

    call_command("create_organization", "Initech", "--email", "boss@example.com", stdout=io.StringIO())

    assert Membership.objects.get(user=user).organization.slug == "initech"


def test_command_without_password_makes_a_user_who_must_reset_it() -> None:
    out = io.StringIO()

    call_command("create_organization", "Initech", "--email", "boss@example.com", stdout=out)

    assert not User.objects.get().has_usable_password()
    assert "/accounts/password/reset/" in out.getvalue()


def test_command_weak_password_is_an_error_and_creates_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))

    with pytest.raises(CommandError, match="too short"):
        call_command("create_organization", "Initech", "--email", "boss@example.com", "--password-stdin")

    assert not User.objects.exists()
