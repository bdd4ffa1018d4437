"""`python -m bench`: run rows and print one table. ROWS=webhook,engine selects; see docs/performance.md."""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import harness, report

ROOT = Path(__file__).resolve().parents[1]
ROWS = (
    *("webhook", "pipeline", "engine", "keywords", "work", "sends"),
    *("contacts", "contacts_sqlite", "notifications", "compression", "compression_batch", "card", "faces"),
)
DOCUMENT = ROOT / "docs" / "performance.md"
# Shorter runs are for trying things out, not for the record.
RECORD_ROUNDS, RECORD_SECONDS = 5, 1.0


def main() -> int:
    """Run each row in a process of its own, so that none sees another's settings or leftovers."""
    options = _options()
    if options.one:
        return _run_one(options)
    names = [name for name in options.rows.split(",") if name] or list(ROWS)
    unknown = set(names) - set(ROWS)
    if unknown:
        print(f"No such rows: {', '.join(sorted(unknown))}. There are: {', '.join(ROWS)}.")
        return 2
    table: list[tuple[str, ...]] = []
    failed = []
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        samples = _in_process(name, options)
        if samples is None:
            failed.append(name)
            continue
        table += [report.cells(harness.judge(line, samples)) for line in _load(name).lines]
    print(f"\n{report.machine()}; medians of {options.rounds} rounds of {options.seconds:g} s\n")
    print(report.plain(table))
    if options.rounds >= RECORD_ROUNDS and options.seconds >= RECORD_SECONDS:
        report.write(DOCUMENT, table, rounds=options.rounds, seconds=options.seconds)
    else:
        print("\nToo short for the record: docs/performance.md stays as it is.")
    if failed:
        print(f"\nFailed: {', '.join(failed)}")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", default=os.environ.get("ROWS", ""), help="names, by commas")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ROUNDS") or RECORD_ROUNDS))
    parser.add_argument(
        "--seconds", type=float, default=float(os.environ.get("SECONDS_PER_ROUND") or RECORD_SECONDS)
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _load(name: str) -> harness.Row:
    row: harness.Row = importlib.import_module(f"bench.rows.{name}").row()
    return row


def _in_process(name: str, options: argparse.Namespace) -> harness.Samples | None:
    with tempfile.TemporaryDirectory(prefix="chatboost-bench-") as folder:
        to = Path(folder) / "samples.json"
        command = [sys.executable, "-m", "bench", "--one", name, "--to", str(to)]
        command += ["--rounds", str(options.rounds), "--seconds", str(options.seconds)]
        done = subprocess.run(command, cwd=ROOT, check=False)
        return json.loads(to.read_text()) if done.returncode == 0 else None


def _run_one(options: argparse.Namespace) -> int:
    samples = harness.run(_load(options.one), rounds=options.rounds, seconds=options.seconds)
    options.to.write_text(json.dumps(samples))
    return 0


if __name__ == "__main__":
    sys.exit(main())
