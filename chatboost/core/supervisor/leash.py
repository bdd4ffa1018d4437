"""Become another program that ends when its parent does. Run as a script: `leash.py PARENT_PID PROGRAM ARG…`.

Linux only: the kernel sends SIGTERM to a child whose parent died, even by SIGKILL. A script of its own,
because code between fork and exec is unsafe in a process with threads. Imports the standard library alone.

Source: prctl(2), PR_SET_PDEATHSIG; the setting survives execve.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, argv: list[str]) -> None:
    """Tie this process to its parent, then run the program in its place."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before the kernel knew that we care.
        sys.exit(1)
    os.execvp(argv[0], argv)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
