"""Images: fetched, compressed, stored; each ends once, with a file or a named error.

A worker that dies costs an image nothing: it is taken up again, and what lies about of its files is removed
by retention. Whoever comes second finds that it has ended.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import unquote, urlsplit

import structlog
from django.conf import settings
from django.db import transaction

from chatboost.core import clock, files, limits, live, preferences
from chatboost.core.files import outage
from chatboost.core.http.downloads import Failure
from chatboost.core.isolation import NotStarted
from chatboost.core.work import finish, nudge
from chatboost.core.work.kinds import Decision, Defer, Done, EffectKind, Item, Retry
from compression import encoding, fetching
from compression.choices import WAITING, ImageState, RequestState
from compression.codec import Compressed, Options, PictureError, sniff
from compression.models import CompressionRequest, HostPause, Image
from compression.preferences import CompressionSettings
from compression.services import lines
from compression.work import settling
from compression.work.settling import Success, Unable

logger = structlog.get_logger(__name__)

PURPOSE, ORIGINALS = "compressed", "compression-input"
PERMISSION: Final = "compression.view_image"
# So many of a line go along with its head: what the database is asked is shared by them.
CHUNK: Final = 12
# Lines that a process works on for each of its encoding children: while one encodes, others fetch. A claim
# may bring all lines that there are, and another process would have none.
AT_ONCE: Final = 4
# A call begins no further image after this.
CALL_SECONDS: Final = 20.0
# How long an item waits when storage is away, or no child comes up.
UNABLE_FOR: Final = timedelta(seconds=30)
# A child that died may have been the machine's fault. Once.
_RETRIED_CODES: Final = frozenset({"crashed", "took_too_long"})


@dataclass(frozen=True, slots=True)
class Job:
    """One image to make. `original` is None where inputs are not kept."""

    image_id: int
    url: str
    output: files.Reserved
    original: files.Reserved | None

    @property
    def places(self) -> list[files.Reserved]:
        """The files that were reserved for it."""
        return [self.output, *([self.original] if self.original else [])]


@dataclass(frozen=True, slots=True)
class Intent:
    """Some images of one line, made one after the other."""

    request_id: int
    options: Options
    jobs: tuple[Job, ...]


Outcome = Success | Failure | Unable
# By image; what is missing was not begun.
Outcomes = dict[int, Outcome]


class ImageKind(EffectKind[Intent, Outcomes]):
    """Makes images smaller. An item is the head of a line; some of those behind it go along."""

    name = lines.IMAGE_KIND
    is_long = True

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Intent | Decision]:
        """Say which images are under way, and reserve the places of their files."""
        held = finish.still_held(items)
        settling.let_go([item.subject_id for item in held], [item.id for item in held])
        heads = _waiting([item.subject_id for item in held])
        ours, others = _shared([item for item in items if item.subject_id in heads])
        going = _polite({item: heads[item.subject_id] for item in ours}) | _left(others)
        chunks = {item: found for item, found in going.items() if not isinstance(found, Defer)}
        _begin(chunks)
        intents = _intents(chunks)
        return {item.id: intents.get(item) or _decision(going.get(item)) for item in items}

    def call(self, intent: Intent) -> Outcomes:
        """Fetch, compress and store them; a host that wants a pause, trouble of ours, and time end it."""
        ends = time.monotonic() + CALL_SECONDS
        outcomes: Outcomes = {}
        for job in intent.jobs:
            outcome = outcomes[job.image_id] = _made(job, intent.options)
            is_refused = isinstance(outcome, Unable) or (isinstance(outcome, Failure) and outcome.pause)
            if is_refused or time.monotonic() >= ends:
                break
        return outcomes

    def settle(self, results: Sequence[tuple[Item, Intent, Outcomes | Exception]]) -> Mapping[int, Decision]:
        """End the images, or put them in line again."""
        held = {item.id for item in finish.still_held([item for item, _, _ in results])}
        settling.settle(
            [
                settling.Result(
                    image_id=job.image_id,
                    request_id=intent.request_id,
                    outcome=None if isinstance(outcomes, Exception) else outcomes.get(job.image_id),
                    places=job.places,
                    is_head=job.image_id == item.subject_id,
                    is_held=item.id in held,
                )
                for item, intent, outcomes in results
                for job in intent.jobs
            ]
        )
        return {item.id: _after(item, outcomes) for item, _, outcomes in results}

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """End the images whose work was given up."""
        settling.give_up(subject_ids)


def _after(item: Item, outcomes: Outcomes | Exception) -> Decision:
    """A bug of ours ends nothing; the item is tried again, and given up in the end. An outage passes."""
    if isinstance(outcomes, Exception):
        return Retry(f"{type(outcomes).__name__}: {outcomes}")
    if isinstance(outcomes.get(item.subject_id), Unable):
        return Defer(clock.now() + UNABLE_FOR)
    return Done()


def _decision(found: "Defer | list[Image] | None") -> Decision:
    return found if isinstance(found, Defer) else Done()


# Preparing


def _waiting(ids: Sequence[int]) -> dict[int, Image]:
    rows = Image.objects.filter(pk__in=ids, same_as=None, state__in=WAITING).select_related("request")
    return {image.pk: image for image in rows.order_by("id")}


def _shared(items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Part what this process takes from what it leaves to others, each organization in turn."""
    turns: Counter[int] = Counter()
    ranked: list[tuple[int, int, Item]] = []
    for item in sorted(items, key=lambda item: item.id):
        turns[item.organization_id] += 1
        ranked.append((turns[item.organization_id], item.id, item))
    ordered = [item for _, _, item in sorted(ranked, key=lambda each: each[:2])]
    count = AT_ONCE * max(1, settings.COMPRESSION_PROCESSES)
    return ordered[:count], ordered[count:]


