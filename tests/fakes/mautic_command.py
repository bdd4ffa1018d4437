"""Run the Mautic fake by hand or from a crash test: python -m tests.fakes mautic --port 9000."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from chatboost.core.stopping import StopFlag
from tests.fakes.faults import Rule
from tests.fakes.mautic import MauticFake


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT. The first line printed is the base address."""
    options = _parser().parse_args(arguments)
    fake = MauticFake(port=options.port, effects_path=options.effects)
    fake.people(options.contacts)
    fake.rows.forms[1] = "Registration"
    for number in list(fake.rows.contacts):
        fake.rows.submit(1, number, {"email": f"guest{number}@people.example"})
    if options.script is not None:
        script = json.loads(options.script.read_text(encoding="utf-8"))
        fake.play(*(Rule.from_json(rule) for rule in script["rules"]), seed=script.get("seed", 0))
    is_over = StopFlag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: is_over.set())
    with fake:
        sys.stdout.write(fake.url + "\n")
        sys.stdout.flush()
        is_over.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes mautic", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--contacts", type=int, default=20, help="how many people have sent form 1 in")
    parser.add_argument("--effects", type=Path, metavar="FILE", help="append changes as JSON lines")
    parser.add_argument("--script", type=Path, metavar="FILE", help='faults: {"rules": […], "seed": 0}')
    return parser
