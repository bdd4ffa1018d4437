"""The rig's parent of workers: loads Django once, then forks a worker for each line it reads."""

import os
import signal
import sys

import django
from django.core.management import call_command


def main() -> None:
    """Answer `pump` with the process id of a new worker. Ends with its input, and its workers with it."""
    django.setup()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _work(line.strip())
        print(pid, flush=True)


def _work(command: str) -> None:
    # The worker talks to nobody: its parent's pipes are not its own.
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(quiet, 1)
    if command == "pump":
        call_command("pump", "interactive", "maintenance")
    os._exit(0)


if __name__ == "__main__":
    main()
