"""Files that are made to hurt: every one is answered, in time, and nobody dies of it but a child."""

import io
import random
import struct
import time
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from compression.codec import Compressed, Limits, Mode, Options, Output, PictureError, Pool, children
from tests.compression import pictures
from tests.compression.pictures import chunk, png_of, segment, with_chunks, with_segments
from tests.core import processes

OPTIONS = Options()
NAMES = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
VALID = {name: pictures.saved(pictures.photo(64, 48), name) for name in NAMES}
VALID |= {f"{name} animation": pictures.animation(name) for name in ("GIF", "WEBP", "PNG")}
VALID["progressive"] = pictures.saved(pictures.photo(64, 48), "JPEG", progressive=True)
VALID["turned"] = pictures.saved(
    pictures.photo(64, 48), "JPEG", exif=pictures.exif(6), icc_profile=pictures.wide_profile()
)
VALID["RGBA"] = pictures.saved(pictures.photo(64, 48).convert("RGBA"), "WEBP")
OK = "ok"


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(1) as pool:
        yield pool


def ending(pool: Pool, content: bytes, options: Options = OPTIONS) -> str:
    """Return how a picture ends, after looking at what comes out."""
    began = time.monotonic()
    try:
        done = pool.compress(content, options)
    except PictureError as error:
        code = error.code
        assert time.monotonic() - began < options.limits.wall_seconds + 5
        return code
    assert isinstance(done, Compressed)
    assert len(done.content) <= len(content)
    assert pictures.opened(done.content).size == (done.width, done.height)
    return OK


def gif_of(frames: int, width: int = 1, height: int = 1) -> bytes:
    frame = b"\x21\xf9\x04\0\x0a\0\0\0" + b",\0\0\0\0" + struct.pack("<HH", 1, 1) + b"\0\x02\x02\x44\x01\0"
    return (
        b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0\0\0\0\xff\xff\xff" + frame * frames + b";"
    )


