"""Run one fake as its own process: python -m tests.fakes NAME [options]; --help shows a fake's options."""

import sys
from collections.abc import Callable, Mapping, Sequence

from tests.fakes import graph_command, mautic_command, telegram_command

COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "graph": graph_command.main,
    "mautic": mautic_command.main,
    "telegram": telegram_command.main,
}


def main(arguments: Sequence[str]) -> int:
    """Run the fake named first with the rest of the arguments."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        sys.stderr.write(f"usage: python -m tests.fakes {{{','.join(COMMANDS)}}} [options]\n")
        return 2
    return command(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
