"""Run the Telegram fake by hand or from a crash test: python -m tests.fakes telegram --port 9001."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from chatboost.core.stopping import StopFlag
from tests.fakes.telegram import CHAT, TOKEN, TelegramFake


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT. The first line printed is the base address."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes telegram", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--chat", action="append", metavar="ID", help="repeat for several chats")
    parser.add_argument("--effects", type=Path, metavar="FILE", help="append what was done as JSON lines")
    options = parser.parse_args(arguments)
    is_over = StopFlag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: is_over.set())
    with TelegramFake(
        port=options.port,
        tokens=[options.token],
        chats=options.chat or [CHAT],
        effects_path=options.effects,
    ) as fake:
        sys.stdout.write(fake.url + "\n")
        sys.stdout.flush()
        is_over.wait()
    return 0
