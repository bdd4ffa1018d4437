"""The simulated phone."""

import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from chatboost.core.work.drain import drain
from chatboost.messaging.models import Bot, Channel, ChannelKind, Contact, Direction, Message, WebhookReceipt
from chatboost.messaging.services import channels, conversations, simulator
from teams.models import Organization, User
from teams.roles import Role
from tests import factories
from tests.console import rows
from triggers.models import Trigger
from triggers.services import triggers

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot(organization: Organization) -> Bot:
    made = factories.bot(organization, name="Helper")
    channels.create(bot=made, kind=ChannelKind.SIMULATOR)
    return made


@pytest.fixture
def greeting(bot: Bot) -> Trigger:
    """A trigger that answers "hello" with "Hello"."""
    trigger = Trigger(
        organization_id=bot.organization_id, bot=bot, flow=rows.flow(bot), name="Hi", keywords=["hello"]
    )
    return triggers.save(trigger)


def url(bot: Bot, page: str = "chat") -> str:
    suffix = "" if page == "chat" else f"_{page}"
    return reverse(f"admin:messaging_bot_chat{suffix}", args=[bot.pk])


def screen(browser: Client, bot: Bot) -> str:
    answer = browser.get(url(bot, "messages"))
    assert answer.status_code == 200
    return answer.content.decode()


def bubbles(browser: Client, bot: Bot) -> list[str]:
    return re.findall(r'cb-bubble-text" dir="auto">([^<]*)<', screen(browser, bot))


def test_page_shows_the_phone_of_the_bot(browser: Client, bot: Bot) -> None:
    shown = browser.get(url(bot)).content.decode()
    assert "Helper" in shown
    assert "Sandbox" in shown


def test_what_is_typed_enters_as_a_receipt(browser: Client, bot: Bot) -> None:
    answer = browser.post(url(bot, "say"), {"text": "hello"})
    receipt = WebhookReceipt.objects.get()
    assert answer.status_code == 202
    assert receipt.key == f"m:{answer.json()['external_id']}"


def test_reply_of_the_bot_appears(browser: Client, bot: Bot, greeting: Trigger) -> None:
    browser.post(url(bot, "say"), {"text": "hello"})
    drain("interactive")
    assert bubbles(browser, bot) == ["hello", "Hello"]


def test_screen_says_that_the_bot_works_until_it_has_answered(
    browser: Client, bot: Bot, greeting: Trigger
) -> None:
    browser.post(url(bot, "say"), {"text": "hello"})
    before = screen(browser, bot)
    drain("interactive")
    assert ('data-working="1"' in before, 'data-working="0"' in screen(browser, bot)) == (True, True)


def test_message_that_matches_nothing_is_explained(browser: Client, bot: Bot, greeting: Trigger) -> None:
    browser.post(url(bot, "say"), {"text": "something else"})
    drain("interactive")
    assert "nothing matched this message" in screen(browser, bot)


def test_message_to_a_paused_bot_is_explained(
    browser: Client, bot: Bot, greeting: Trigger, owner: User
) -> None:
    browser.post(url(bot, "say"), {"text": "hello"})
    drain("interactive")
    found = simulator.conversation_of(bot.channels.get(), f"u{owner.pk}")
    assert found is not None
    conversations.pause_bot(found)
    browser.post(url(bot, "say"), {"text": "hello again"})
    drain("interactive")
    assert "The bot is paused" in screen(browser, bot)


def test_screen_names_the_execution_and_its_steps(browser: Client, bot: Bot, greeting: Trigger) -> None:
    browser.post(url(bot, "say"), {"text": "hello"})
    drain("interactive")
    shown = screen(browser, bot)
    assert "Completed" in shown
    assert "send_message" in shown


def test_tapped_button_enters_with_its_id(browser: Client, bot: Bot) -> None:
    browser.post(url(bot, "say"), {"text": "Yes, please", "reply_id": "yes"})
    assert '"button_reply": {"id": "yes"' in json.dumps(WebhookReceipt.objects.get().payload)


def test_buttons_of_a_message_can_be_tapped(browser: Client, bot: Bot, owner: User) -> None:
    browser.post(url(bot, "say"), {"text": "hello"})
    drain("interactive")
    found = simulator.conversation_of(bot.channels.get(), f"u{owner.pk}")
    assert found is not None
    content = {"body": "Tea?", "buttons": [{"id": "yes", "title": "Yes, please"}]}
    rows.message(found, "Tea?", direction=Direction.OUTBOUND, type="interactive", content=content)
    assert 'data-reply-id="yes" data-reply-title="Yes, please"' in screen(browser, bot)


@pytest.mark.parametrize(
    "fields", [{"text": ""}, {"text": "x" * 4097}, {"text": "ok", "reply_id": "x" * 257}]
)
def test_words_that_no_phone_would_send_are_refused(
    fields: dict[str, str], browser: Client, bot: Bot
) -> None:
    assert browser.post(url(bot, "say"), fields).status_code == 400


def test_bot_without_a_simulator_gets_one_with_the_first_message(
    browser: Client, organization: Organization
) -> None:
    bot = factories.bot(organization)
    browser.post(url(bot, "say"), {"text": "hello"})
    assert Channel.objects.get(bot=bot).kind == ChannelKind.SIMULATOR


def test_opening_the_page_of_a_bot_without_a_simulator_writes_nothing(
    browser: Client, organization: Organization
) -> None:
    bot = factories.bot(organization)
    assert browser.get(url(bot)).status_code == 200
    assert not Channel.objects.filter(bot=bot).exists()


def test_operators_do_not_see_each_others_phones(
    browser: Client, bot: Bot, greeting: Trigger, organization: Organization
) -> None:
    browser.post(url(bot, "say"), {"text": "hello"})
    drain("interactive")
    colleague = Client()
    colleague.force_login(factories.member(organization, Role.AGENT), backend=factories.SIGN_IN)
    assert bubbles(colleague, bot) == []


def test_beginning_anew_forgets_what_was_said(browser: Client, bot: Bot, greeting: Trigger) -> None:
    browser.post(url(bot, "say"), {"text": "hello"})
    drain("interactive")
    browser.post(url(bot, "reset"))
    assert bubbles(browser, bot) == []
    assert not Contact.objects.filter(external_user_id__isnull=False).exists()
    assert not Message.objects.exists()


def test_screen_without_news_is_not_sent_again(browser: Client, bot: Bot) -> None:
    etag = browser.get(url(bot, "messages"))["ETag"]
    assert browser.get(url(bot, "messages"), headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("page", ["chat", "messages", "say", "reset"])
def test_bot_of_other_organization_is_not_found(
    page: str, browser: Client, other_organization: Organization
) -> None:
    foreign = factories.bot(other_organization)
    send = browser.post if page in ("say", "reset") else browser.get
    assert send(url(foreign, page), {"text": "hello"}).status_code == 404


@pytest.mark.parametrize("page", ["chat", "messages", "say", "reset"])
def test_viewer_has_no_phone(page: str, viewer_browser: Client, bot: Bot) -> None:
    send = viewer_browser.post if page in ("say", "reset") else viewer_browser.get
    assert send(url(bot, page), {"text": "hello"}).status_code == 403


@pytest.mark.parametrize("page", ["say", "reset"])
def test_opening_an_address_that_changes_something_is_refused(page: str, browser: Client, bot: Bot) -> None:
    assert browser.get(url(bot, page)).status_code == 405