def _left(items: Sequence[Item]) -> dict[Item, Defer | list[Image]]:
    """Put items back at once, and tell others that they are there."""
    if items:
        transaction.on_commit(lambda: nudge.ring(lines.QUEUE))
    return {item: Defer(clock.now()) for item in items}


def _polite(heads: Mapping[Item, Image]) -> dict[Item, Defer | list[Image]]:
    """Return which images may go now, by their heads; the others wait for their hosts, in order of host."""
    now = clock.now()
    hosts = {item: lines.host_of(image.url) for item, image in heads.items()}
    pauses = dict(
        HostPause.objects.filter(host__in=set(hosts.values()), until__gt=now).values_list("host", "until")
    )
    refused: dict[str, datetime] = {}
    going: dict[Item, Defer | list[Image]] = {}
    for item in sorted(heads, key=lambda item: (hosts[item], item.id)):
        host = hosts[item]
        if (until := pauses.get(host) or refused.get(host)) is None:
            chunk = _chunk(item, heads[item])
            until = _asked(host, len(chunk), now)
        if until is None:
            going[item] = chunk
        else:
            refused[host] = until
            going[item] = Defer(until)
    return going


def _chunk(item: Item, head: Image) -> list[Image]:
    """Return the head with those behind it that go along: none of a suspect, nor of one that goes again."""
    if item.crash_count or head.attempt_count:
        return [head]
    rate = limits.parse_rate(settings.COMPRESSION_HOST_RATE)
    size = min(CHUNK, rate.limit) if rate else CHUNK
    return [head, *lines.behind(head, size - 1)]


def _asked(host: str, count: int, now: datetime) -> datetime | None:
    """Count calls to a host; returns until when to wait where there were enough of them."""
    rate = limits.parse_rate(settings.COMPRESSION_HOST_RATE)
    if rate is None:
        return None
    verdict = limits.hit(f"compression:{host}", limit=rate.limit, window=rate.window, cost=count)
    return None if verdict.is_allowed else now + max(verdict.retry_after, timedelta(milliseconds=20))


def _begin(chunks: Mapping[Item, list[Image]]) -> None:
    """Say that images, and requests, are under way: requests first, as everywhere."""
    heads = [images[0] for images in chunks.values()]
    new = sorted({head.request_id for head in heads if head.request.state == RequestState.PENDING})
    if new:
        rows = CompressionRequest.objects.filter(pk__in=new, state=RequestState.PENDING)
        rows.update(state=RequestState.PROCESSING, started_at=clock.now())
        for request_id in new:
            live.changed(f"compression_request:{request_id}")
    for item, images in chunks.items():
        Image.objects.filter(pk__in=[image.pk for image in images], state__in=WAITING).update(
            state=ImageState.PROCESSING, work_item_id=item.id
        )


def _intents(chunks: Mapping[Item, list[Image]]) -> dict[Item, Intent]:
    own = preferences.get_many({item.organization_id for item in chunks}, CompressionSettings)
    intents: dict[Item, Intent] = {}
    for item, images in chunks.items():
        request = images[0].request
        outputs = _reserve_outputs(request, len(images))
        originals = _reserve_originals(request, len(images), own[item.organization_id].originals_kept_days)
        jobs = (
            Job(image.pk, image.url, output, original)
            for image, output, original in zip(images, outputs, originals, strict=True)
        )
        intents[item] = Intent(request.pk, _options(request), tuple(jobs))
    return intents


def _reserve_outputs(request: CompressionRequest, count: int) -> list[files.Reserved]:
    """Reserve a place each. Files of a request expire together."""
    return files.reserve(
        count,
        organization_id=request.organization_id,
        purpose=PURPOSE,
        permission=PERMISSION,
        expires_at=request.files_expire_at,
    )


def _reserve_originals(request: CompressionRequest, count: int, days: int) -> Sequence[files.Reserved | None]:
    if not days:
        return [None] * count
    return files.reserve(
        count,
        organization_id=request.organization_id,
        purpose=ORIGINALS,
        permission=PERMISSION,
        expires_at=clock.now() + timedelta(days=days),
    )


def _options(request: CompressionRequest) -> Options:
    return encoding.options(
        mode=request.mode, quality=request.quality, percent=request.percent, output=request.output
    )


# Calling


def _made(job: Job, options: Options) -> Outcome:
    with encoding.room():
        fetched = fetching.fetch(job.url)
        if isinstance(fetched, Failure):
            return fetched
        try:
            return _stored(job, fetched.content, encoding.compress(fetched.content, options))
        except PictureError as error:
            return Failure(code=error.code, message=error.message, is_passing=error.code in _RETRIED_CODES)
        except Exception as error:  # whatever storage raises
            logger.warning("compression_not_stored", image=job.image_id, exc_info=True)
            is_ours = isinstance(error, NotStarted) or outage.is_outage(error)
            return Unable() if is_ours else settling.NOT_STORED


def _stored(job: Job, content: bytes, made: Compressed) -> Success:
    name = _stem(job.url)
    output = files.fill(
        job.output, made.content, name=f"{name}.{made.extension.lstrip('.')}", content_type=made.media_type
    )
    original = None
    if job.original is not None:
        original = files.fill(job.original, content, name=name, content_type=sniff(content) or "")
    return Success(
        output=output,
        original=original,
        sha256=original.sha256 if original else sha256(content).hexdigest(),
        bytes_before=len(content),
        media_type=made.media_type,
        width=made.width,
        height=made.height,
        quality=made.quality,
        scale=made.scale,
        similarity=made.similarity,
        is_kept=made.is_kept,
    )


def _stem(url: str) -> str:
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    stem = last.rpartition(".")[0] or last
    return stem[:100] or "image"