def webp_of(width: int, height: int) -> bytes:
    """Return a WebP whose canvas is larger than its picture."""
    picture = VALID["WEBP"][12:]
    canvas = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas + picture
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_of(width: int, height: int) -> bytes:
    content = bytearray(VALID["JPEG"])
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def jpeg_of_many_scans(scans: int) -> bytes:
    """Return a progressive JPEG that refines the same again and again: little to read, much to do."""
    content = pictures.saved(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * scans + b"\xff\xd9"


def bmp_of(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 12, 0, 0, 54) + head + b"\0" * 12


def corpus() -> Iterator[tuple[str, bytes, set[str]]]:
    zeros = zlib.compress(bytes(60_000_000), 9)
    text = chunk(b"zTXt", b"bomb\0\0" + zeros)
    nested = b"II*\0\x08\0\0\0" + b"\x01\0" + struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<I", 8)
    jpeg, png = VALID["JPEG"], VALID["PNG"]
    pixels = b"\0" * 65536
    yield "png, header of 65535 by 65535", png_of(65535, 65535, pixels), {"too_many_pixels"}
    yield "png, header of 2^31 by 2^31", png_of(2**31, 2**31, pixels), {"too_many_pixels"}
    yield "png, no width", png_of(0, 10, pixels), {"damaged"}
    yield "png, 40 megapixel of nothing", png_of(8000, 5000, bytes(5000 * 24001)), {OK, "out_of_memory"}
    yield "png, more rows than it says", png_of(8, 8, bytes(50_000_000)), {OK, "damaged"}
    yield "png, fewer rows than it says", png_of(800, 800, bytes(1000)), {"damaged"}
    yield "png, text that unfolds to 60 MB", with_chunks(png, text), {OK}
    yield "png, 40 texts that unfold", with_chunks(png, *[text] * 40), {OK}
    yield "png, text of 20 MB", with_chunks(png, chunk(b"tEXt", b"a\0" + b"x" * 20_000_000)), {OK}
    yield "png, 100,000 chunks", with_chunks(png, *[chunk(b"prVt", b"")] * 100_000), {OK}
    yield (
        "png, profile that unfolds to 60 MB",
        with_chunks(png, chunk(b"iCCP", b"a\0\0" + zeros)),
        {OK, "damaged"},
    )
    yield "png, chunk longer than the file", png[:33] + struct.pack(">I", 2**31 - 1) + b"IDAT", {"damaged"}
    yield "png, impossible depth", png_of(8, 8, bytes(100), depth=7), {"damaged"}
    yield "png, palette missing", png_of(8, 8, bytes(72), colour=3), {OK, "damaged"}
    yield "png, wrong sum", png[:45] + bytes([png[45] ^ 255]) + png[46:], {"damaged"}
    yield "png, 4 billion frames", with_chunks(png, chunk(b"acTL", b"\xff" * 8)), {"too_many_frames"}
    yield "png, no frames", with_chunks(png, chunk(b"acTL", b"\0" * 8)), {"damaged"}
    yield (
        "png, frames that are missing",
        with_chunks(png, chunk(b"acTL", b"\0\0\0\x05\0\0\0\0")),
        {OK, "damaged"},
    )
    yield "gif, 50,000 frames", gif_of(50_000), {"too_many_frames"}
    yield "gif, 65535 by 65535", gif_of(1, 65535, 65535), {"too_many_pixels"}
    yield "gif, blocks without end", b"GIF89a\1\0\1\0\0\0\0!\xfe" + b"\xff" * 1_000_000, {"damaged"}
    yield "gif, no image", b"GIF89a\1\0\1\0\0\0\0;", {"damaged"}
    yield "jpeg, 65535 by 65535", jpeg_of(65535, 65535), {"too_many_pixels"}
    yield "jpeg, no height", jpeg_of(64, 0), {"damaged"}
    yield "jpeg, larger than its data", jpeg_of(6000, 6000), {OK, "damaged"}
    yield "jpeg, directory in a circle", with_segments(jpeg, segment(0xE1, b"Exif\0\0" + nested)), {OK}
    yield "jpeg, 5,000 comments", with_segments(jpeg, *[segment(0xFE, b"x" * 4000)] * 5000), {OK}
    yield (
        "jpeg, profile of nonsense",
        with_segments(jpeg, segment(0xE2, b"ICC_PROFILE\0\1\1" + b"?" * 60_000)),
        {OK},
    )
    yield "jpeg, header alone", jpeg[: jpeg.index(b"\xff\xda")], {"damaged"}
    yield "jpeg, only markers", b"\xff\xd8" + b"\xff" * 1_000_000, {"damaged"}
    yield "webp, canvas of 16777216 squared", webp_of(2**24, 2**24), {"too_many_pixels"}
    yield "webp, canvas larger than its picture", webp_of(500, 500), {OK, "damaged"}
    yield "bmp, 2^31 wide", bmp_of(2**31 - 1, 2**31 - 1), {"too_many_pixels"}
    yield "bmp, negative", bmp_of(-5, -5), {OK, "damaged"}
    yield "bmp, longer than the file", bmp_of(5000, 5000), {"damaged"}
    yield "too many bytes", png + bytes(25 * 1024 * 1024), {"too_large"}
    yield "nothing", b"", {"not_an_image"}
    yield "one byte", b"\xff", {"not_an_image"}
    yield "text", b"Dear Sir or Madam, " * 50, {"not_an_image"}
    yield "html", b"<!DOCTYPE html><html><svg></svg></html>", {"not_an_image"}
    yield (
        "svg",
        b'<?xml version="1.0"?>\n<!-- hi --><svg xmlns="http://www.w3.org/2000/svg"/>',
        {"unsupported_format"},
    )
    yield (
        "svg of entities",
        b'<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>',
        {"unsupported_format", "not_an_image"},
    )
    yield "postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", {"unsupported_format"}
    yield "pdf", b"%PDF-1.7\n", {"unsupported_format"}
    yield "psd", b"8BPS\0\1" + bytes(40), {"unsupported_format"}
    yield "tiff in a circle", nested, {"unsupported_format"}
    yield "tiff, the other way round", b"MM\0*" + bytes(40), {"unsupported_format"}
    yield "heic", b"\0\0\0\x18ftypheic" + bytes(40), {"unsupported_format"}
    yield "avif", b"\0\0\0\x18ftypavif" + bytes(40), {"unsupported_format"}
    yield "fits", b"SIMPLE  =                    T" + bytes(80), {"unsupported_format"}
    yield "jpeg 2000", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(80), {"unsupported_format"}
    yield "icon", b"\0\0\1\0\1\0" + bytes(80), {"unsupported_format"}
    yield "jpeg that goes on as a zip", jpeg + b"PK\3\4" + bytes(4000), {OK}
    yield "gif that goes on as a script", VALID["GIF"] + b"/*<script>*/", {OK}
    yield "zip that goes on as a jpeg", b"PK\3\4" + jpeg, {"not_an_image"}
    yield "png that says it is a jpeg", b"\xff\xd8\xff" + png[3:], {"damaged"}


CORPUS = list(corpus())


@pytest.mark.parametrize(("content", "codes"), [pytest.param(*row[1:], id=row[0]) for row in CORPUS])
def test_hostile_file_ends_with_the_right_code(pool: Pool, content: bytes, codes: set[str]) -> None:
    assert ending(pool, content) in codes


def test_jpeg_of_2000_scans_takes_no_longer_than_it_may(pool: Pool) -> None:
    limits = Limits(cpu_seconds=0.5)
    assert ending(pool, jpeg_of_many_scans(2000), Options(limits=limits)) == "took_too_long"


def test_caller_and_children_stay_small(pool: Pool) -> None:
    for _, content, codes in CORPUS:
        if OK not in codes:
            ending(pool, content, Options(mode=Mode.BYTES, output=Output.SMALLER))
    assert all(
        processes.most_memory(child) < 640 * 1024 * 1024 for child in processes.children(children.SERVICE)
    )


def test_what_hides_behind_a_picture_does_not_come_out(pool: Pool) -> None:
    tail = b"PK\3\4 <script>alert(1)</script>"
    for content in VALID.values():
        for options in (OPTIONS, Options(quality=100)):
            assert b"<script>" not in pool.compress(content + tail, options).content


@pytest.mark.parametrize("name", [name for name in VALID if name != "BMP"])
def test_truncated_file_is_damaged(pool: Pool, name: str) -> None:
    content = VALID[name]
    # The last bytes say that it ends here, and some decoders can do without.
    for length in {*range(16, len(content) - 16, max(1, len(content) // 40)), len(content) - 16}:
        assert ending(pool, content[:length]) == "damaged", length


def test_truncated_bmp_is_damaged(pool: Pool) -> None:
    for length in range(60, len(VALID["BMP"]) - 1, 501):
        assert ending(pool, VALID["BMP"][:length]) == "damaged"


def test_random_bytes_behind_a_right_beginning_end_well(pool: Pool) -> None:
    rng = random.Random(5)
    for content in VALID.values():
        for _ in range(12):
            head = content[: rng.randint(2, 80)]
            ending(pool, head + rng.randbytes(rng.randint(0, 2000)))


@settings(max_examples=100)
@given(
    name=st.sampled_from(sorted(VALID)),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=6)), max_size=8
    ),
    cut=st.floats(0.2, 1),
    options=st.sampled_from([OPTIONS, Options(mode=Mode.BYTES), Options(output=Output.WEBP)]),
)
def test_mutated_file_ends_well(
    pool: Pool, name: str, changes: list[tuple[float, bytes]], cut: float, options: Options
) -> None:
    content = bytearray(VALID[name])
    for where, what in changes:
        at = int(where * len(content))
        content[at : at + len(what)] = what
    assert ending(pool, bytes(content[: int(cut * len(content))]), options) != "crashed"


def test_limits_are_the_callers(pool: Pool) -> None:
    content = VALID["JPEG"]
    assert ending(pool, content, Options(limits=Limits(max_pixels=64 * 48))) == OK
    assert ending(pool, content, Options(limits=Limits(max_pixels=64 * 48 - 1))) == "too_many_pixels"
    assert ending(pool, content, Options(limits=Limits(max_bytes=len(content) - 1))) == "too_large"
    with io.BytesIO(content) as file:
        assert Image.open(file).size == (64, 48)
