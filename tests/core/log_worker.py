"""A worker on a broker in its own memory: sends itself one task, runs it, ends. For tests of its log."""

import logging

import structlog
from celery.signals import worker_ready
from celery.worker import state

from chatboost.celery import app


@app.task(name="test.log")
def log() -> None:
    """Log once as the product does, and once as libraries do."""
    structlog.get_logger("test").warning("said", text="one\ntwo")
    logging.getLogger("library").warning("Not Found: %s", "/\n2026-01-01 [critical] forged")
    state.should_stop = 0


@worker_ready.connect
def send(**kwargs: object) -> None:
    """Send the task as a request would."""
    with structlog.contextvars.bound_contextvars(request_id="abc-1"):
        app.send_task("test.log", queue="maintenance")


if __name__ == "__main__":
    options = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(["worker", "-P", "solo", "-Q", "maintenance", *options])
