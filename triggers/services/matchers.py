"""Compiled keyword matchers of bots, one per process, made anew when the bot's triggers change."""

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

from chatboost.core.db import reads
from triggers import matching
from triggers.models import Trigger, TriggerSet, TriggerType


@dataclass(frozen=True, slots=True)
class BotMatchers:
    """A bot's matchers as of a version of its trigger set; `flows` maps trigger id to flow id."""

    version: int
    keywords: matching.Matcher
    interrupting: matching.Matcher
    flows: dict[int, int]


_kept: dict[int, BotMatchers] = {}
_lock = Lock()


def of_bots(bot_ids: Iterable[int]) -> dict[int, BotMatchers]:
    """Return the matchers of those bots that have triggers; one query, more only after a change."""
    where, ids = reads.among("bot_id", set(bot_ids))
    sets = reads.Read(model=TriggerSet, where=where, values=[ids], columns=("bot_id", "version"))
    versions = dict(reads.fetch(sets)[0])
    stale = [bot_id for bot_id, version in versions.items() if _version(bot_id) != version]
    if stale:
        _compile(stale, versions)
    return {bot_id: _kept[bot_id] for bot_id in versions}


def rule(trigger: Trigger) -> matching.KeywordRule:
    """Return a keyword trigger as the matcher's rule."""
    return matching.KeywordRule(
        id=trigger.pk or 0,
        keywords=tuple(trigger.keywords),
        match_type=matching.MatchType(trigger.match_type),
        case_sensitive=trigger.case_sensitive,
        priority=trigger.priority,
    )


def _version(bot_id: int) -> int | None:
    kept = _kept.get(bot_id)
    return kept.version if kept else None


def _compile(bot_ids: Iterable[int], versions: dict[int, int]) -> None:
    triggers: dict[int, list[Trigger]] = {bot_id: [] for bot_id in bot_ids}
    rows = Trigger.objects.filter(bot_id__in=triggers, is_active=True, trigger_type=TriggerType.KEYWORD)
    for trigger in rows.order_by("id"):
        triggers[trigger.bot_id].append(trigger)
    for bot_id, mine in triggers.items():
        compiled = BotMatchers(
            version=versions[bot_id],
            keywords=matching.compile([rule(trigger) for trigger in mine]),
            interrupting=matching.compile([rule(trigger) for trigger in mine if trigger.interrupts]),
            flows={trigger.pk: trigger.flow_id for trigger in mine},
        )
        with _lock:
            _kept[bot_id] = compiled
