"""The audit log in the console, and what services write into it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from chatboost.core import audit
from chatboost.core.admin.display import admin_url
from chatboost.core.models import AuditEntry
from chatboost.messaging.models import Bot, Channel
from flows.models import Flow
from teams.models import ApiKey, Organization, User
from teams.roles import Role
from tests import factories
from tests.console import rows
from triggers.models import Trigger

pytestmark = pytest.mark.django_db

LIST = "admin:core_auditentry_changelist"
BrowserOf = Callable[[User], Client]


def page(entry: AuditEntry) -> str:
    return reverse("admin:core_auditentry_change", args=[entry.pk])


def listed(client: Client, **query: str) -> list[str]:
    return [row.verb for row in client.get(reverse(LIST), query).context["cl"].result_list]


@pytest.fixture
def staff(organization: Organization) -> User:
    person = factories.member(organization, Role.VIEWER)
    User.objects.filter(pk=person.pk).update(is_staff=True)
    return person


@pytest.fixture
def noted(organization: Organization, other_organization: Organization) -> dict[str, AuditEntry]:
    """An entry of the organization, of another one and of the installation, and no others."""
    AuditEntry.objects.all().delete()
    numbers = {"own": organization.pk, "foreign": other_organization.pk, "installation": 0}
    return {
        name: audit.record(actor=None, verb=f"{name}.changed", organization_id=number)
        for name, number in numbers.items()
    }


# Who sees what


def test_log_shows_an_admin_the_own_organization_alone(browser: Client, noted: dict[str, AuditEntry]) -> None:
    assert listed(browser) == ["own.changed"]
    statuses = {name: browser.get(page(entry)).status_code for name, entry in noted.items()}
    assert statuses == {"own": 200, "foreign": 404, "installation": 404}


def test_log_shows_staff_the_installations_entries_and_not_what_their_role_hides(
    browser_of: BrowserOf, staff: User, noted: dict[str, AuditEntry]
) -> None:
    client = browser_of(staff)
    assert listed(client) == ["installation.changed"]
    statuses = {name: client.get(page(entry)).status_code for name, entry in noted.items()}
    assert statuses == {"own": 404, "foreign": 404, "installation": 200}


def test_log_shows_staff_who_are_admins_both(
    browser_of: BrowserOf, owner: User, noted: dict[str, AuditEntry]
) -> None:
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    assert listed(browser_of(owner)) == ["installation.changed", "own.changed"]


def test_log_is_closed_to_an_editor(browser_of: BrowserOf, editor: User) -> None:
    assert browser_of(editor).get(reverse(LIST)).status_code == 403


@pytest.mark.parametrize("name", ["add", "change", "delete"])
def test_log_is_changed_by_nobody(browser: Client, noted: dict[str, AuditEntry], name: str) -> None:
    args = [] if name == "add" else [noted["own"].pk]
    answer = browser.post(reverse(f"admin:core_auditentry_{name}", args=args), {"verb": "x", "post": "yes"})
    assert answer.status_code == 403
    assert AuditEntry.objects.get(pk=noted["own"].pk).verb == "own.changed"


def test_log_is_in_the_sidebar_of_those_who_may_see_it(browser: Client, viewer_browser: Client) -> None:
    address = reverse(LIST)
    assert address in browser.get("/admin/").content.decode()
    assert address not in viewer_browser.get("/admin/").content.decode()


# How it looks


def test_page_shows_what_changed_from_what_to_what(browser: Client, organization: Organization) -> None:
    bot = factories.bot(organization)
    entry = audit.record(
        actor=None,
        verb="bot.changed",
        object=bot,
        changes={"name": ("Old", "<b>New</b>"), "is_active": (True, False), "note": ("", None)},
    )
    shown = browser.get(page(entry)).content.decode()
    assert "<dt>name</dt><dd><span>Old</span> → <b>&lt;b&gt;New&lt;/b&gt;</b></dd>" in shown
    assert "<dt>is active</dt><dd><span>yes</span> → <b>no</b></dd>" in shown
    assert "<dt>note</dt><dd><span>—</span> → <b>—</b></dd>" in shown
    assert "Bot changed" in shown
    assert reverse("admin:messaging_bot_change", args=[bot.pk]) in shown


def test_page_of_something_deleted_has_no_link_to_it(browser: Client, organization: Organization) -> None:
    bot = factories.bot(organization)
    entry = audit.record(actor=None, verb="bot.deleted", object=bot)
    assert (
        reverse("admin:messaging_bot_change", args=[bot.pk]) not in browser.get(page(entry)).content.decode()
    )


def test_page_links_to_nothing_that_would_not_open(
    browser: Client,
    browser_of: BrowserOf,
    staff: User,
    organization: Organization,
    other_organization: Organization,
) -> None:
    gone, foreign = factories.bot(organization), factories.bot(other_organization)
    things: list[Any] = [gone, foreign, staff]
    entries = [
        audit.record(actor=None, verb="thing.changed", object=each, organization_id=organization.pk)
        for each in things
    ]
    addresses = [admin_url(each) for each in things]
    gone.delete()
    for entry, address in zip(entries, addresses, strict=True):
        assert address not in browser.get(page(entry)).content.decode()
    own = audit.record(actor=None, verb="thing.changed", object=staff, organization_id=0)
    assert addresses[-1] in browser_of(staff).get(page(own)).content.decode()


@pytest.mark.parametrize(
    ("query", "verbs"),
    [
        ({"verb": "bot.changed"}, ["bot.changed"]),
        ({"object_type": "messaging.bot"}, ["bot.changed"]),
        ({"q": "Pizza"}, ["bot.changed"]),
        ({"q": "nobody"}, []),
        ({"object_id": "0"}, []),
        ({"created_at_from": "2001-01-01", "created_at_to": "2001-01-02"}, []),
        ({"created_at_from": "2001-01-01", "verb": "bot.changed"}, ["bot.changed"]),
        ({"created_at_from": "soon", "created_at_to": "9999-12-31", "q": "Pizza"}, ["bot.changed"]),
    ],
)
def test_log_is_filtered(
    browser: Client, organization: Organization, query: dict[str, str], verbs: list[str]
) -> None:
    audit.record(actor=None, verb="bot.changed", object=factories.bot(organization, name="The Pizza bot"))
    audit.record(actor=None, verb="flow.changed", organization_id=organization.pk)
    assert listed(browser, **query) == verbs


def test_filters_offer_the_organizations_own_words(browser: Client, noted: dict[str, AuditEntry]) -> None:
    shown = browser.get(reverse(LIST)).content.decode()
    assert "Own changed" in shown
    assert "Foreign changed" not in shown


# What services note


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization, name="Pizza")


@pytest.fixture
def clean(bot: Bot) -> None:
    """Forget what fixtures noted."""
    AuditEntry.objects.all().delete()


def noted_since() -> list[tuple[str, int, str]]:
    entries = AuditEntry.objects.order_by("id")
    return [(entry.verb, entry.organization_id, entry.actor_label) for entry in entries]


def test_bot_over_the_api_is_noted_with_the_key(api: APIClient, organization: Organization) -> None:
    key = ApiKey.objects.get()
    AuditEntry.objects.all().delete()
    bot_id = api.post("/bots/", {"name": "Pizza"}, format="json").json()["id"]
    api.patch(f"/bots/{bot_id}/", {"name": "Pasta"}, format="json")
    api.patch(f"/bots/{bot_id}/", {"name": "Pasta"}, format="json")
    api.delete(f"/bots/{bot_id}/")
    verbs = ["bot.created", "channel.created", "bot.changed", "bot.deleted"]
    assert noted_since() == [(verb, organization.pk, f"API key {key}") for verb in verbs]
    assert AuditEntry.objects.get(verb="bot.changed").changes == {"name": ["Pizza", "Pasta"]}
    assert AuditEntry.objects.get(verb="bot.deleted").object_label == "Pasta"


def test_credentials_of_a_channel_never_reach_the_log(api: APIClient, bot: Bot) -> None:
    body = {"bot": bot.pk, "kind": "whatsapp", "phone_number_id": "123456", "access_token": "EAAG-one"}
    channel_id = api.post("/channels/", body, format="json").json()["id"]
    api.patch(f"/channels/{channel_id}/", {"access_token": "EAAG-two"}, format="json")
    assert AuditEntry.objects.get(verb="channel.changed").changes == {"access_token": ["•••", "•••"]}
    assert not AuditEntry.objects.filter(changes__icontains="EAAG").exists()


def test_console_notes_the_person(browser: Client, owner: User, bot: Bot, clean: None) -> None:
    browser.post(
        reverse("admin:messaging_bot_change", args=[bot.pk]),
        {
            "name": "Pasta",
            "is_active": "on",
            "is_whatsapp_enabled": "on",
            "channels-TOTAL_FORMS": "0",
            "channels-INITIAL_FORMS": "0",
        },
    )
    assert noted_since() == [("bot.changed", bot.organization_id, owner.email)]


def test_flow_is_noted_when_published_and_rolled_back(browser: Client, owner: User, bot: Bot) -> None:
    flow = rows.flow(bot)
    flow.nodes.update(config={**rows.NODE, "content": {"text": "Changed"}})
    AuditEntry.objects.all().delete()
    browser.post(reverse("admin:flows_flow_action", args=[flow.pk, "publish"]))
    old = flow.versions.get(number=1)
    browser.post(reverse("admin:flows_flowversion_action", args=[old.pk, "roll_back"]))
    assert [verb for verb, _, actor in noted_since() if actor == owner.email] == [
        "flow.published",
        "flow.rolled_back",
    ]
    published = AuditEntry.objects.get(verb="flow.published")
    assert published.changes == {"published_version": ["version 1", "version 2"]}


def test_flow_published_by_a_key_is_the_keys(api: APIClient, bot: Bot) -> None:
    flow = rows.flow(bot)
    flow.nodes.update(config={**rows.NODE, "content": {"text": "Changed"}})
    api.post(f"/bots/flows/{flow.pk}/publish/")
    assert AuditEntry.objects.get(verb="flow.published").actor_label.startswith("API key test")
    assert Flow.objects.get().published_version.published_by is None  # type: ignore[union-attr]


def test_trigger_is_noted_from_its_first_to_its_last_day(api: APIClient, bot: Bot) -> None:
    flow = rows.flow(bot)
    AuditEntry.objects.all().delete()
    body = {"name": "Menu", "bot_id": bot.pk, "flow_id": flow.pk, "keywords": ["menu"]}
    made = api.post("/triggers/", body, format="json")
    assert made.status_code == 201, made.json()
    address = f"/triggers/{Trigger.objects.get().pk}/"
    api.patch(address, {"keywords": ["menu", "card"]}, format="json")
    api.post(f"{address}deactivate/")
    api.post(f"{address}deactivate/")
    api.post(f"{address}activate/")
    api.delete(address)
    assert [verb for verb, _, _ in noted_since()] == [
        "trigger.created",
        "trigger.changed",
        "trigger.deactivated",
        "trigger.activated",
        "trigger.deleted",
    ]
    assert AuditEntry.objects.get(verb="trigger.changed").changes == {
        "keywords": [["menu"], ["menu", "card"]]
    }


def test_erased_contact_is_noted_without_a_name(
    api: APIClient, organization: Organization, editor: User
) -> None:
    ada = factories.contact(organization, first_name="Ada", phone="+15550100001")
    audit.record(actor=editor, verb="contact.changed", object=ada, changes={"first_name": ("A", "Ada")})
    api.delete(f"/contacts/{ada.pk}/")
    entries = AuditEntry.objects.filter(object_type="messaging.contact")
    assert {entry.verb for entry in entries} == {"contact.changed", "contact.erased"}
    assert {entry.object_label for entry in entries} == {f"Contact {ada.pk}"}
    assert not any(entry.changes for entry in entries)


def test_pausing_the_bot_is_noted_once(api: APIClient, bot: Bot) -> None:
    conversation = factories.conversation(factories.channel(bot), factories.contact(bot.organization))
    AuditEntry.objects.all().delete()
    for action in ("pause-bot", "pause-bot", "resume-bot"):
        api.post(f"/conversations/{conversation.pk}/{action}/")
    assert [verb for verb, _, _ in noted_since()] == ["conversation.bot_paused", "conversation.bot_resumed"]


def test_api_key_is_noted_when_made_and_revoked_without_its_text(
    browser: Client, owner: User, organization: Organization
) -> None:
    AuditEntry.objects.all().delete()
    browser.post(reverse("admin:teams_apikey_add"), {"name": "Shop", "role": "editor"})
    key = ApiKey.objects.get()
    for _ in range(2):
        browser.post(reverse("admin:teams_apikey_action", args=[key.pk, "revoke"]))
    assert noted_since() == [
        ("api_key.created", organization.pk, owner.email),
        ("api_key.revoked", organization.pk, owner.email),
    ]
    assert key.secret_hash not in str(list(AuditEntry.objects.values("changes", "object_label")))


def test_organization_is_noted_when_it_changes(
    browser: Client, owner: User, organization: Organization
) -> None:
    AuditEntry.objects.all().delete()
    address = reverse("admin:teams_organization_change", args=[organization.pk])
    for _ in range(2):
        browser.post(
            address, {"name": "Acme Ltd", "time_zone": "UTC", "language": "en", "second_step": "optional"}
        )
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.organization_id) == ("organization.changed", organization.pk)
    assert entry.changes == {"name": ["Acme", "Acme Ltd"]}


def test_password_change_is_the_installations_entry_without_a_password(browser: Client, owner: User) -> None:
    AuditEntry.objects.all().delete()
    fields = {"oldpassword": "correct horse battery", "password1": "a new good secret"}
    browser.post(reverse("account_change_password"), fields | {"password2": "a new good secret"})
    assert noted_since() == [("user.password_changed", 0, owner.email)]
    assert AuditEntry.objects.get().changes == {}


def test_refused_change_leaves_no_entry(api: APIClient, bot: Bot) -> None:
    taken = factories.channel(bot)
    AuditEntry.objects.all().delete()
    body: dict[str, Any] = {"bot": bot.pk, "kind": "whatsapp", "phone_number_id": taken.external_id}
    assert api.post("/channels/", body, format="json").status_code == 409
    assert not AuditEntry.objects.exists()
    assert Channel.objects.count() == 1
