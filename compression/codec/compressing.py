"""One picture, from bytes to fewer bytes.

What comes out when the wish can't be met in full, as its owner would want it:

- Nothing gets larger. If an encode would, the file's own pixels stay (`is_kept`), without its metadata.
- If a picture must be turned, or its colours are not sRGB's, its own pixels can't stay. Then the quality goes
  down as far as it takes to fit into the input's bytes; only if that spoils the picture the input is kept,
  and the orientation or the profile, without which it would show wrongly, is all metadata that stays.
- In mode `bytes` the limit is first looked for by quality, or colours, then by scale. What stays below
  `similarity_floor` doesn't count. If nothing fits, the smallest picture above the floor comes out, and
  `is_over_limit` says so.
- Of an animation every frame is kept. Formats without frames are not asked for one.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from chatboost.core.pictures import contained, decoding, headers, sniffing, stripping
from chatboost.core.pictures.headers import Header
from compression.codec import animated, formats, searching, similarity
from compression.codec.animation import Animation
from compression.codec.contract import Compressed, Mode, Options, Output
from compression.codec.formats import Format
from compression.codec.similarity import Sample

# An encode of more pixels takes so long that only few are tried.
LARGE_PIXELS = 6_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one format made of the picture."""

    content: bytes
    media_type: str
    size: tuple[int, int]
    quality: int | None
    scale: float
    similarity: float


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compressed: a picture or an animation, and whether the file's own pixels may stay."""

    header: Header
    # A Picture or an Animation; the formats know which.
    body: Any
    sample: Sample
    is_plain: bool
    formats: tuple[Format[Any], ...]


def compress(content: bytes, options: Options) -> Compressed:
    """Make a picture smaller, in this process.

    Raises:
        PictureError: the picture does not come out; its `code` says why.
    """
    with contained():
        header = headers.read(content, options.limits)
        subject = _subject(content, header, options)
        make = _by_quality if options.mode is Mode.QUALITY else _by_bytes
        return make(content, subject, options)


def _subject(content: bytes, header: Header, options: Options) -> Subject:
    grid = similarity.LOOK if options.mode is Mode.QUALITY else similarity.MEASURE
    source = decoding.decode(content, header, options.limits)
    known = formats.STILL if header.frames == 1 else animated.ANIMATED
    body = source.picture if header.frames == 1 else Animation(content, header, options.limits)
    own, webp = known[header.media_type], known[sniffing.WEBP]
    chosen = {Output.SAME: (own,), Output.WEBP: (webp,), Output.SMALLER: tuple(dict.fromkeys((own, webp)))}[
        options.output
    ]
    if max(body.size) > formats.WEBP_SIDE:
        # WebP can't hold it.
        chosen = (own,)
    return Subject(header, body, Sample(source.picture, grid), source.is_plain, chosen)


def _by_quality(content: bytes, subject: Subject, options: Options) -> Compressed:
    made = min(
        (_at_quality(format_, subject, options) for format_ in subject.formats),
        key=lambda attempt: len(attempt.content),
    )
    if subject.is_plain:
        if len(made.content) < stripping.least(content, subject.header):
            return _done(made)
        stripped = stripping.strip(content, subject.header)
        return _kept(stripped, subject) if len(stripped) <= len(made.content) else _done(made)
    if len(made.content) < len(content):
        return _done(made)
    floor = options.similarity_floor
    found = [_fitting(format_, subject, len(content) - 1, floor, 1.0)[0] for format_ in subject.formats]
    fitting = [each for each in found if each and each.similarity >= floor]
    if fitting:
        return _done(max(fitting, key=lambda attempt: attempt.similarity))
    return _kept(stripping.strip(content, subject.header, keeps_display=True), subject)


def _at_quality(format_: Format[Any], subject: Subject, options: Options) -> Attempt:
    """Encode at the quality that is asked for; of several steps the first that is like enough."""
    steps = format_.step_of(subject.body, options.quality)
    for step in steps:
        content = format_.encode(subject.body, step)
        made = _attempt(format_, subject.sample, subject.body, searching.Encoded(step, content), 1.0)
        if made.similarity >= options.similarity_floor:
            break
    return made


