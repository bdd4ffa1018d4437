"""`manage.py compress PATH --out DIR`: compress local pictures."""

import json
import os
import shutil
from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper

from compression import codec, folders

BAR = 30


class Command(BaseCommand):
    """Compress a file, or a folder and all below it. Exits with 1 if something failed."""

    help = "Compress local pictures into another folder."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the path, and how to compress."""
        default = codec.Options()
        parser.add_argument("path", type=Path, metavar="PATH", help="a picture, or a folder of pictures")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write to")
        parser.add_argument("--mode", choices=[*codec.Mode], default=default.mode)
        parser.add_argument("--quality", type=_number(1, 100), default=default.quality)
        parser.add_argument(
            "--percent", type=_number(1, 100), default=default.percent, help="mode bytes: at most this share"
        )
        parser.add_argument("--output", choices=[*codec.Output], default=default.output)
        parser.add_argument("--processes", type=_number(1, 64), default=os.cpu_count() or 1, metavar="N")
        parser.add_argument("--json", action="store_true", help="print a line of JSON for each file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compress, tell of each file, and sum up on standard error."""
        path, out = options["path"], options["out"]
        if not path.exists():
            raise CommandError(f"There is nothing at {path}.")
        if path.is_dir() and path.resolve() == out.resolve():
            raise CommandError("Name another folder to write to: inputs are not overwritten.")
        files = folders.find(path, out=out)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"{out} is no folder that can be written to.") from error
        wanted = codec.Options(
            mode=codec.Mode(options["mode"]),
            quality=options["quality"],
            percent=options["percent"],
            output=codec.Output(options["output"]),
        )
        lines = []
        bar = _Bar(self.stderr, len(files))
        for line in folders.compress(files, out=out, options=wanted, processes=options["processes"]):
            lines.append(line)
            bar.clear()
            self._tell(line, as_json=options["json"])
            bar.draw(len(lines))
        bar.clear()
        self.stderr.write(_summary(lines), style_func=str)
        if any(line.state == "failed" for line in lines):
            raise SystemExit(1)

    def _tell(self, line: folders.Line, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(asdict(line)))
        elif line.state == "failed":
            self.stdout.write(_shown(f"{line.input}: {line.error}"))
        else:
            sizes = f"{line.bytes_before:,} → {line.bytes_after:,} bytes"
            self.stdout.write(_shown(f"{line.input} → {line.output}: {line.state}, {sizes}"))


class _Bar:
    """A line that grows, where somebody looks at it."""

    def __init__(self, stream: OutputWrapper, total: int) -> None:
        self._stream, self._total = stream, total
        self._is_seen = stream.isatty()

    def draw(self, done: int) -> None:
        """Show how many are done."""
        if self._is_seen:
            full = BAR * done // max(1, self._total)
            text = f"[{'#' * full}{'.' * (BAR - full)}] {done} of {self._total}"
            self._stream.write(text[: shutil.get_terminal_size().columns - 1], style_func=str, ending="")
            self._stream.flush()

    def clear(self) -> None:
        """Make room for another text."""
        if self._is_seen:
            self._stream.write("\r\x1b[K", style_func=str, ending="")
            self._stream.flush()


def _summary(lines: list[folders.Line]) -> str:
    counts = Counter(line.state for line in lines)
    states = ", ".join(f"{counts[state]} {state}" for state in ("completed", "kept", "over_limit", "failed"))
    written = [line for line in lines if line.bytes_after is not None]
    before, after = (
        sum(line.bytes_before for line in written),
        sum(line.bytes_after or 0 for line in written),
    )
    saved = f"{1 - after / before:.0%} saved" if before else "nothing saved"
    return f"{len(lines)} files: {states}. {before:,} → {after:,} bytes, {saved}."


def _shown(text: str) -> str:
    """Return a text that any terminal takes: names of files need not be text."""
    return text.encode("utf-8", "replace").decode()


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"a number from {least} to {most}")
        return int(text)

    return number
