"""The settings pages: made from each room's dataclass."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import time, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from chatboost.core import preferences
from chatboost.core.models import AuditEntry
from chatboost.core.preferences import registry, setting
from chatboost.messaging.preferences import MessagingSettings
from teams.models import Organization, User
from teams.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, slots=True)
class Shop:
    """One setting of each type."""

    is_open: bool = setting(True, label="Open for business")
    limit: int = setting(10, label="Limit", help="Orders a day.", min=1, max=100)
    motto: str = setting("", label="Motto", max=20)
    language: str = setting("en", label="Language", choices=[("en", "English"), ("de", "German")])
    opens_at: time = setting(time(9), label="Opens at")
    pause: timedelta = setting(timedelta(minutes=5), label="Pause", max=timedelta(days=1))
    words: list[str] = setting([], label="Words", max=3)


@pytest.fixture(autouse=True)
def _declared() -> Iterator[None]:
    known = dict(registry._rooms)
    preferences.declare("shop", Shop, title="A shop")
    yield
    registry._rooms.clear()
    registry._rooms.update(known)


PAGE = "/admin/settings/shop/"
FIELDS = {
    "version": "0",
    "is_open": "on",
    "limit": "10",
    "motto": "",
    "language": "en",
    "opens_at": "09:00",
    "pause": "0 00:05:00",
    "words": "",
}


def test_form_has_a_field_of_each_type_with_the_value_as_it_is(
    browser: Client, organization: Organization
) -> None:
    preferences.change(
        organization_id=organization.pk,
        type=Shop,
        actor=None,
        limit=42,
        opens_at=time(8, 30),
        words=["a", "b"],
    )
    form = browser.get(PAGE).context["form"]
    shown = browser.get(PAGE).content.decode()
    assert list(form.fields) == list(FIELDS)
    assert 'value="42"' in shown
    assert 'type="time"' in shown
    assert 'value="08:30"' in shown
    assert re.search(r"<textarea[^>]*>\s*a\nb\s*</textarea>", shown)
    assert "Orders a day." in shown


def test_saving_changes_what_was_changed_and_is_noted(
    browser: Client, owner: User, organization: Organization
) -> None:
    changed = {"limit": "20", "language": "de", "pause": "0 02:00:00", "words": "one\n\n two \n"}
    del (fields := {**FIELDS, **changed})["is_open"]
    answer = browser.post(PAGE, fields)
    assert answer.status_code == 302
    assert preferences.get(organization.pk, Shop) == Shop(
        is_open=False, limit=20, language="de", pause=timedelta(hours=2), words=["one", "two"]
    )
    entry = AuditEntry.objects.get(verb="settings.changed")
    assert (entry.actor_id, entry.organization_id) == (owner.pk, organization.pk)
    assert set(entry.changes) == {"is_open", "limit", "language", "pause", "words"}


def test_saving_without_a_change_is_none(browser: Client, organization: Organization) -> None:
    assert browser.post(PAGE, FIELDS).status_code == 302
    assert not AuditEntry.objects.filter(verb="settings.changed").exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"motto": "x" * 21}, "motto"),
        ({"language": "tlh"}, "language"),
        ({"opens_at": "noon"}, "opens_at"),
        ({"pause": "3 00:00:00"}, "pause"),
        ({"words": "a\nb\nc\nd"}, "words"),
    ],
)
def test_what_breaks_a_rule_comes_back_beside_its_field(
    browser: Client, organization: Organization, changed: dict[str, str], field: str
) -> None:
    answer = browser.post(PAGE, FIELDS | changed)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert preferences.get(organization.pk, Shop) == Shop()


def test_form_that_is_older_than_the_settings_is_refused(browser: Client, organization: Organization) -> None:
    preferences.change(organization_id=organization.pk, type=Shop, actor=None, limit=50)
    answer = browser.post(PAGE, FIELDS | {"limit": "20"})
    assert "Somebody else changed these settings" in answer.content.decode()
    assert preferences.get(organization.pk, Shop).limit == 50


def test_settings_are_the_own_organizations(
    browser: Client, organization: Organization, other_organization: Organization
) -> None:
    browser.post(PAGE, FIELDS | {"limit": "20"})
    assert preferences.get(other_organization.pk, Shop) == Shop()


def test_unknown_room_is_not_found(browser: Client) -> None:
    assert browser.get("/admin/settings/nothing/").status_code == 404


@pytest.mark.parametrize("role", list(Role))
def test_settings_are_for_admins(
    browser_of: Callable[[User], Client], organization: Organization, role: Role
) -> None:
    client = browser_of(factories.member(organization, role))
    expected = 200 if role in (Role.OWNER, Role.ADMIN) else 403
    answers = [client.get(PAGE).status_code, client.post(PAGE, {}).status_code]
    assert answers == [expected, expected]


def test_sidebar_leads_to_the_first_room(browser: Client, viewer_browser: Client) -> None:
    address = reverse("admin:settings")
    assert address in browser.get("/admin/").content.decode()
    assert address not in viewer_browser.get("/admin/").content.decode()
    assert browser.get(address).context["room"].name == "shop"


def test_messaging_settings_are_saved(browser: Client, organization: Organization) -> None:
    page = reverse("admin:settings_room", args=["messaging"])
    assert browser.get(page).status_code == 200
    browser.post(page, {"version": "0", "receipts_kept_days": "14"})
    assert preferences.get(organization.pk, MessagingSettings).receipts_kept_days == 14
