"""Pages of triggers and their log."""

from triggers.admin import logs, triggers

__all__ = ["logs", "triggers"]
