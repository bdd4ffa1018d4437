"""Another process of an installation, for broker tests: obeys one line at a time and answers each.

It stays until its input ends, since a doorbell's daemon thread dies with its process.
"""

import sys

import django
from django.db import transaction

SUBJECT_THAT_DOES_NOT_EXIST = 987_654_321


def main() -> None:
    """Answer `enqueue QUEUE` and `sweep` with `ok`, `open` with the number of items in the table."""
    django.setup()
    print("ready", flush=True)
    for line in sys.stdin:
        print(_obey(*line.split()), flush=True)


def _obey(command: str, *arguments: str) -> str:
    from chatboost.core import clock
    from chatboost.core.models import WorkItem
    from chatboost.core.work import queue, sweep

    if command == "open":
        return str(WorkItem.objects.count())
    if command == "sweep":
        sweep.sweep(now=clock.now())
        return "ok"
    with transaction.atomic():
        queue.enqueue(
            queue.Order(
                kind="messaging.join_status",
                subject_id=SUBJECT_THAT_DOES_NOT_EXIST,
                organization_id=0,
                queue=arguments[0],
            )
        )
    return "ok"


if __name__ == "__main__":
    main()