def _by_bytes(content: bytes, subject: Subject, options: Options) -> Compressed:
    limit = len(content) * options.percent // 100
    stripped = stripping.strip(content, subject.header)
    is_format_free = options.output is not Output.WEBP or subject.header.media_type == sniffing.WEBP
    if subject.is_plain and is_format_free and len(stripped) <= limit:
        return _kept(stripped, subject)
    found = [_search(format_, subject, limit, options.similarity_floor) for format_ in subject.formats]
    fitting = [best for best, _ in found if best]
    if fitting:
        return _done(max(fitting, key=lambda attempt: (attempt.scale, attempt.similarity)))
    smallest = [small for _, small in found if small and len(small.content) < len(content)]
    if smallest:
        made = min(smallest, key=lambda attempt: len(attempt.content))
        if not subject.is_plain or len(made.content) < len(stripped):
            return _done(made, is_over_limit=True)
    if subject.is_plain:
        return _kept(stripped, subject, is_over_limit=len(stripped) > limit)
    kept = stripping.strip(content, subject.header, keeps_display=True)
    return _kept(kept, subject, is_over_limit=len(kept) > limit)


def _search(
    format_: Format[Any], subject: Subject, limit: int, floor: float
) -> tuple[Attempt | None, Attempt | None]:
    """Return the best that fits and is like enough, or the smallest that is like enough."""
    scale, candidates = 1.0, []
    while True:
        is_last = scale <= searching.MIN_SCALE or max(subject.body.size) * scale < 2 * searching.MIN_SIDE
        best, smallest, length = _fitting(format_, subject, limit, floor, scale, is_last=is_last)
        if best and best.similarity >= floor:
            return best, None
        if smallest and smallest.similarity >= floor:
            candidates.append(smallest)
        if is_last:
            return None, min(candidates, key=lambda attempt: len(attempt.content), default=None)
        scale = searching.next_scale(scale, limit=limit, length=length)


def _fitting(
    format_: Format[Any], subject: Subject, limit: int, floor: float, scale: float, *, is_last: bool = True
) -> tuple[Attempt | None, Attempt | None, float | None]:
    """Return the best that fits at a scale, or else the smallest encode, and the least bytes it takes."""
    body, sample = subject.body, subject.sample
    if scale < 1:
        body = body.shrunk(scale)
        sample = Sample(body.first if isinstance(body, Animation) else body, similarity.MEASURE)
    width, height = body.size
    steps = format_.worthwhile(body, sample, floor)
    if not steps:
        return None, None, None

    @cache
    def estimate(step: int) -> float:
        return format_.estimate(body, sample, step)

    found = searching.largest(
        steps,
        limit=limit,
        estimate=estimate,
        refine=lambda step: format_.refine(body, sample, step),
        encode=lambda step: format_.encode(body, step, is_thorough=True),
        tries=searching.TRIES if width * height <= LARGE_PIXELS else searching.FEW_TRIES,
        hopeless=math.inf if is_last else searching.HOPELESS,
    )
    best, smallest = (_attempt(format_, sample, body, each, scale) if each else None for each in found)
    if best:
        return best, None, None
    return None, smallest, len(smallest.content) if smallest else estimate(steps[0])


def _attempt(
    format_: Format[Any], sample: Sample, body: Any, made: searching.Encoded, scale: float
) -> Attempt:
    return Attempt(
        content=made.content,
        media_type=format_.media_type,
        size=body.size,
        quality=format_.quality(made.step),
        scale=scale,
        similarity=format_.likeness(sample.look, made.content, made.step),
    )


def _done(made: Attempt, *, is_over_limit: bool = False) -> Compressed:
    return Compressed(
        content=made.content,
        media_type=made.media_type,
        extension=sniffing.EXTENSIONS[made.media_type],
        width=made.size[0],
        height=made.size[1],
        quality=made.quality,
        scale=made.scale,
        similarity=made.similarity,
        is_kept=False,
        is_over_limit=is_over_limit,
    )


def _kept(content: bytes, subject: Subject, *, is_over_limit: bool = False) -> Compressed:
    return Compressed(
        content=content,
        media_type=subject.header.media_type,
        extension=sniffing.EXTENSIONS[subject.header.media_type],
        width=subject.body.size[0],
        height=subject.body.size[1],
        quality=None,
        scale=1.0,
        similarity=1.0,
        is_kept=True,
        is_over_limit=is_over_limit,
    )
