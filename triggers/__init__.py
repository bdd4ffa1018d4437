"""Triggers: keywords, events and schedules that start flows."""
