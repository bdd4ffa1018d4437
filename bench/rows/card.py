"""Invitation cards of 1600 by 2000 pixels: with the face given, and found."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from os import environ
from pathlib import Path
from typing import Any

from bench import services, timing
from bench.harness import Contender, Figures, Line, Row, Target

OURS, OURS_HERE = "ChatBoost", "ChatBoost, in process"
PILLOW, VIPS, SHARP = "Pillow, cached", "pyvips", "sharp"
REOPENED, FLOOR = "all reopened, faces at full size", "decode and encode alone"
FORMATS = ("jpeg", "png")
PEERS = Path(__file__).resolve().parents[1] / "peers"

# What each is called in `bench.peers.cards`.
ALONE = {FLOOR: "floor", PILLOW: "pillow", VIPS: "vips", OURS_HERE: "ours"}


def row() -> Row:
    """Declare the row. Ours is measured as the product runs it, in a child process, and in this one."""
    jpeg, png = "Invitation card 1600×2000, face given, JPEG", "Invitation card 1600×2000, face given, PNG"
    found = "Invitation card with the face found, JPEG"
    return Row(
        "card",
        (
            _line(jpeg, "jpeg", OURS, (PILLOW, VIPS, SHARP), 1.3),
            _line(f"{jpeg}, in process", "jpeg", OURS_HERE, (PILLOW, VIPS, SHARP)),
            _line(f"{jpeg}, beside pyvips", "jpeg", OURS, (VIPS,), 3),
            _line(png, "png", OURS, (PILLOW, VIPS, SHARP)),
            _line(f"{png}, beside pyvips", "png", OURS, (VIPS,), 3),
            Line(
                job=found,
                metric="found",
                unit="cards/s/core",
                ours=OURS,
                peers=(REOPENED,),
                targets=(Target("peer", 12),),
            ),
        ),
        _contenders,
    )


def _line(job: str, metric: str, ours: str, peers: tuple[str, ...], ratio: float | None = None) -> Line:
    return Line(
        job=job,
        metric=metric,
        unit="cards/s/core",
        ours=ours,
        peers=peers,
        floor=FLOOR,
        targets=() if ratio is None else (Target("peer", ratio),),
    )


@contextmanager
def _contenders() -> Iterator[Sequence[Contender]]:
    from bench.peers import card_pictures
    from invitations.rendering import Pool

    with Pool(1) as pool, tempfile.TemporaryDirectory(prefix="chatboost-bench-") as name:
        folder = Path(name)
        card_pictures.write(folder)
        contenders = [Contender(name, partial(_alone, peer, folder)) for name, peer in ALONE.items()]
        contenders.append(Contender(REOPENED, partial(_reopened, folder)))
        contenders.append(Contender(OURS, partial(_in_child, pool, folder)))
        if shutil.which("node") and (PEERS / "node_modules" / "sharp").is_dir():
            contenders.append(Contender(SHARP, partial(_sharp, folder)))
        yield contenders


def _alone(peer: str, folder: Path, seconds: float) -> Figures:
    return {name: _told(peer, name, folder, seconds / len(FORMATS)) for name in FORMATS}


def _reopened(folder: Path, seconds: float) -> Figures:
    return {"found": _told("reopened", "jpeg", folder, seconds)}


def _told(peer: str, format: str, folder: Path, seconds: float) -> float:
    command = (sys.executable, "-m", "bench.peers.cards", peer, format, str(seconds), str(folder))
    return float(services.run(command, environ))


def _in_child(pool: Any, folder: Path, seconds: float) -> Figures:
    from bench.peers import cards

    people = cards.values()
    figures: dict[str, float] = {}
    for name in FORMATS:
        known = cards.Folder(folder, name)
        render = _renderer(pool, cards.request_of(known))
        render(*next(people))
        rate = timing.core_rate(lambda render=render: render(*next(people)), seconds / 3)
        figures[name] = rate["rate"]
    known = cards.Folder(folder, "jpeg")
    fields = cards.request_of(known)

    def with_detection() -> None:
        photo = pool.prepare_photo(known.raw)
        found = {**fields, "photo": photo.content, "face": photo.chosen, "crop": None}
        _renderer(pool, found)(*next(people))

    return {**figures, "found": timing.core_rate(with_detection, seconds / 3)["rate"]}


def _renderer(pool: Any, fields: dict[str, Any]) -> Callable[[str, str], object]:
    from invitations.rendering import CardRequest

    def render(name: str, number: str) -> object:
        values = {"contact": {"name": name}, "lucky_number": number}
        return pool.render(CardRequest(values=values, **fields))

    return render


def _sharp(folder: Path, seconds: float) -> Figures:
    figures = {}
    for name in FORMATS:
        command = ("node", str(PEERS / "cards_sharp.mjs"), name, str(seconds / len(FORMATS)), str(folder))
        figures[name] = float(services.run(command, {**environ, "UV_THREADPOOL_SIZE": "1"}))
    return figures
