"""Ticks: what the clock owes. Each room's `housekeeping.py` declares its own.

A slot is fired once, whoever notices first: Celery Beat, a pump, or two of each.
"""

from chatboost.core.ticks.registry import Tick, registered
from chatboost.core.ticks.work import declare

__all__ = ["Tick", "declare", "registered"]
