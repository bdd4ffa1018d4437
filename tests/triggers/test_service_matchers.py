"""Matchers of bots: compiled once, and anew after a change."""

import pytest
from pytest_django import DjangoAssertNumQueries

from chatboost.messaging.models import Bot
from teams.models import Organization
from tests import factories
from tests.triggers.test_service_triggers import unsaved
from triggers.services import matchers, triggers


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


def winner(bot: Bot, text: str) -> int | None:
    """Return the id of the trigger that fires."""
    match = matchers.of_bots([bot.pk])[bot.pk].keywords.best(text)
    return match.rule_id if match else None


def test_a_bot_without_triggers_has_no_matcher(bot: Bot) -> None:
    assert matchers.of_bots([bot.pk]) == {}


def test_the_second_look_costs_one_query_for_all_bots(
    bot: Bot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    bots = [bot, factories.bot(bot.organization)]
    for each in bots:
        triggers.save(unsaved(each, "hi"))
    ids = [each.pk for each in bots]
    first = matchers.of_bots(ids)

    with django_assert_num_queries(1):  # versions
        assert matchers.of_bots(ids) == first


def test_a_change_is_compiled_at_the_next_look(bot: Bot) -> None:
    trigger = triggers.save(unsaved(bot, "hi"))
    assert winner(bot, "hi") == trigger.pk

    trigger.keywords = ["bye"]
    triggers.save(trigger)

    assert (winner(bot, "hi"), winner(bot, "bye")) == (None, trigger.pk)


def test_a_change_of_one_bot_leaves_the_others_matcher(bot: Bot) -> None:
    other = factories.bot(bot.organization)
    trigger = triggers.save(unsaved(bot, "hi"))
    triggers.save(unsaved(other, "hi"))
    before = matchers.of_bots([bot.pk, other.pk])

    triggers.set_active(trigger, is_active=False)
    after = matchers.of_bots([bot.pk, other.pk])

    assert after[other.pk] is before[other.pk]
    assert after[bot.pk] is not before[bot.pk]


def test_inactive_triggers_are_left_out(bot: Bot) -> None:
    triggers.save(unsaved(bot, "hi", is_active=False))

    assert winner(bot, "hi") is None


def test_only_interrupting_triggers_are_in_the_second_matcher(bot: Bot) -> None:
    triggers.save(unsaved(bot, "hi"))
    breaking = triggers.save(unsaved(bot, "stop", interrupts=True))
    mine = matchers.of_bots([bot.pk])[bot.pk]

    assert mine.interrupting.best("hi") is None
    assert [match.rule_id for match in mine.interrupting.all("stop")] == [breaking.pk]
