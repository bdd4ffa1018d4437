"""Triggers: saved with their rules checked, and every process told to compile anew."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import F

from chatboost.core import audit
from chatboost.core.errors import ValidationFailed
from teams import limits
from triggers import matching
from triggers.models import Trigger, TriggerSet, TriggerType
from triggers.services import matchers

MAX_KEYWORDS = 100


@transaction.atomic
def save(trigger: Trigger, *, actor: Any | None = None) -> Trigger:
    """Check and save a new or changed trigger.

    Raises: ValidationFailed (`invalid_keywords`, `wrong_bot`), Conflict (`limit_reached`).
    """
    if trigger.pk is None:
        limits.check(trigger.organization, "triggers")
    trigger.keywords = [str(keyword).strip() for keyword in trigger.keywords or []]
    if trigger.flow.bot_id != trigger.bot_id:
        raise ValidationFailed(
            "The flow belongs to another bot.",
            code="wrong_bot",
            errors={"flow": ["The flow belongs to another bot."]},
        )
    problems = keyword_problems(trigger)
    if problems:
        raise ValidationFailed(problems[0], code="invalid_keywords", errors={"keywords": problems})
    trigger.full_clean()
    own = Trigger.objects.for_organization(trigger.organization_id)
    before = own.filter(pk=trigger.pk).first() if trigger.pk else None
    trigger.save()
    changes = audit.diff(audit.state_of(before), audit.state_of(trigger))
    if changes:
        verb = "trigger.changed" if before else "trigger.created"
        audit.record(actor=actor, verb=verb, object=trigger, changes=changes)
    _touch({trigger.bot_id, before.bot_id if before else trigger.bot_id}, trigger.organization_id)
    return trigger


@transaction.atomic
def set_active(trigger: Trigger, *, is_active: bool, actor: Any | None = None) -> Trigger:
    """Switch a trigger on or off. Doing it twice changes nothing."""
    if trigger.is_active != is_active:
        verb = "trigger.activated" if is_active else "trigger.deactivated"
        audit.record(actor=actor, verb=verb, object=trigger)
    trigger.is_active = is_active
    trigger.save(update_fields=["is_active", "updated_at"])
    _touch({trigger.bot_id}, trigger.organization_id)
    return trigger


@transaction.atomic
def delete(trigger: Trigger, *, actor: Any | None = None) -> None:
    """Remove a trigger and its log."""
    audit.record(actor=actor, verb="trigger.deleted", object=trigger)
    _touch({trigger.bot_id}, trigger.organization_id)
    trigger.delete()


def keyword_problems(trigger: Trigger) -> list[str]:
    """Return what is wrong with a keyword trigger's keywords, in sentences."""
    if trigger.trigger_type != TriggerType.KEYWORD:
        return []
    if not trigger.keywords:
        return ["Give at least one keyword."]
    if len(trigger.keywords) > MAX_KEYWORDS:
        return [f"A trigger has at most {MAX_KEYWORDS} keywords."]
    return [problem.message for problem in matching.validate_rule(matchers.rule(trigger))]


def conflicts(trigger: Trigger) -> list[Trigger]:
    """Return the bot's other active triggers that could never win, or never lose, against this one."""
    own = Trigger.objects.for_organization(trigger.organization_id)
    others = own.filter(bot=trigger.bot_id, is_active=True, trigger_type=TriggerType.KEYWORD)
    rows = {row.pk: row for row in others if row.interrupts == trigger.interrupts} | {trigger.pk: trigger}
    pairs = matching.conflicts([matchers.rule(row) for row in rows.values()])
    ids = {other for pair in pairs if trigger.pk in pair for other in pair} - {trigger.pk}
    return [rows[other] for other in sorted(ids)]


def explain(triggers: Sequence[Trigger], text: str) -> list[matching.Explanation]:
    """Tell for each trigger whether a text would fire it, and why."""
    return list(matching.explain([matchers.rule(trigger) for trigger in triggers], text))


def _touch(bot_ids: set[int], organization_id: int) -> None:
    for bot_id in sorted(bot_ids):
        _, is_new = TriggerSet.objects.get_or_create(bot_id=bot_id, organization_id=organization_id)
        if not is_new:
            sets = TriggerSet.objects.for_organization(organization_id)
            sets.filter(bot_id=bot_id).update(version=F("version") + 1)
