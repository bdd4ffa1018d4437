"""The table, on the terminal and in docs/performance.md."""

import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.harness import Line, Spread, Verdict

HEADINGS = ("job", "floor", "best peer(s)", "ours", "ours/peer", "ours/floor", "target", "met?")
BEGIN, END = "<!-- bench: table -->", "<!-- bench: end -->"
MARKS = {True: "yes", False: "no", None: "–"}
SHOWN_PEERS = 3


def cells(verdict: Verdict) -> tuple[str, ...]:
    """Return the texts of one line, in the order of `HEADINGS`."""
    line = verdict.line
    ranked = sorted(verdict.peers.items(), key=lambda pair: pair[1].median, reverse=not line.is_lower_better)
    return (
        f"{line.job} ({line.unit})",
        f"{line.floor} {_figure(verdict.floor)}" if verdict.floor else "–",
        "; ".join(f"{name} {_figure(spread)}" for name, spread in ranked[:SHOWN_PEERS]) or "–",
        _figure(verdict.ours),
        _times(verdict.ratios.get("peer")),
        _times(verdict.ratios.get("floor")),
        _targets(line),
        MARKS[verdict.is_met],
    )


def plain(rows: Sequence[Sequence[str]]) -> str:
    """Return the table for a terminal."""
    widths = [max(len(row[column]) for row in (HEADINGS, *rows)) for column in range(len(HEADINGS))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in (HEADINGS, *rows)
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def write(path: Path, rows: Iterable[Sequence[str]], *, rounds: int, seconds: float) -> None:
    """Put the lines into the document's table; lines of jobs that were not run stay as they are."""
    before, _, rest = path.read_text().partition(BEGIN)
    old, _, after = rest.partition(END)
    lines = {_job(line): line for line in old.splitlines() if line.startswith("| ")}
    lines = {job: line for job, line in lines.items() if job != HEADINGS[0]}
    stamp = f"{machine()}, {rounds} rounds of {seconds:g} s"
    lines |= {row[0]: "| " + " | ".join((*row, stamp)) + " |" for row in rows}
    table = "\n".join(
        ["| " + " | ".join((*HEADINGS, "measured on")) + " |", "|" + "---|" * 9, *lines.values()]
    )
    path.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def machine() -> str:
    """Describe this machine in general terms."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _job(line: str) -> str:
    return line.removeprefix("| ").partition(" | ")[0]


def _figure(spread: Spread) -> str:
    figure = spread.median
    text = f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
    return f"{text} ±{spread.share:.0%}"


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}x"


def _targets(line: Line) -> str:
    return ", ".join(f"≥ {target.ratio:g}x {target.against}" for target in line.targets) or "–"
