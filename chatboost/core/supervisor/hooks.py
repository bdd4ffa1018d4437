"""What to do once the product answers: the composition layer appends its callbacks here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ReadyInfo:
    """The running product. `url` has no slash at its end; `say` prints a line on the console."""

    url: str
    data_dir: Path
    say: Callable[[str], None]


on_ready: list[Callable[[ReadyInfo], None]] = []


def run(info: ReadyInfo) -> None:
    """Call every callback in order; an error is shown and the next one still runs."""
    for callback in on_ready:
        try:
            callback(info)
        except Exception as error:  # a courtesy at start must not stop what runs
            info.say(f"{callback.__name__} failed: {type(error).__name__}: {error}")
