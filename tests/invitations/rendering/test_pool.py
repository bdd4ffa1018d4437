"""Rendering in child processes: the same as here, whatever strangers send."""

import random
import struct
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invitations.rendering import CardRequest, FaceOptions, PictureError, Pool, default_document, fonts, pool
from invitations.rendering.fonts import FAMILIES
from tests.compression import pictures
from tests.compression.test_codec_hostile import CORPUS, VALID
from tests.core import processes
from tests.invitations.rendering import portraits
from tests.invitations.rendering.portraits import FACE, VALUES, document, text_layer

OK = "ok"
# What is given up is told to be no font: nobody can be asked to mend one.
FONT_CODES = {OK, "not_a_font"}

pytestmark = processes.needs_linux


@pytest.fixture(scope="module")
def renderer() -> Iterator[Pool]:
    with Pool(1) as renderer:
        yield renderer
    assert not processes.children(pool.SERVICE)


def font_bytes(number: int = 2) -> bytes:
    path = fonts.path_of(FAMILIES[number])
    assert path is not None
    return path.read_bytes()


def photo_ending(renderer: Pool, content: bytes) -> str:
    try:
        done = renderer.prepare_photo(content, FaceOptions())
    except PictureError as error:
        return error.code
    assert pictures.opened(done.content).size == (done.width, done.height)
    return OK


def test_importing_the_renderer_loads_no_library() -> None:
    heavy = {"cv2", "PIL", "numpy", "uharfbuzz", "bidi", "segno", "jsonschema", "django", "simplejpeg"}
    code = (
        "import sys; import invitations.rendering as r; r.default_document(); r.font_families();"
        f"print({heavy!r} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_child_does_what_this_process_would(renderer: Pool) -> None:
    request = CardRequest(
        key="a", document=default_document(), values=VALUES, photo=portraits.jpeg(), face=FACE
    )
    expected = portraits.render(values=VALUES, photo=portraits.jpeg(), face=FACE)
    assert renderer.render(request) == expected
    assert renderer.render(request) == expected


def test_assets_travel_to_a_child_that_lacks_them_alone(renderer: Pool) -> None:
    layout = document(text_layer("{{contact.name}}", font="mine"), background={"picture": "ground"})
    ground = renderer.prepare_picture(pictures.saved(pictures.photo(), "PNG")).content
    assets = {"mine": font_bytes(), "ground": ground}
    first = renderer.render(CardRequest(key="b", document=layout, assets=assets, values=VALUES))
    # The child has them now, so what is sent with the same key is not looked at.
    again = renderer.render(CardRequest(key="b", document=layout, assets={}, values=VALUES))
    assert first == again
    with pytest.raises(PictureError) as caught:
        renderer.render(CardRequest(key="c", document=layout, assets={}, values=VALUES))
    assert caught.value.code == "unknown_picture"


def test_refused_card_keeps_the_child(renderer: Pool) -> None:
    before = processes.children(pool.SERVICE)
    for request in (
        CardRequest(key="d", document={"version": 7}),
        CardRequest(key="e", document=document(text_layer("hi", font="nobody's"))),
        CardRequest(key="a", document=default_document(), values=VALUES, photo=b"no photo"),
    ):
        with pytest.raises(PictureError):
            renderer.render(request)
    assert processes.children(pool.SERVICE) == before


@pytest.mark.parametrize(("content", "codes"), [pytest.param(*row[1:], id=row[0]) for row in CORPUS])
def test_hostile_photo_ends_with_the_right_code(renderer: Pool, content: bytes, codes: set[str]) -> None:
    assert photo_ending(renderer, content) in codes


@pytest.mark.parametrize(("content", "codes"), [pytest.param(*row[1:], id=row[0]) for row in CORPUS])
def test_hostile_file_in_a_prepared_photos_place_ends_too(
    renderer: Pool, content: bytes, codes: set[str]
) -> None:
    """A card is asked for with prepared photos; if storage is tampered with, nothing worse comes of it."""
    place = {"x": 0, "y": 0, "width": 100, "height": 100}
    layout = document({"type": "photo", **place}, width=120, height=120)
    # It stops at what it needs, and a part that is missing may not be needed.
    ends = codes | {OK, "damaged", "crashed", "out_of_memory"}
    assert card_ending(renderer, CardRequest(key="photo", document=layout, photo=content)) in ends


def card_ending(renderer: Pool, request: CardRequest) -> str:
    try:
        card = renderer.render(request)
    except PictureError as error:
        return error.code
    assert pictures.opened(card.content).size == (card.width, card.height)
    return OK


def test_children_stay_small(renderer: Pool) -> None:
    for _, content, codes in CORPUS:
        if OK not in codes:
            photo_ending(renderer, content)
    assert all(processes.most_memory(child) < 700 * 2**20 for child in processes.children(pool.SERVICE))


@settings(max_examples=60)
@given(
    name=st.sampled_from(sorted(VALID)),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6)), max_size=8
    ),
    cut=st.floats(0.2, 1),
)
def test_mutated_photo_ends_well(
    renderer: Pool, name: str, changes: list[tuple[float, bytes]], cut: float
) -> None:
    content = bytearray(VALID[name])
    for where, what in changes:
        at = int(where * len(content))
        content[at : at + len(what)] = what
    assert photo_ending(renderer, bytes(content[: int(cut * len(content))])) != "crashed"


def font_ending(renderer: Pool, content: bytes) -> str:
    try:
        renderer.check_font(content)
    except PictureError as error:
        return error.code
    layout = document(text_layer("Ali محمد 🎉 Å", font="mine"))
    try:
        card = renderer.render(CardRequest(key=str(hash(content)), document=layout, assets={"mine": content}))
    except PictureError as error:
        return error.code
    (text,) = card.texts
    assert text.box.x >= 20
    assert text.box.x + text.box.width <= 620
    return OK


def mutated_fonts() -> Iterator[bytes]:
    """Yield fonts that are cut off, that lie about their tables, or whose tables are nonsense."""
    rng = random.Random(7)
    whole = font_bytes()
    tables = struct.unpack_from(">H", whole, 4)[0]
    for number in range(tables):
        entry = 12 + 16 * number
        offset, length = struct.unpack_from(">II", whole, entry + 8)
        for field in (b"\xff\xff\xff\xff", b"\0\0\0\0"):
            yield whole[: entry + 8] + field + whole[entry + 12 :]
            yield whole[: entry + 12] + field + whole[entry + 16 :]
        yield whole[:offset] + rng.randbytes(length) + whole[offset + length :]
        yield whole[:offset] + b"\xff" * length + whole[offset + length :]
    yield from (whole[:length] for length in range(0, len(whole), len(whole) // 12))
    for _ in range(30):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 60)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        yield bytes(content)


def test_fonts_that_are_made_to_hurt_are_refused_or_drawn(renderer: Pool) -> None:
    for content in mutated_fonts():
        assert font_ending(renderer, content) in FONT_CODES


def test_font_says_its_name(renderer: Pool) -> None:
    info = renderer.check_font(font_bytes())
    assert (info.family, info.style) == ("Dancing Script", "Regular")


def test_too_many_bytes_reach_no_child() -> None:
    before = processes.children(pool.SERVICE)
    with Pool(1) as renderer:
        for ask in (renderer.prepare_photo, renderer.prepare_picture, renderer.check_font):
            with pytest.raises(PictureError) as caught:
                ask(bytes(26 * 1024 * 1024))
            assert caught.value.code == "too_large"
        assert processes.children(pool.SERVICE) == before
