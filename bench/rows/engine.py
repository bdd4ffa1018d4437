"""Flow engine: a run of five nodes, in process."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from os import environ
from pathlib import Path

from bench import services, timing
from bench.harness import Contender, Figures, Line, Row, Target

OURS, FLOOR = "ChatBoost", "written by hand"
XSTATE, TRANSITIONS, INTERPRETER = "xstate", "transitions", "dict interpreter + Jinja"
SAID = "Ada"
EXPECTED = ["Hello Ada, welcome!", "Bye Ada, see you soon."]
PEERS = Path(__file__).resolve().parents[1] / "peers"


def row() -> Row:
    """Declare the row."""
    line = Line(
        job="Flow engine, 5-node flow in process",
        metric="rate",
        unit="runs/s",
        ours=OURS,
        peers=(XSTATE, TRANSITIONS, INTERPRETER),
        floor=FLOOR,
        targets=(Target("peer", 5.0), Target("floor", 0.4)),
    )
    return Row("engine", (line,), _contenders)


@contextmanager
def _contenders() -> Iterator[Sequence[Contender]]:
    from bench.peers import engine_flow

    runners: dict[str, Callable[[str], list[str]]] = {
        FLOOR: engine_flow.by_hand,
        TRANSITIONS: engine_flow.state_machine(),
        INTERPRETER: engine_flow.interpreter(),
        OURS: engine_flow.ours(),
    }
    for name, run in runners.items():
        if run(SAID) != EXPECTED:
            raise RuntimeError(f"{name} says {run(SAID)}")
    contenders = [Contender(name, partial(_measure, run)) for name, run in runners.items()]
    if shutil.which("node") and (PEERS / "node_modules" / "xstate").is_dir():
        contenders.append(Contender(XSTATE, _xstate))
    yield contenders


def _measure(run: Callable[[str], list[str]], seconds: float) -> Figures:
    return timing.rate(lambda: run(SAID), seconds)


def _xstate(seconds: float) -> Figures:
    told = services.run(("node", str(PEERS / "engine_xstate.mjs"), str(seconds)), environ)
    return {"rate": float(told)}
