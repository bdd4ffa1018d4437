"""The work row's Celery peer: a task an item, and a task a batch of ids; neither does anything."""

import os

from celery import Celery

app = Celery("peer", broker=os.environ.get("PEER_REDIS_URL"))
app.conf.task_ignore_result = True
app.conf.task_default_queue = "peer"
app.conf.worker_hijack_root_logger = False


@app.task
def item(number: int) -> None:
    """Handle one id."""


@app.task
def batch(numbers: list[int]) -> None:
    """Handle a hundred ids."""
    for _ in numbers:
        pass
