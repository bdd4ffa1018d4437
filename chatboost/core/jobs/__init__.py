"""Jobs: long work that a person starts and follows, done in chunks that commit with their counts.

A room declares its kinds in `jobs.py` and starts them from its services. Importing this package makes the
work table know how to run them, and says who may follow a job live.
"""

from chatboost.core.jobs import following, running
from chatboost.core.jobs.kinds import JobKind, all_kinds, get, register, title_of
from chatboost.core.jobs.lifecycle import cancel, start
from chatboost.core.jobs.progress import count, fraction

__all__ = [
    "JobKind",
    "all_kinds",
    "cancel",
    "count",
    "following",
    "fraction",
    "get",
    "register",
    "running",
    "start",
    "title_of",
]
