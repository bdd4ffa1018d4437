"""Crops lie inside their picture and hold the face."""

from hypothesis import given
from hypothesis import strategies as st

from invitations.rendering import Box, crop_of
from invitations.rendering.crops import covering, inside

SIDES = st.integers(1, 3000)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[tuple[int, int], Box]:
    """Return a picture's size and a face in it."""
    width, height = draw(SIDES), draw(SIDES)
    side = draw(st.integers(1, min(width, height)))
    return (width, height), Box(
        draw(st.integers(0, width - side)), draw(st.integers(0, height - side)), side, side
    )


@given(pictures(), st.sampled_from(["head", "face"]))
def test_crop_is_a_square_in_the_picture_that_holds_the_face(
    picture: tuple[tuple[int, int], Box], kind: str
) -> None:
    (width, height), face = picture
    crop = crop_of((width, height), face, kind)
    assert crop.width == crop.height > 0
    assert crop.x >= 0
    assert crop.y >= 0
    assert crop.x + crop.width <= width
    assert crop.y + crop.height <= height
    assert crop.x <= face.x
    assert crop.y <= face.y
    assert crop.x + crop.width >= face.x + face.width
    assert crop.y + crop.height >= face.y + face.height


def test_head_crop_shows_more_below_than_above() -> None:
    face = Box(400, 300, 100, 100)
    crop = crop_of((1000, 1000), face, "head")
    above, below = face.y - crop.y, crop.y + crop.height - face.y - face.height
    assert crop.x + crop.width / 2 == 450
    assert 0 < above < below
    assert crop_of((1000, 1000), face, "face").width < crop.width


def test_without_a_face_the_centre_is_shown() -> None:
    assert crop_of((800, 600), None, "head") == Box(100, 0, 600, 600)
    assert crop_of((800, 600), None, "whole") == Box(0, 0, 800, 600)


@given(
    st.tuples(SIDES, SIDES),
    st.builds(
        Box, st.integers(-500, 3000), st.integers(-500, 3000), st.integers(1, 3000), st.integers(1, 3000)
    ),
    SIDES,
    SIDES,
)
def test_crop_by_hand_is_kept_inside_and_not_distorted(
    size: tuple[int, int], crop: Box, width: int, height: int
) -> None:
    part = inside(crop, size)
    left, top, right, bottom = covering(part, width, height)
    assert part.x - 1e-6 <= left < right <= part.x + part.width + 1e-6
    assert part.y - 1e-6 <= top < bottom <= part.y + part.height + 1e-6
    assert part.x >= 0
    assert part.x + part.width <= size[0]
    assert abs((right - left) * height - (bottom - top) * width) < 1e-3 * width * height
