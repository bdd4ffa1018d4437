"""A service that does as it is told, good or bad: the first part is the order."""

import os
import sys

from chatboost.core.pictures import PictureError


def warm_up() -> None:
    """Load nothing."""


def serve(parts: list[bytes]) -> list[bytes]:
    order, *rest = parts
    match order:
        case b"echo":
            return rest
        case b"print":
            print("hello", flush=True)
            os.write(1, b"hello")
            os.write(2, b"hello")
            return [sys.stdin.read().encode()]
        case b"multiply":
            return rest * 17
        case b"refuse":
            raise PictureError("damaged", "No.")
        case b"fail":
            raise RuntimeError
        case b"grow":
            return [bytes(64 * 1024 * 1024)[:1]]
        case b"exit":
            os._exit(3)
    while True:
        pass
