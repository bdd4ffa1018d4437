"""`manage.py create_organization`: what an installer expects of it."""

import io
import re

import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import CommandError, call_command
from django.test import Client

from chatboost.core.models import AuditEntry
from teams.models import Membership, Organization, User
from teams.services import deletion
from tests import factories

pytestmark = pytest.mark.django_db

EMAIL = "boss@example.com"


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("create_organization", *arguments, stdout=out)
    return out.getvalue()


def test_new_owner_gets_a_link_that_sets_a_password_without_any_mail(client: Client) -> None:
    said = run("Initech", "--email", EMAIL)

    link = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", said)
    assert link, said
    form = client.get(link[1], follow=True)
    new = {"password1": "a long enough secret", "password2": "a long enough secret"}
    client.post(form.redirect_chain[-1][0], new)
    assert User.objects.get().check_password("a long enough secret")
    # It works once.
    again = Client().get(link[1], follow=True)
    assert "password1" not in again.content.decode()


@pytest.mark.parametrize("slug", [[], ["--slug", "initech"]])
def test_second_run_changes_nothing_and_says_so(slug: list[str]) -> None:
    run("Initech", "--email", EMAIL, *slug)

    said = run("Initech", "--email", f" {EMAIL.upper()} ", *slug)

    assert "was open already" in said
    assert Organization.objects.count() == User.objects.count() == 1


def test_slug_of_somebody_else_is_an_error(organization: Organization) -> None:
    with pytest.raises(CommandError, match="Another organization has this slug"):
        run("Acme", "--email", EMAIL, "--slug", "acme")

    assert not User.objects.filter(email=EMAIL).exists()


def test_known_user_keeps_their_password_and_is_told_where_to_sign_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = factories.user(email=EMAIL)
    monkeypatch.setattr("sys.stdin", io.StringIO("another long secret\n"))

    said = run("Initech", "--email", EMAIL, "--password-stdin")

    user.refresh_from_db()
    assert user.check_password("correct horse battery")
    assert "keeps its password" in said
    assert "/accounts/login/" in said


def test_owner_who_has_lost_everything_gets_a_link_that_is_audited(client: Client) -> None:
    run("Initech", "--email", EMAIL)
    User.objects.update(password=make_password("forgotten, alas"))

    plain, said = run("Initech", "--email", EMAIL), run("Initech", "--email", EMAIL, "--reset-link")

    link = re.search(r"https?://[^/]+(/accounts/password/reset/key/\S+)", said)
    assert link, said
    form = client.get(link[1], follow=True)
    new = {"password1": "a long enough secret", "password2": "a long enough secret"}
    client.post(form.redirect_chain[-1][0], new)
    assert User.objects.get().check_password("a long enough secret")
    assert "/accounts/password/reset/" not in plain
    entry = AuditEntry.objects.get(verb="user.reset_link_made")
    assert (entry.organization_id, entry.object_label) == (0, EMAIL)
    assert Organization.objects.count() == 1


def test_deactivated_owner_is_an_error() -> None:
    factories.user(email=EMAIL, is_active=False)

    with pytest.raises(CommandError, match="deactivated"):
        run("Initech", "--email", EMAIL)

    assert not Organization.objects.exists()


def test_deleted_organization_is_not_taken_for_open() -> None:
    run("Initech", "--email", EMAIL, "--slug", "initech")
    deletion.delete(organization=Organization.objects.get(), slug="initech")

    with pytest.raises(CommandError, match="slug"):
        run("Initech", "--email", EMAIL, "--slug", "initech")

    assert Membership.objects.count() == 1


@pytest.mark.parametrize("email", ["", "nobody", "a@b@c", "boss@example.com, x@example.com"])
def test_no_address_is_an_error(email: str) -> None:
    with pytest.raises(CommandError):
        run("Initech", "--email", email)

    assert not Organization.objects.exists()
