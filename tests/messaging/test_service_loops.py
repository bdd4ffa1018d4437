"""Loops: a bot that says too much to a person is paused there, once, and nobody else is."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from chatboost.core import clock
from chatboost.core.models import AuditEntry
from chatboost.messaging import gate
from chatboost.messaging.models import ChannelKind, Conversation, Message, MessageStatus, OriginKind
from chatboost.messaging.services import conversations, messages
from teams.models import Notification, NotificationType, Organization
from teams.roles import Role
from tests import factories
from tests.messaging.pipeline import NOW, queue, seconds, work
from tests.messaging.sends import conversation_on, status_of

pytestmark = pytest.mark.django_db

LIMIT = 3
LOOPED = (MessageStatus.REFUSED, gate.Reason.BOT_LOOP)


@pytest.fixture(autouse=True)
def _limit(settings: Settings) -> None:
    settings.BOT_MESSAGES_LIMIT, settings.BOT_MESSAGES_WINDOW = LIMIT, seconds(300)


@pytest.fixture
def conversation(organization: Organization) -> Conversation:
    return conversation_on(factories.channel(factories.bot(organization)))


def say(conversation: Conversation, after: float = 0, origin_kind: str = OriginKind.FLOW) -> Message:
    return queue(conversation, at=NOW + seconds(after), origin_kind=origin_kind)


def is_paused(conversation: Conversation) -> bool:
    return Conversation.objects.get(pk=conversation.pk).is_bot_paused


def test_bot_that_says_too_much_is_paused_and_refused(conversation: Conversation) -> None:
    said = [say(conversation, number) for number in range(LIMIT)]
    assert not is_paused(conversation)
    beyond = [say(conversation, 10 + number) for number in range(2)]

    assert is_paused(conversation)
    assert {message.status for message in said} == {MessageStatus.QUEUED}
    assert [status_of(message) for message in beyond] == [LOOPED, LOOPED]


def test_window_slides(conversation: Conversation) -> None:
    for after in (0, 200, 250):
        say(conversation, after)
    assert status_of(say(conversation, 299.9)) == LOOPED
    conversations.resume_bot(conversation)

    assert say(conversation, 300).status == MessageStatus.QUEUED
    assert status_of(say(conversation, 301)) == LOOPED


def test_one_answer_of_many_parts_stops_at_the_limit(conversation: Conversation) -> None:
    draft = messages.Draft(
        conversation=conversation, type="text", content={"text": "Hi"}, origin_kind=OriginKind.FLOW
    )
    with clock.frozen(NOW):
        parts = messages.queue_many([draft] * (LIMIT + 2))

    assert [part.status for part in parts] == [MessageStatus.QUEUED] * LIMIT + [MessageStatus.REFUSED] * 2
    assert is_paused(conversation)


@pytest.mark.parametrize("origin", [OriginKind.OPERATOR, OriginKind.API, OriginKind.CAMPAIGN])
def test_people_and_programs_are_not_limited(conversation: Conversation, origin: OriginKind) -> None:
    for number in range(LIMIT + 2):
        assert say(conversation, number, origin).status == MessageStatus.QUEUED
    assert say(conversation, 10).status == MessageStatus.QUEUED
    assert not is_paused(conversation)


def test_people_go_on_after_the_bot_was_paused(conversation: Conversation) -> None:
    for number in range(LIMIT + 1):
        say(conversation, number)

    assert say(conversation, 9, OriginKind.OPERATOR).status == MessageStatus.QUEUED


def test_other_conversations_of_the_bot_go_on(conversation: Conversation) -> None:
    other = conversation_on(conversation.channel)
    for number in range(LIMIT + 1):
        say(conversation, number)

    assert say(other, 9).status == MessageStatus.QUEUED
    assert not is_paused(other)


def test_simulated_phone_is_not_limited(organization: Organization) -> None:
    simulator = factories.channel(factories.bot(organization), kind=ChannelKind.SIMULATOR, external_id="")
    conversation = conversation_on(simulator)

    said = [say(conversation, number).status for number in range(LIMIT + 2)]
    assert set(said) == {MessageStatus.QUEUED}


def test_no_limit_where_it_is_zero(conversation: Conversation, settings: Settings) -> None:
    settings.BOT_MESSAGES_LIMIT = 0
    assert {say(conversation, number).status for number in range(30)} == {MessageStatus.QUEUED}


def test_incident_is_told_once_to_whoever_may_resume_the_bot(
    conversation: Conversation, organization: Organization, other_organization: Organization
) -> None:
    editor, stranger = (factories.member(of, Role.EDITOR) for of in (organization, other_organization))
    for number in range(LIMIT + 3):
        say(conversation, number)
    work(NOW + timedelta(minutes=1))

    told = Notification.objects.filter(type=NotificationType.INCIDENT)
    assert str(conversation.pk) in told.get(user=editor).url
    assert not told.filter(user=stranger).exists()
    assert set(told.values_list("organization_id", flat=True)) == {organization.pk}
    assert AuditEntry.objects.filter(verb="conversation.bot_paused").count() == 1


def test_guard_costs_one_query_for_a_batch(conversation: Conversation) -> None:
    def queries(count: int) -> int:
        drafts = [
            messages.Draft(
                conversation=conversation_on(conversation.channel),
                type="text",
                content={"text": "Hi"},
                origin_kind=OriginKind.FLOW,
            )
            for _ in range(count)
        ]
        with clock.frozen(NOW), CaptureQueriesContext(connection) as captured:
            messages.queue_many(drafts)
        return len(captured)

    assert queries(2) == queries(20)
