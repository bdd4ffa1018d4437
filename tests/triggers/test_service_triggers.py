"""Triggers: checked when saved, and every process told to compile anew."""

from typing import Any

import pytest

from chatboost.core.errors import ValidationFailed
from chatboost.messaging.models import Bot
from teams.models import Organization
from tests import factories
from tests.flows import talking
from tests.flows.engine_runs import send
from triggers.models import Trigger, TriggerSet
from triggers.services import triggers


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return factories.bot(organization)


def unsaved(bot: Bot, *keywords: str, **fields: Any) -> Trigger:
    """Make a trigger of a flow of the bot, not saved yet."""
    fields.setdefault("flow", talking.published(bot, send("Hi")))
    fields.setdefault("name", "Welcome")
    return Trigger(organization=bot.organization, bot=bot, keywords=list(keywords), **fields)


def version(bot: Bot) -> int | None:
    """Return the version of the bot's trigger set."""
    return TriggerSet.objects.filter(bot=bot).values_list("version", flat=True).first()


def test_save_trims_keywords(bot: Bot) -> None:
    assert triggers.save(unsaved(bot, " hi ", "hello")).keywords == ["hi", "hello"]


@pytest.mark.parametrize(
    ("keywords", "match_type", "words"),
    [
        ([], "exact", "at least one"),
        (["   "], "exact", "empty"),
        (["(unclosed"], "regex", "parenthesis"),
        (["(a)\\1"], "regex", "earlier group"),
        (["a(?=b)"], "regex", "Look-ahead"),
        (["x" * 501], "exact", "500 characters"),
        (["x"] * 101, "exact", "100 keywords"),
    ],
)
def test_save_bad_keywords_says_what_is_wrong(
    bot: Bot, keywords: list[str], match_type: str, words: str
) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        triggers.save(unsaved(bot, *keywords, match_type=match_type))

    assert refusal.value.code == "invalid_keywords"
    assert words in refusal.value.errors["keywords"][0]
    assert not Trigger.objects.exists()


def test_save_with_another_bots_flow_is_refused(bot: Bot) -> None:
    other = talking.published(factories.bot(bot.organization), send("Hi"))

    with pytest.raises(ValidationFailed) as refusal:
        triggers.save(unsaved(bot, "hi", flow=other))

    assert refusal.value.code == "wrong_bot"


def test_every_change_moves_the_bots_version_on(bot: Bot) -> None:
    trigger = triggers.save(unsaved(bot, "hi"))
    versions = [version(bot)]

    trigger.priority = 5
    triggers.save(trigger)
    versions.append(version(bot))
    triggers.set_active(trigger, is_active=False)
    versions.append(version(bot))
    triggers.delete(trigger)
    versions.append(version(bot))

    assert versions == [1, 2, 3, 4]


def test_moving_a_trigger_moves_both_bots_versions_on(bot: Bot) -> None:
    other = factories.bot(bot.organization)
    trigger = triggers.save(unsaved(bot, "hi"))

    trigger.bot, trigger.flow = other, talking.published(other, send("Hi"))
    triggers.save(trigger)

    assert (version(bot), version(other)) == (2, 1)


def test_a_refused_change_moves_no_version(bot: Bot) -> None:
    trigger = triggers.save(unsaved(bot, "hi"))

    trigger.keywords = []
    with pytest.raises(ValidationFailed):
        triggers.save(trigger)

    assert version(bot) == 1


def test_conflicts_are_triggers_that_claim_the_same_keyword(bot: Bot) -> None:
    mine = triggers.save(unsaved(bot, "hi", "hello"))
    same = triggers.save(unsaved(bot, "HELLO"))
    triggers.save(unsaved(bot, "hello", priority=5))
    triggers.save(unsaved(bot, "hello", is_active=False))
    triggers.save(unsaved(bot, "hello", match_type="contains"))

    assert triggers.conflicts(mine) == [same]
