"""Bots, channels and contacts in the console."""

import pytest
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from chatboost.messaging.models import Bot, Channel, ChannelHealth, ChannelKind, Contact, ContactAttribute
from chatboost.messaging.services import channels
from teams.models import Organization
from teams.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db

SECRET = "EAAB-very-secret-token"
NO_CHANNELS = {"channels-TOTAL_FORMS": "0", "channels-INITIAL_FORMS": "0"}


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization, name="Helper")


@pytest.fixture
def channel(bot: Bot) -> Channel:
    return channels.create(
        bot=bot,
        kind=ChannelKind.WHATSAPP,
        phone_number_id="111222333",
        access_token=SECRET,
        app_secret=SECRET,
    )


def add(noun: str) -> str:
    return reverse(f"admin:messaging_{noun}_add")


def change(row: Bot | Channel | Contact) -> str:
    return reverse(f"admin:messaging_{row._meta.model_name}_change", args=[row.pk])


def said(answer: HttpResponse) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))  # type: ignore[attr-defined]


def channel_form(channel: Channel, **fields: str) -> dict[str, str]:
    return {
        "name": channel.name,
        "external_id": channel.external_id,
        "address": "",
        "is_active": "on",
        **fields,
    }


def test_new_bot_comes_with_a_simulated_phone(browser: Client, organization: Organization) -> None:
    browser.post(
        add("bot"), {"name": "Shop", "description": "", "is_active": "on", "is_whatsapp_enabled": "on"}
    )
    bot = Bot.objects.get(name="Shop")
    assert bot.organization == organization
    assert [channel.kind for channel in bot.channels.all()] == [ChannelKind.SIMULATOR]


def test_changed_bot_is_saved(browser: Client, bot: Bot) -> None:
    browser.post(
        change(bot), {**NO_CHANNELS, "name": "Shop", "description": "Sells", "is_whatsapp_enabled": "on"}
    )
    bot.refresh_from_db()
    assert (bot.name, bot.description, bot.is_active) == ("Shop", "Sells", False)


def test_viewer_sees_a_bot_and_saves_nothing(viewer_browser: Client, bot: Bot) -> None:
    assert viewer_browser.get(change(bot)).status_code == 200
    assert viewer_browser.post(change(bot), {"name": "Mine"}).status_code == 403


def test_deleting_a_bot_says_how_much_goes_with_it(browser: Client, bot: Bot, channel: Channel) -> None:
    shown = browser.get(reverse("admin:messaging_bot_delete", args=[bot.pk])).content.decode()
    assert "Channels: 1" in shown


def test_stored_credentials_are_never_shown(browser: Client, channel: Channel) -> None:
    shown = browser.get(change(channel)).content.decode()
    assert SECRET not in shown
    assert "Stored, not shown." in shown


def test_entered_credentials_are_not_sent_back_with_an_error(browser: Client, channel: Channel) -> None:
    fields = channel_form(channel, external_id="not a number!", new_access_token="another-secret")
    shown = browser.post(change(channel), fields)
    assert (shown.status_code, "another-secret" in shown.content.decode()) == (200, False)


def test_credentials_left_empty_stay(browser: Client, channel: Channel) -> None:
    browser.post(change(channel), channel_form(channel, name="Main"))
    channel.refresh_from_db()
    assert (channel.name, channel.access_token, channel.app_secret) == ("Main", SECRET, SECRET)


@pytest.mark.parametrize(("entered", "kept"), [("20", 20), ("", 80), ("0", 80), ("10001", 80)])
def test_messages_a_second_are_entered(browser: Client, channel: Channel, entered: str, kept: int) -> None:
    browser.post(change(channel), channel_form(channel, messages_per_second=entered))
    channel.refresh_from_db()
    assert channel.messages_per_second == kept


def test_entered_credentials_replace_the_stored_ones(browser: Client, channel: Channel) -> None:
    browser.post(change(channel), channel_form(channel, new_access_token="new-token"))
    channel.refresh_from_db()
    assert (channel.access_token, channel.app_secret) == ("new-token", SECRET)


def test_forgotten_credentials_make_the_channel_a_sandbox(browser: Client, channel: Channel) -> None:
    browser.post(change(channel), channel_form(channel, clear_secrets="on"))
    channel.refresh_from_db()
    assert (channel.access_token, channel.kind) == ("", ChannelKind.WHATSAPP_SANDBOX)


def test_new_channel_without_a_token_is_a_sandbox(browser: Client, bot: Bot) -> None:
    fields = {"bot": str(bot.pk), "kind": ChannelKind.WHATSAPP.value, "external_id": "999", "is_active": "on"}
    browser.post(add("channel"), fields)
    assert Channel.objects.get(external_id="999").kind == ChannelKind.WHATSAPP_SANDBOX


def test_number_of_another_organization_is_refused_beside_the_form(
    browser: Client, bot: Bot, other_organization: Organization
) -> None:
    factories.channel(factories.bot(other_organization), external_id="999")
    fields = {"bot": str(bot.pk), "kind": ChannelKind.WHATSAPP.value, "external_id": "999", "is_active": "on"}
    answer = browser.post(add("channel"), fields)
    assert "This phone number id is connected already." in answer.content.decode()
    assert Channel.objects.filter(external_id="999").count() == 1


def test_bot_of_another_organization_is_no_choice(browser: Client, other_organization: Organization) -> None:
    foreign = factories.bot(other_organization)
    fields = {
        "bot": str(foreign.pk),
        "kind": ChannelKind.WHATSAPP.value,
        "external_id": "999",
        "is_active": "on",
    }
    assert "bot" in browser.post(add("channel"), fields).context["adminform"].form.errors
    assert not Channel.objects.exists()


