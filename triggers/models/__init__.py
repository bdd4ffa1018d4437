"""Triggers and the record of their firings."""

from triggers.models.trigger import MatchType, Trigger, TriggerLog, TriggerSet, TriggerType

__all__ = ["MatchType", "Trigger", "TriggerLog", "TriggerSet", "TriggerType"]
