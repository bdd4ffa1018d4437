"""The sandbox's portraits: the same each time, and as varied as photos are."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from invitations import drawn_people

EVERYBODY = range(1, drawn_people.COUNT + 1)


def upright(number: int) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(io.BytesIO(drawn_people.portrait(number))))


def test_people_differ_and_stay_the_same() -> None:
    people = [drawn_people.person(number) for number in EVERYBODY]

    assert people == [drawn_people.person(number) for number in EVERYBODY]
    for field in ("email", "lucky_number"):
        assert len({person[field] for person in people}) == drawn_people.COUNT
    assert all(person["email"].endswith(".example") for person in people)


def test_portraits_differ_and_stay_the_same() -> None:
    drawn = {drawn_people.portrait(number) for number in range(1, 6)}
    drawn_people.portrait.cache_clear()

    assert drawn == {drawn_people.portrait(number) for number in range(1, 6)}
    assert len(drawn) == 5


def test_some_portraits_are_turned_by_exif() -> None:
    for number, orientation in drawn_people.TURNED.items():
        stored = Image.open(io.BytesIO(drawn_people.portrait(number)))
        assert stored.getexif()[0x0112] == orientation


def test_one_portrait_is_very_wide() -> None:
    width, height = upright(drawn_people.WIDE).size

    assert width >= 3 * height


def test_faces_are_found_where_there_are_any() -> None:
    cv2 = pytest.importorskip("cv2")
    cascade = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_default.xml")
    found = {}
    for number in filter(drawn_people.has_photo, EVERYBODY):
        grey = upright(number).convert("L")
        grey.thumbnail((640, 640))
        found[number] = len(cascade.detectMultiScale(np.asarray(grey), 1.1, 5, minSize=(40, 40)))

    assert {number for number, count in found.items() if count == 0} == drawn_people.WITHOUT_FACE
    assert {number for number, count in found.items() if count > 1} == {drawn_people.WITH_TWO}
