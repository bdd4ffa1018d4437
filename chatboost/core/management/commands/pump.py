"""`manage.py pump QUEUE…`: run work without a broker."""

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from chatboost.core import clock
from chatboost.core.ticks import firing
from chatboost.core.work.drain import drain
from chatboost.core.work.pump import Pump
from chatboost.core.work.sweep import sweep


class Command(BaseCommand):
    """Drain queues, sweep and tick until stopped; with --once, until nothing is due."""

    help = "Drain work queues in this process, without a broker."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the queues, all by default."""
        parser.add_argument("queues", nargs="*", default=settings.WORK_QUEUES, metavar="QUEUE")
        parser.add_argument("--once", action="store_true", help="stop when nothing is due")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT; what is running is finished first."""
        if options["once"]:
            self._run_once(options["queues"])
            return
        pump = Pump(options["queues"])
        stopping = [signal.SIGTERM, signal.SIGINT]
        # The handler only sets a flag: the join happens here, outside of it.
        for number in stopping:
            signal.signal(number, lambda *_: pump.request_stop())
        pump.start()
        pump.wait()
        pump.stop()

    def _run_once(self, queues: list[str]) -> None:
        firing.fire_due(now=clock.now())
        while sweep(now=clock.now()) + sum(drain(queue) for queue in queues):
            pass
