"""Run the Graph fake by hand or from a crash test: python -m tests.fakes graph --port 9000."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from chatboost.core.stopping import StopFlag
from tests.fakes import graph
from tests.fakes.faults import Rule


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT. The first line printed is the base address."""
    options = _parser().parse_args(arguments)
    fake = _build(options)
    if options.script is not None:
        script = json.loads(options.script.read_text(encoding="utf-8"))
        fake.play(*(Rule.from_json(rule) for rule in script["rules"]), seed=script.get("seed", options.seed))
    is_over = StopFlag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: is_over.set())
    with fake:
        sys.stdout.write(fake.url + "\n")
        sys.stdout.flush()
        is_over.wait()
    return 0


def _build(options: argparse.Namespace) -> graph.GraphFake:
    words = [word for word in options.statuses.split(",") if word and word != "none"]
    return graph.GraphFake(
        port=options.port,
        numbers=[
            graph.PhoneNumber(id=number_id, access_token=options.access_token)
            for number_id in options.phone_number_id or [graph.DEFAULT_NUMBER_ID]
        ],
        app_secret=options.app_secret,
        webhook_url=options.webhook,
        webhook_workers=options.webhook_workers,
        statuses=graph.StatusPlan(
            words=words, delay=tuple(options.delay), shuffle=options.shuffle, copies=options.copies
        ),
        silent_numbers=options.silent_number,
        ledger_path=options.ledger,
        seed=options.seed,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes graph", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--app-secret", default="fake-app-secret", help="signs webhooks")
    parser.add_argument("--access-token", default=graph.DEFAULT_TOKEN)
    parser.add_argument("--phone-number-id", action="append", help="repeat for several numbers")
    parser.add_argument("--webhook", metavar="URL", help="where status webhooks go; on this machine")
    parser.add_argument("--webhook-workers", type=int, default=4, help="1 keeps webhooks in order")
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="append accepted sends as JSON lines")
    parser.add_argument("--script", type=Path, metavar="FILE", help='faults: {"rules": […], "seed": 0}')
    parser.add_argument("--statuses", default="sent,delivered,read", help='words, or "none"')
    parser.add_argument(
        "--delay", type=float, nargs=2, default=(0.0, 0.0), metavar=("MIN", "MAX"), help="seconds"
    )
    parser.add_argument("--shuffle", action="store_true", help="statuses in any order")
    parser.add_argument("--copies", type=int, default=1, help="how often each status comes")
    parser.add_argument(
        "--silent-number", action="append", default=[], metavar="ID", help="whose statuses never come"
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser
