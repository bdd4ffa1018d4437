"""Faces of the sample pictures are found, and nothing else is taken for one."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chatboost.core.pictures import Limits
from invitations.rendering import Box, FaceOptions, PreparedPhoto, faces
from invitations.rendering.pictures import prepare_photo
from tests.compression import pictures
from tests.invitations.rendering import portraits

SAMPLES = Path(__file__).resolve().parents[3].parent / "shared" / "samples" / "images"
LIST = SAMPLES / "faces" / "annotations.csv"
ROWS = list(csv.DictReader(LIST.open())) if LIST.exists() else []
# Nobody's face is on these.
WITHOUT = (
    *("2569067123_aca715a2ee_o.jpg", "4.webp", "Flag_of_the_Netherlands-16bit.png", "Landscape_1.jpg"),
    *("Landscape_3.jpg", "Landscape_6.jpg", "Portrait_8.jpg", "flower.jpg", "icc_profile_big.jpg"),
    *("iss634.gif", "rocket.jpg", "transparent.png", "pil_sample_cmyk.jpg"),
)
needs_samples = pytest.mark.skipif(not ROWS, reason="needs the sample pictures beside the checkout")


def prepared(content: bytes, options: FaceOptions | None = None) -> PreparedPhoto:
    return prepare_photo(content, options or FaceOptions(), Limits())


def accepted(row: dict[str, str]) -> range:
    low, _, high = row["acceptable"].partition("-")
    return range(int(low), int(high or low) + 1)


def overlap(one: Box, other: list[int]) -> float:
    return faces._overlap(one, other)


@needs_samples
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_sample_has_as_many_faces_as_it_should(row: dict[str, str]) -> None:
    found = prepared((SAMPLES / "faces" / row["file"]).read_bytes())
    assert len(found.faces) in accepted(row)
    assert found.turned == 0
    for truth in json.loads(row["boxes_xywh"]) if found.faces else ():
        if len(found.faces) == int(row["expected_faces"]):
            scale = found.height / _height(row)
            assert any(overlap(face, [scale * side for side in truth]) > 0.3 for face in found.faces)


def _height(row: dict[str, str]) -> int:
    with Image.open(SAMPLES / "faces" / row["file"]) as image:
        return image.width if image.getexif().get(0x0112, 1) >= 5 else image.height


@needs_samples
@pytest.mark.parametrize("name", WITHOUT)
def test_picture_without_faces_has_none_in_any_direction(name: str) -> None:
    assert prepared((SAMPLES / name).read_bytes()).faces == []


@needs_samples
@pytest.mark.parametrize("name", ["dlib_dogs.jpg", "skimage_chelsea.png", "skimage_coffee.png"])
def test_softer_options_find_no_faces_in_animals_and_coffee(name: str) -> None:
    content = (SAMPLES / "faces" / name).read_bytes()
    assert prepared(content, FaceOptions(scale_factor=1.05, min_neighbors=3)).faces == []


@needs_samples
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_photo_that_lies_on_its_side_is_put_upright(turn: int) -> None:
    upright = prepared((SAMPLES / "faces" / "fr_obama.jpg").read_bytes())
    image = Image.open(io.BytesIO(upright.content)).rotate(turn, expand=True)
    found = prepared(pictures.saved(image, "JPEG"))
    assert found.turned == turn
    assert (found.width, found.height) == (upright.width, upright.height)
    assert upright.chosen is not None
    assert found.chosen is not None
    assert overlap(found.chosen, list(upright.chosen)) > 0.8
    difference = pictures.mean_difference(pictures.opened(found.content), pictures.opened(upright.content))
    assert difference < 4


@needs_samples
def test_orientation_of_the_camera_is_followed_first() -> None:
    row = next(row for row in ROWS if "orientation_6" in row["file"])
    found = prepared((SAMPLES / "faces" / row["file"]).read_bytes())
    assert found.turned == 0
    assert found.chosen is not None


def test_largest_central_face_is_chosen() -> None:
    central, large, small = Box(450, 450, 100, 100), Box(0, 0, 120, 120), Box(480, 480, 40, 40)
    assert faces.choose([large, central, small], (1000, 1000)) == central
    assert faces.choose([Box(0, 0, 300, 300), central], (1000, 1000)) == Box(0, 0, 300, 300)
    assert faces.choose([], (10, 10)) is None


def test_pictures_of_any_shape_can_be_searched() -> None:
    for size in ((1, 1), (1, 500), (500, 1), (23, 23), (24, 24), (2000, 30), (90, 90)):
        for channels in (3, 4):
            assert faces.find(np.full((*size, channels), 90, np.uint8), FaceOptions()) == ([], 0)


def test_drawn_portrait_is_prepared_whether_it_passes_for_a_face_or_not() -> None:
    found = prepared(portraits.jpeg())
    assert (found.width, found.height, found.turned) == (640, 800, 0)


@pytest.mark.parametrize(
    "fields", [{"scale_factor": 1}, {"scale_factor": 3}, {"min_neighbors": -1}, {"side": 10}, {"side": 5000}]
)
def test_options_without_meaning_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="goes from"):
        FaceOptions(**fields)