def test_checking_a_sandbox_makes_it_ok_again(browser: Client, bot: Bot) -> None:
    channel = factories.channel(bot)
    channels.disable(channel, reason="expired")
    answer = browser.post(reverse("admin:messaging_channel_action", args=[channel.pk, "check_credentials"]))
    channel.refresh_from_db()
    assert "The credentials work" in said(answer)
    assert channel.health == ChannelHealth.OK


def test_channel_page_names_its_own_webhook_address(browser: Client, channel: Channel) -> None:
    assert f"/whatsapp/webhook/{channel.uuid}" in browser.get(change(channel)).content.decode()


def contact_form(contact: Contact | None = None, **fields: str) -> dict[str, str]:
    """Return the form of a contact with its attributes as they are; `fields` come on top."""
    known = list(contact.attributes.order_by("key")) if contact else []
    total = len(known) + any(name == f"attributes-{len(known)}-key" for name in fields)
    form = {
        "first_name": "Ana",
        "last_name": "",
        "phone": "",
        "email": "",
        "language": "",
        "status": "active",
    }
    form |= {"attributes-TOTAL_FORMS": str(total), "attributes-INITIAL_FORMS": str(len(known))}
    for number, attribute in enumerate(known):
        form |= {
            f"attributes-{number}-id": str(attribute.pk),
            f"attributes-{number}-contact": str(contact and contact.pk),
        }
        form |= {
            f"attributes-{number}-key": attribute.key,
            f"attributes-{number}-value_type": attribute.value_type,
        }
        form[f"attributes-{number}-value"] = str(attribute.value)
    return {**form, **(({"phone": contact.phone or ""}) if contact else {}), **fields}


def test_new_contact_is_saved_with_its_number_normalised(browser: Client, organization: Organization) -> None:
    browser.post(add("contact"), contact_form(phone="+1 (555) 010-0001"))
    contact = Contact.objects.get()
    assert (contact.phone, contact.organization) == ("+15550100001", organization)


def test_second_contact_with_a_number_is_refused_beside_the_form(
    browser: Client, organization: Organization
) -> None:
    factories.contact(organization, phone="+15550100001")
    answer = browser.post(add("contact"), contact_form(phone="+15550100001"))
    assert "A contact with this phone number exists." in answer.content.decode()


def test_number_of_a_stranger_in_another_organization_is_free(
    browser: Client, other_organization: Organization
) -> None:
    factories.contact(other_organization, phone="+15550100001")
    assert browser.post(add("contact"), contact_form(phone="+15550100001")).status_code == 302


def test_attribute_is_stored_by_its_type(browser: Client, organization: Organization) -> None:
    contact = factories.contact(organization)
    new = {"attributes-0-key": "visits", "attributes-0-value_type": "number", "attributes-0-value": "12"}
    browser.post(change(contact), contact_form(contact, **new))
    assert contact.attributes.get().value == 12


def test_attribute_that_does_not_fit_its_type_is_refused(browser: Client, organization: Organization) -> None:
    contact = factories.contact(organization)
    new = {"attributes-0-key": "visits", "attributes-0-value_type": "number", "attributes-0-value": "many"}
    assert "Not a number." in browser.post(change(contact), contact_form(contact, **new)).content.decode()


def test_renamed_attribute_replaces_the_old_one(browser: Client, organization: Organization) -> None:
    contact = factories.contact(organization)
    ContactAttribute.objects.create(organization=organization, contact=contact, key="town", value="Lahore")
    browser.post(change(contact), contact_form(contact, **{"attributes-0-key": "city"}))
    assert [(row.key, row.value) for row in contact.attributes.all()] == [("city", "Lahore")]


def test_deleted_attribute_is_removed(browser: Client, organization: Organization) -> None:
    contact = factories.contact(organization)
    ContactAttribute.objects.create(organization=organization, contact=contact, key="city", value="Lahore")
    browser.post(change(contact), contact_form(contact, **{"attributes-0-DELETE": "on"}))
    assert not contact.attributes.exists()


def test_deleted_contact_is_forgotten(browser: Client, organization: Organization) -> None:
    contact = factories.contact(organization, first_name="Ana")
    browser.post(reverse("admin:messaging_contact_delete", args=[contact.pk]), {"post": "yes"})
    contact.refresh_from_db()
    assert (contact.first_name, contact.erased_at is None) == ("", False)
    assert browser.get(change(contact)).status_code == 404


@pytest.mark.parametrize("term", ["+1 (555) 010-0001", "1555010", "+15550100001"])
def test_contact_is_found_by_its_number_however_written(
    term: str, browser: Client, organization: Organization
) -> None:
    wanted = factories.contact(organization, phone="+15550100001")
    factories.contact(organization, phone="+15559999999")
    shown = browser.get(reverse("admin:messaging_contact_changelist"), {"q": term}).context["cl"].result_list
    assert [row.pk for row in shown] == [wanted.pk]


def test_agent_may_not_change_channels(organization: Organization, channel: Channel) -> None:
    agent = Client()
    agent.force_login(factories.member(organization, Role.AGENT), backend=factories.SIGN_IN)
    answers = [
        agent.post(change(channel), channel_form(channel)).status_code,
        agent.post(
            reverse("admin:messaging_channel_action", args=[channel.pk, "check_credentials"])
        ).status_code,
    ]
    assert answers == [403, 403]
