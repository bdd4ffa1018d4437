"""Faces on the sample pictures: how many are found, what is taken for one, and how long it takes."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench import timing
from bench.harness import Contender, Figures, Line, Row, Target

OURS, FULL, REDUCED = "ChatBoost", "Haar, full size", "Haar at 480 px"
SIDE = 480


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture and where its faces are; `is_certain` is false where half a face may count or not."""

    pixels: Any
    faces: list[list[int]]
    is_certain: bool


Find = Callable[[Any], Sequence[Sequence[float]]]


def row() -> Row:
    """Declare the row; without the sample pictures it has no lines."""
    from bench.peers.compression_pictures import SAMPLES

    if not (SAMPLES / "faces" / "annotations.csv").exists():
        return Row("faces", (), _nobody)
    return Row(
        "faces",
        (
            _line("Faces found of those on the sample pictures", "recall", "share", 1.0),
            _line("Sample pictures without faces on which none is seen", "clean", "share", 1.0),
            _line("Looking for faces on the sample pictures", "rate", "pictures/s/core", None),
        ),
        _contenders,
    )


def _line(job: str, metric: str, unit: str, ratio: float | None) -> Line:
    return Line(
        job=job,
        metric=metric,
        unit=unit,
        ours=OURS,
        peers=(FULL, REDUCED),
        targets=() if ratio is None else (Target("peer", ratio),),
    )


@contextmanager
def _nobody() -> Iterator[Sequence[Contender]]:
    yield ()


@contextmanager
def _contenders() -> Iterator[Sequence[Contender]]:
    import cv2

    cv2.setNumThreads(1)
    samples = _samples()
    ways: dict[str, Find] = {OURS: _ours, FULL: _haar, REDUCED: partial(_haar, side=SIDE)}
    yield [Contender(name, partial(_measure, find, samples)) for name, find in ways.items()]


def _measure(find: Find, samples: list[Sample], seconds: float) -> Figures:
    found = [find(sample.pixels) for sample in samples]
    hits = expected = 0
    for sample, boxes in zip(samples, found, strict=True):
        if sample.is_certain:
            expected += len(sample.faces)
            hits += sum(any(_overlap(box, face) > 0.3 for box in boxes) for face in sample.faces)
    empty = [not len(boxes) for sample, boxes in zip(samples, found, strict=True) if not sample.faces]

    def all_samples() -> None:
        for sample in samples:
            find(sample.pixels)

    rate = timing.core_rate(all_samples, seconds, items=len(samples))
    return {"recall": hits / expected, "clean": sum(empty) / len(empty), **rate}


def _ours(pixels: Any) -> Sequence[Sequence[float]]:
    from invitations.rendering import FaceOptions, faces

    return faces.find(pixels, FaceOptions())[0]


def _haar(pixels: Any, side: int | None = None) -> Sequence[Sequence[float]]:
    """OpenCV's detector as its tutorial shows it."""
    import cv2

    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, side / max(grey.shape)) if side else 1.0
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    hits = _cascade().detectMultiScale(grey, 1.1, 5)
    return [[value / scale for value in hit] for hit in hits]


def _cascade(kept: list[Any] = []) -> Any:  # noqa: B006 - made once, for all rounds
    import cv2
    from cv2.data import haarcascades

    if not kept:
        kept.append(cv2.CascadeClassifier(f"{haarcascades}haarcascade_frontalface_default.xml"))
    return kept[0]


def _samples() -> list[Sample]:
    import numpy as np

    from bench.peers.compression_pictures import SAMPLES
    from chatboost.core import pictures

    samples = []
    for known in csv.DictReader((SAMPLES / "faces" / "annotations.csv").open()):
        content = (SAMPLES / "faces" / known["file"]).read_bytes()
        image = pictures.decode(content, pictures.Limits()).image.convert("RGB")
        is_certain = "-" not in known["acceptable"]
        samples.append(Sample(np.asarray(image), json.loads(known["boxes_xywh"]), is_certain))
    return samples


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(0.0, width) * max(0.0, height)
    return common / (one[2] * one[3] + other[2] * other[3] - common)
