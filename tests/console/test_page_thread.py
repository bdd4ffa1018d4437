"""The thread of a conversation."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chatboost.core import clock
from chatboost.core.models import WorkItem
from chatboost.messaging.models import Conversation, Direction, Message, MessageStatus, OriginKind
from chatboost.messaging.services import contacts
from teams.models import Organization, User
from tests import factories
from tests.console import rows

pytestmark = pytest.mark.django_db

PAGES = ["thread", "messages", "reply", "bot"]


@pytest.fixture
def conversation(organization: Organization) -> Conversation:
    return rows.open_conversation(organization)


def url(conversation: Conversation, page: str = "thread") -> str:
    return reverse(f"admin:messaging_conversation_{page}", args=[conversation.pk])


def page(browser: Client, conversation: Conversation, **query: Any) -> str:
    answer = browser.get(url(conversation), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_messages_are_shown_oldest_first(browser: Client, conversation: Conversation) -> None:
    for text in ("first words", "second words", "third words"):
        rows.message(conversation, text)
    shown = page(browser, conversation)
    assert shown.index("first words") < shown.index("second words") < shown.index("third words")


@pytest.mark.parametrize(
    ("status", "words"),
    [(MessageStatus.SENT, "Sent"), (MessageStatus.READ, "Read"), (MessageStatus.UNKNOWN, "Unclear")],
)
def test_outbound_message_shows_its_status_in_words(
    status: str, words: str, browser: Client, conversation: Conversation
) -> None:
    rows.message(conversation, direction=Direction.OUTBOUND, status=status)
    assert f"</span>{words}</span>" in page(browser, conversation)


def test_failed_message_shows_why(browser: Client, conversation: Conversation) -> None:
    rows.message(
        conversation,
        direction=Direction.OUTBOUND,
        status=MessageStatus.FAILED,
        reason_detail="The number is gone.",
    )
    assert "The number is gone." in page(browser, conversation)


def test_time_is_shown_in_the_zone_of_the_organization(
    browser: Client, conversation: Conversation, organization: Organization
) -> None:
    Organization.objects.filter(pk=organization.pk).update(time_zone="Asia/Karachi")
    rows.message(conversation, created_at=datetime(2026, 1, 1, 20, 30, tzinfo=UTC))
    shown = page(browser, conversation)
    assert ">01:30</time>" in shown
    assert "2 January 2026" in shown


def test_open_window_shows_what_is_left(browser: Client, conversation: Conversation) -> None:
    until = clock.now() + timedelta(hours=3, minutes=12, seconds=30)
    Conversation.objects.filter(pk=conversation.pk).update(window_expires_at=until)
    assert "Answer freely for 3 h 12 min" in page(browser, conversation)


def test_closed_window_shows_why_nothing_may_go(browser: Client, organization: Organization) -> None:
    conversation = rows.open_conversation(organization, window_expires_at=clock.now() - timedelta(minutes=1))
    shown = page(browser, conversation)
    assert "Window closed" in shown
    assert "only a template may go" in shown


def test_sandbox_conversation_is_labelled(browser: Client, conversation: Conversation) -> None:
    assert "Sandbox" in page(browser, conversation)


def test_long_conversation_begins_with_the_newest_page(browser: Client, conversation: Conversation) -> None:
    for number in range(60):
        rows.message(conversation, f"said {number:03d}")
    shown = page(browser, conversation)
    assert ("said 009" in shown, "said 010" in shown, "Earlier messages" in shown) == (False, True, True)


def test_earlier_messages_are_found_before_an_id(browser: Client, conversation: Conversation) -> None:
    made = [rows.message(conversation, f"said {number:03d}") for number in range(60)]
    shown = page(browser, conversation, before=made[10].pk)
    assert ("said 009" in shown, "said 010" in shown, "data-composer" in shown) == (True, False, False)


def test_questions_to_the_database_do_not_grow_with_messages(
    browser: Client, conversation: Conversation
) -> None:
    counts = []
    for more in (1, 20):
        for _ in range(more):
            rows.message(conversation, direction=Direction.OUTBOUND)
        with CaptureQueriesContext(connection) as captured:
            page(browser, conversation)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_reply_is_queued_in_the_operators_name(
    browser: Client, conversation: Conversation, owner: User
) -> None:
    answer = browser.post(url(conversation, "reply"), {"text": "  We are open.  "})
    message = Message.objects.get()
    assert answer.status_code == 202
    assert (message.text, message.status) == ("We are open.", MessageStatus.QUEUED)
    assert (message.origin_kind, message.origin_id) == (OriginKind.OPERATOR, owner.pk)
    assert WorkItem.objects.filter(subject_id=message.pk).exists()


def test_reply_outside_the_window_is_refused_in_words(browser: Client, organization: Organization) -> None:
    conversation = rows.open_conversation(organization, window_expires_at=None)
    answer = browser.post(url(conversation, "reply"), {"text": "Hello?"})
    assert answer.status_code == 409
    assert "only a template may go" in answer.json()["problem"]


@pytest.mark.parametrize("text", ["", "   ", "x" * 4097])
def test_reply_without_sense_is_refused(text: str, browser: Client, conversation: Conversation) -> None:
    answer = browser.post(url(conversation, "reply"), {"text": text})
    assert (answer.status_code, Message.objects.count()) == (400, 0)


@pytest.mark.parametrize("page_name", ["reply", "bot"])
def test_viewer_may_not_write(page_name: str, viewer_browser: Client, conversation: Conversation) -> None:
    assert viewer_browser.post(url(conversation, page_name), {"text": "Hi", "do": "pause"}).status_code == 403


def test_viewer_reads_without_a_reply_box(viewer_browser: Client, conversation: Conversation) -> None:
    assert "data-composer" not in page(viewer_browser, conversation)


@pytest.mark.parametrize("page_name", PAGES)
def test_conversation_of_other_organization_is_not_found(
    page_name: str, browser: Client, other_organization: Organization
) -> None:
    foreign = rows.open_conversation(other_organization)
    send = browser.post if page_name in ("reply", "bot") else browser.get
    assert send(url(foreign, page_name), {"text": "Hi", "do": "pause"}).status_code == 404


@pytest.mark.parametrize("page_name", ["thread", "messages"])
def test_conversation_of_a_forgotten_contact_is_not_found(
    page_name: str, browser: Client, conversation: Conversation
) -> None:
    contacts.erase(conversation.contact)
    assert browser.get(url(conversation, page_name)).status_code == 404


@pytest.mark.parametrize("page_name", ["reply", "bot"])
def test_opening_an_address_that_changes_something_is_refused(
    page_name: str, browser: Client, conversation: Conversation
) -> None:
    assert browser.get(url(conversation, page_name)).status_code == 405


@pytest.mark.parametrize("page_name", ["reply", "bot"])
def test_forged_post_is_refused(page_name: str, owner: User, conversation: Conversation) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner, backend=factories.SIGN_IN)
    assert browser.post(url(conversation, page_name), {"text": "Hi", "do": "pause"}).status_code == 403


def test_bot_is_paused_and_resumed(browser: Client, conversation: Conversation) -> None:
    states = []
    for word in ("pause", "resume"):
        states.append(browser.post(url(conversation, "bot"), {"do": word}).json()["is_bot_paused"])
        conversation.refresh_from_db()
        states.append(conversation.is_bot_paused)
    assert states == [True, True, False, False]


def test_unknown_word_for_the_bot_is_refused(browser: Client, conversation: Conversation) -> None:
    assert browser.post(url(conversation, "bot"), {"do": "dance"}).status_code == 400


def test_fragment_without_news_is_not_sent_again(browser: Client, conversation: Conversation) -> None:
    rows.message(conversation)
    etag = browser.get(url(conversation, "messages"))["ETag"]
    assert browser.get(url(conversation, "messages"), headers={"If-None-Match": etag}).status_code == 304


def _says_more(conversation: Conversation) -> None:
    rows.message(conversation)


def _is_read(conversation: Conversation) -> None:
    Message.objects.update(status=MessageStatus.READ, changed_at=clock.now() + timedelta(seconds=1))


def _pauses(conversation: Conversation) -> None:
    Conversation.objects.update(is_bot_paused=True)


def _closes(conversation: Conversation) -> None:
    Conversation.objects.update(window_expires_at=None)


def _runs(conversation: Conversation) -> None:
    rows.execution(rows.flow(conversation.bot), conversation)


@pytest.mark.parametrize("change", [_says_more, _is_read, _pauses, _closes, _runs])
def test_fragment_with_news_is_sent(change: Any, browser: Client, conversation: Conversation) -> None:
    rows.message(conversation, direction=Direction.OUTBOUND)
    etag = browser.get(url(conversation, "messages"))["ETag"]
    change(conversation)
    assert browser.get(url(conversation, "messages"), headers={"If-None-Match": etag}).status_code == 200


def test_fragment_begins_where_the_page_begins(browser: Client, conversation: Conversation) -> None:
    made = [rows.message(conversation, f"said {number}") for number in range(3)]
    shown = browser.get(url(conversation, "messages"), {"from": made[1].pk}).content.decode()
    assert ("said 0" in shown, "said 1" in shown, "said 2" in shown) == (False, True, True)
