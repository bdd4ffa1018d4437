"""What comes out tells nothing of who took it, where, and with what; by a second parser and by the bytes."""

import re
import struct

import numpy as np
import pytest
from PIL import Image

from compression.codec import Mode, Options, Output, compress
from tests.compression import pictures
from tests.compression.pictures import SECRET, chunk, segment, with_chunks, with_segments

XMP = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"
IPTC = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x10\x1c\x02\x78\0\x0c" + SECRET
THUMBNAIL = b"JFXX\0\x10" + pictures.saved(Image.new("RGB", (8, 8)), "JPEG") + SECRET
WAYS = [
    pytest.param(Options(quality=30), id="encoded"),
    pytest.param(Options(quality=100), id="kept"),
    pytest.param(Options(mode=Mode.BYTES, percent=60), id="bytes"),
    pytest.param(Options(output=Output.WEBP), id="webp"),
]


def jpeg(*, orientation: int = 1, quality: int = 60) -> bytes:
    content = pictures.saved(
        pictures.photo(), "JPEG", quality=quality, exif=pictures.exif(orientation), comment=SECRET
    )
    more = [segment(0xE1, XMP), segment(0xED, IPTC), segment(0xE0, THUMBNAIL), segment(0xEB, SECRET)]
    return with_segments(content, *more, segment(0xFE, SECRET)) + b"tail " + SECRET


def png() -> bytes:
    content = pictures.saved(pictures.photo(), "PNG", exif=pictures.exif())
    texts = [chunk(name, b"Comment\0" + SECRET) for name in (b"tEXt", b"prVt", b"tIME")]
    return with_chunks(content, *texts, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SECRET)) + SECRET


def webp() -> bytes:
    return pictures.saved(pictures.photo(), "WEBP", quality=40, exif=pictures.exif(), xmp=XMP)


def gif() -> bytes:
    content = pictures.saved(pictures.photo().quantize(16), "GIF", comment=SECRET)
    return content[:-1] + b"!\xff\x0bXMP DataXMP" + bytes([len(SECRET)]) + SECRET + b"\0;" + SECRET


def parts(content: bytes) -> set[bytes]:
    """Name the segments of a JPEG up to its scan, or the chunks of a PNG or WebP: a parser of its own."""
    if content.startswith(b"\xff\xd8"):
        head = content[: content.index(b"\xff\xda")]
        return set(re.findall(rb"\xff([\xe0-\xef\xfe])", head))
    if content.startswith(b"\x89PNG"):
        return set(re.findall(rb"(?:tEXt|zTXt|iTXt|eXIf|tIME|iCCP|prVt)", content))
    return set(re.findall(rb"(?:EXIF|XMP |ICCP)", content))


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("make", [jpeg, png, webp, gif])
def test_nothing_of_the_metadata_comes_out(make: object, options: Options) -> None:
    content = make()
    assert SECRET in content
    done = compress(content, options)
    assert SECRET not in done.content
    assert parts(done.content) <= {b"\xe0"}
    image = pictures.opened(done.content)
    assert not image.getexif()
    assert {"exif", "xmp", "comment", "icc_profile", "photoshop", "Comment"}.isdisjoint(image.info)
    assert image.size == (done.width, done.height)


@pytest.mark.parametrize("make", [jpeg, webp, gif])
def test_kept_file_shows_the_same_pixels(make: object) -> None:
    content = make()
    done = compress(content, Options(quality=100))
    assert done.is_kept
    assert (done.quality, done.scale, done.similarity) == (None, 1, 1)
    assert len(done.content) < len(content)
    assert pictures.mean_difference(pictures.opened(done.content), pictures.opened(content)) == 0


def test_kept_png_shows_the_same_pixels() -> None:
    small = pictures.saved(Image.new("P", (1, 1)), "PNG", optimize=True)
    done = compress(with_chunks(small, chunk(b"tEXt", b"Comment\0" + SECRET)), Options())
    assert done.is_kept
    assert done.content == small


def test_kept_animations_lose_their_metadata_too() -> None:
    made = pictures.animation("WEBP", exif=pictures.exif(), xmp=XMP, quality=1, method=6)
    done = compress(made, Options(quality=100))
    assert done.is_kept
    assert SECRET not in done.content
    assert pictures.opened(done.content).n_frames == 6
    made = pictures.animation("PNG")
    done = compress(with_chunks(made, chunk(b"tEXt", b"Comment\0" + SECRET)), Options())
    assert SECRET not in done.content
    assert pictures.opened(done.content).n_frames == 6


def test_file_that_is_mostly_metadata_fits_without_an_encode() -> None:
    picture = pictures.saved(pictures.photo(), "JPEG", quality=40)
    content = with_segments(picture, segment(0xEC, SECRET * 4000))
    done = compress(content, Options(mode=Mode.BYTES))
    assert done.is_kept
    assert not done.is_over_limit
    assert len(done.content) <= len(content) // 2


def test_adobe_marker_stays_in_a_kept_file() -> None:
    """Without it the same bytes would mean other colours."""
    rgb = pictures.saved(pictures.photo(), "JPEG", quality=20, keep_rgb=True)
    assert b"Adobe" in rgb
    done = compress(rgb, Options(quality=100))
    assert done.is_kept
    assert pictures.mean_difference(pictures.opened(done.content), pictures.opened(rgb)) == 0


def test_thumbnail_in_the_jfif_header_goes() -> None:
    content = pictures.saved(pictures.photo(), "JPEG", quality=20)
    at = content.index(b"JFIF\0")
    thumbnail = SECRET.ljust(12, b".") * 3
    head = content[at : at + 12] + bytes((4, 3)) + thumbnail
    content = (
        content[:2] + segment(0xE0, head) + content[at - 2 + struct.unpack(">H", content[at - 2 : at])[0] :]
    )
    done = compress(content, Options(quality=100))
    assert done.is_kept
    assert SECRET not in done.content
    assert np.asarray(pictures.opened(done.content)).shape == (240, 320, 3)
