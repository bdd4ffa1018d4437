"""allauth's tables and beat's, for the installation's staff: readable, without secrets, ours protected."""

from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialApp
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from chatboost.console.site import site
from chatboost.core.models import AuditEntry
from chatboost.core.ticks import beat
from teams.models import Organization, User
from teams.roles import Role
from tests import factories
from tests.console import rows

pytestmark = pytest.mark.django_db

# What `rows.of_account` writes where nobody may read it.
SECRETS = [f"hidden-{name}" for name in ("app-secret", "profile", "confirmation", "session", "totp", "token")]
ALLAUTH = ("account", "mfa", "socialaccount", "usersessions")


@pytest.fixture
def staff(organization: Organization) -> User:
    user = factories.member(organization, Role.VIEWER)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.refresh_from_db()
    return user


@pytest.fixture
def staff_browser(browser_of: Callable[[User], Client], staff: User) -> Client:
    return browser_of(staff)


def page(model: type, name: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)  # type: ignore[attr-defined]


def test_every_table_of_allauth_has_pages() -> None:
    wanted = {model for label in ALLAUTH for model in apps.get_app_config(label).get_models()}
    assert wanted <= set(site._registry)


def test_secrets_stand_on_no_page(staff_browser: Client) -> None:
    shown = []
    for model, row in rows.of_installation().items():
        addresses = [page(model, "changelist"), *(page(model, name, row.pk) for name in ("change", "delete"))]
        texts = {address: staff_browser.get(address).content.decode() for address in addresses}
        shown += [
            (address, secret) for address, text in texts.items() for secret in SECRETS if secret in text
        ]
    assert shown == []


def test_stored_secret_stays_when_the_field_is_empty(staff_browser: Client) -> None:
    app = SocialApp.objects.create(provider="google", name="G", client_id="1", secret="kept")
    told = {"provider": "google", "provider_id": "", "name": "Google", "client_id": "1", "new_secret": ""}
    staff_browser.post(page(SocialApp, "change", app.pk), told)
    app.refresh_from_db()
    assert (app.name, app.secret) == ("Google", "kept")
    staff_browser.post(page(SocialApp, "change", app.pk), told | {"new_secret": "new"})
    app.refresh_from_db()
    assert app.secret == "new"
    assert "new" not in str(AuditEntry.objects.latest("id").changes.get("secret"))


def test_verified_address_is_noted(staff_browser: Client, staff: User) -> None:
    other = factories.user()
    address = EmailAddress.objects.create(user=other, email=other.email)
    staff_browser.post(page(EmailAddress, "change", address.pk), {"verified": "on"})
    address.refresh_from_db()
    entry = AuditEntry.objects.latest("id")
    assert address.verified
    assert (entry.verb, entry.actor_id, entry.organization_id) == ("email_address.changed", staff.pk, 0)


def test_deleted_session_is_signed_out(
    staff_browser: Client, browser_of: Callable[[User], Client], organization: Organization
) -> None:
    user = factories.member(organization)
    other = browser_of(user)
    key = other.session.session_key
    assert key is not None
    row = UserSession.objects.create(user=user, ip="127.0.0.1", session_key=key, user_agent="x")
    staff_browser.post(page(UserSession, "delete", row.pk), {"post": "yes"})
    assert not UserSession.objects.filter(pk=row.pk).exists()
    assert other.get("/admin/").status_code == 302


def test_sessions_that_staff_ends_are_noted(staff_browser: Client, staff: User) -> None:
    user = factories.user()
    signed_in = [UserSession.objects.create(user=user, ip="127.0.0.1", session_key=f"{n}") for n in range(2)]
    chosen = {ACTION_CHECKBOX_NAME: [row.pk for row in signed_in], "action": "end_selected"}
    ids = ",".join(str(row.pk) for row in signed_in)
    staff_browser.post(page(UserSession, "changelist"), chosen | {"confirmed": "1", "ids": ids})
    assert not UserSession.objects.filter(user=user).exists()
    entries = AuditEntry.objects.filter(verb="user.signed_out", actor_id=staff.pk, object_id=str(user.pk))
    assert [entry.organization_id for entry in entries] == [0, 0]


def test_deleted_second_step_takes_its_recovery_codes_along(staff_browser: Client) -> None:
    user = factories.user()
    step = Authenticator.objects.create(user=user, type="totp", data={})
    Authenticator.objects.create(user=user, type="recovery_codes", data={})
    staff_browser.post(page(Authenticator, "delete", step.pk), {"post": "yes"})
    assert not Authenticator.objects.filter(user=user).exists()


def test_tasks_of_the_product_are_not_edited(staff_browser: Client) -> None:
    beat.sync()
    task = PeriodicTask.objects.filter(name__startswith=beat.PREFIX).first()
    assert task is not None
    answer = staff_browser.get(page(PeriodicTask, "change", task.pk))
    assert "Managed by the installation" in " ".join(map(str, get_messages(answer.wsgi_request)))
    assert b'name="_save"' not in answer.content
    assert staff_browser.post(page(PeriodicTask, "change", task.pk), {"name": "mine"}).status_code == 403
    assert staff_browser.post(page(PeriodicTask, "delete", task.pk), {"post": "yes"}).status_code == 403
    task.refresh_from_db()
    assert task.name.startswith(beat.PREFIX)


def test_schedule_that_the_product_uses_is_not_edited(staff_browser: Client) -> None:
    schedule = CrontabSchedule.objects.create(minute="7")
    own = CrontabSchedule.objects.create(minute="8")
    PeriodicTask.objects.create(name=f"{beat.PREFIX}x", task="core.tick", crontab=schedule)
    assert (
        staff_browser.post(page(CrontabSchedule, "delete", schedule.pk), {"post": "yes"}).status_code == 403
    )
    assert staff_browser.post(page(CrontabSchedule, "delete", own.pk), {"post": "yes"}).status_code == 302
    assert PeriodicTask.objects.filter(name=f"{beat.PREFIX}x").exists()


def test_bulk_switch_leaves_the_product_s_tasks(staff_browser: Client) -> None:
    schedule = CrontabSchedule.objects.create(minute="7")
    kept = PeriodicTask.objects.create(name=f"{beat.PREFIX}x", task="core.tick", crontab=schedule)
    own = PeriodicTask.objects.create(name="Mine", task="core.sweep", crontab=schedule)
    told = {"action": "disable_selected", "_selected_action": kept.pk, "select_across": "1", "index": "0"}
    staff_browser.post(
        page(PeriodicTask, "changelist"), told | {"confirmed": "1", "ids": f"{kept.pk},{own.pk}"}
    )
    assert list(PeriodicTask.objects.filter(pk__in=[kept.pk, own.pk], enabled=False)) == [own]


def test_owner_of_an_organization_is_no_staff(browser: Client) -> None:
    statuses = {browser.get(page(model, "changelist")).status_code for model in rows.of_installation()}
    assert statuses == {403}
