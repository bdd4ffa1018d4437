"""What became of images, written down: their rows, their files, and the counts of their requests, together.

Locks are taken in one order everywhere: work items, requests, images.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q

from chatboost.core import clock, files
from chatboost.core.db import rows
from chatboost.core.http.downloads import Failure
from chatboost.core.models import File
from chatboost.core.work import finish
from chatboost.core.work import queue as work
from compression.choices import WAITING, ImageState
from compression.models import CompressionRequest, HostPause, Image
from compression.services import completion, lines, outcomes

# Tries of an image before it has failed: what may pass, and what a busy host asks to be put off.
MAX_ATTEMPTS: Final = 5
MAX_PUT_OFF: Final = 20
# A picture on which our own child died gets one more chance.
MAX_CODEC_ATTEMPTS: Final = 2
_OF_THE_CODEC: Final = frozenset({"crashed", "took_too_long"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """What was made and stored of an image."""

    output: files.Filled
    original: files.Filled | None
    sha256: str
    bytes_before: int
    media_type: str
    width: int
    height: int
    quality: int | None
    scale: float
    similarity: float
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Unable:
    """Something of this installation is away, so the try counts for nothing; some bytes may lie about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of an image; an outcome of None: it was not begun. `is_held`: its item is still ours."""

    image_id: int
    request_id: int
    outcome: Success | Failure | Unable | None
    places: Sequence[files.Reserved]
    is_head: bool
    is_held: bool


# An outcome of its own, as some of its bytes may lie about.
NOT_STORED: Final = Failure(code="not_stored", message="The image could not be stored.", is_passing=True)


@dataclass(slots=True)
class Places:
    """Reserved places: filled ones, those whose bytes nobody needs, those without any."""

    filled: list[files.Filled] = field(default_factory=list)
    unused: list[UUID] = field(default_factory=list)
    blank: list[UUID] = field(default_factory=list)

    def settle(self) -> None:
        """Keep the first, leave the second to retention, remove the third."""
        files.complete(self.filled)
        if self.unused:
            files.give_up(self.unused)
        if self.blank:
            File.objects.filter(uuid__in=self.blank).delete()


def settle(results: Sequence[Result]) -> None:
    """Write the outcomes of images that have not ended. In the caller's transaction, items locked."""
    requests = _locked_requests({result.request_id for result in results})
    images, places = _locked_images([result.image_id for result in results])
    first_tries = [image for image in images.values() if not image.attempt_count]
    twins = _same_contents(results)
    ended: list[Image] = []
    places_of = Places()
    along: list[int] = []
    heads: list[int] = []
    for result in results:
        image, outcome = images.get(result.image_id), result.outcome
        if isinstance(outcome, Success):
            own = _files_of(outcome)
            twin = twins.get((result.request_id, outcome.sha256))
            if image is None or twin is not None:
                places_of.unused += [file.uuid for file in own]
            else:
                places_of.filled += own
            if image is not None:
                _succeed(image, outcome, twin)
                twins.setdefault((image.request_id, outcome.sha256), image)
                ended.append(image)
            continue
        reserved = [place.uuid for place in result.places]
        if outcome is NOT_STORED or isinstance(outcome, Unable):
            places_of.unused += reserved
        else:
            places_of.blank += reserved
        if outcome is None or isinstance(outcome, Unable):
            if image is not None and result.is_held:
                (heads if result.is_head else along).append(result.image_id)
        elif image is not None and _failed(image, outcome, is_held=result.is_held):
            ended.append(image)
    places_of.settle()
    _wait_again(heads, along)
    _proceed([image for image in first_tries if image.attempt_count], requests)
    _end(ended, places, requests)


def let_go(image_ids: Sequence[int], work_item_ids: Sequence[int]) -> None:
    """Have those wait in their lines again who still go along with these heads, ended ones too.

    Who had lost the lease ended what it had made, and left alone what it had not begun; who died, all of it.
    In the caller's transaction, items locked.
    """
    heads = Image.objects.filter(pk__in=image_ids)
    along = Image.objects.filter(
        request__in=heads.values("request"), state=ImageState.PROCESSING, work_item_id__in=work_item_ids
    ).exclude(pk__in=image_ids)
    behind: dict[int, set[str]] = defaultdict(set)
    for request_id, line in along.values_list("request_id", "line"):
        behind[request_id].add(line)
    if not behind:
        return
    requests = _locked_requests(behind)
    along.update(state=ImageState.PENDING, work_item_id=None)
    for request_id, request in requests.items():
        lines.begin(request, behind[request_id])


def give_up(image_ids: Sequence[int]) -> None:
    """End images whose work died, so that their requests can."""
    found = Image.objects.filter(pk__in=image_ids).order_by("id")
    requests = _locked_requests(found.values_list("request_id", flat=True))
    let_go(image_ids, [image.work_item_id for image in found if image.work_item_id is not None])
    images, places = _locked_images(image_ids)
    first_tries = [image for image in images.values() if not image.attempt_count]
    for image in images.values():
        image.attempt_count += 1
        _fail(image, "given_up", "The worker died or failed each time.")
    _proceed(first_tries, requests)
    _end(list(images.values()), places, requests)


def _locked_requests(ids: Iterable[int]) -> dict[int, CompressionRequest]:
    found = CompressionRequest.objects.filter(pk__in=set(ids)).select_for_update(no_key=True).order_by("id")
    return {row.pk: row for row in found}


def _locked_images(ids: Sequence[int]) -> tuple[dict[int, Image], list[Image]]:
    """Return images by id, and the other places of their URLs; what has ended is left out."""
    wanted = Image.objects.filter(Q(pk__in=ids) | Q(same_as__in=ids), state__in=WAITING)
    found = list(wanted.select_for_update(no_key=True).order_by("id"))
    places = [row for row in found if row.same_as_id is not None]
    return {row.pk: row for row in found if row.same_as_id is None}, places


# One image


def _files_of(success: Success) -> list[files.Filled]:
    return [success.output, *([success.original] if success.original else [])]


def _same_contents(results: Sequence[Result]) -> dict[tuple[int, str], Image]:
    """Return images of these requests that came to the same bytes before: by request and sum. One query."""
    made = [(each.request_id, each.outcome.sha256) for each in results if isinstance(each.outcome, Success)]
    if not made:
        return {}
    same = Image.objects.filter(
        request__in={request_id for request_id, _ in made},
        sha256__in={sum_ for _, sum_ in made},
        same_as=None,
        state=ImageState.COMPLETED,
    )
    # The first of them counts.
    return {(image.request_id, image.sha256): image for image in same.order_by("-id")}


def _succeed(image: Image, made: Success, twin: Image | None) -> None:
    image.state, image.ended_at, image.error_code, image.error_detail = (
        ImageState.COMPLETED,
        clock.now(),
        "",
        "",
    )
    image.attempt_count += 1
    image.sha256, image.bytes_before, image.bytes_after = made.sha256, made.bytes_before, made.output.size
    image.media_type, image.width, image.height = made.media_type, made.width, made.height
    image.quality, image.scale, image.similarity = made.quality, made.scale, made.similarity
    image.is_kept = made.is_kept
    image.file_uuid = made.output.uuid
    image.original_uuid = made.original.uuid if made.original else None
    if twin is not None:
        # Encoders of two versions might differ: what is served is what is said.
        for column in ("bytes_after", "file_uuid", "original_uuid"):
            setattr(image, column, getattr(twin, column))


def _failed(image: Image, failure: Failure, *, is_held: bool) -> bool:
    """Note a try that failed; returns whether it was the last. Another holder of the item tries by itself."""
    if failure.pause:
        _pause(image, failure.pause)
    if not failure.is_passing:
        image.attempt_count += 1
        _fail(image, failure.code, failure.message)
        return True
    if not is_held:
        return False
    image.attempt_count += 1
    if image.attempt_count >= _patience(failure):
        _fail(image, failure.code, failure.message)
        return True
    image.state, image.error_code, image.error_detail = (
        ImageState.PENDING,
        failure.code,
        failure.message[:300],
    )
    image.save(update_fields=["state", "attempt_count", "error_code", "error_detail"])
    again = clock.now() + finish.backoff(image.attempt_count, failure.pause)
    # Not a `Retry`, which keeps its lane closed meanwhile.
    work.enqueue(lines.order(image, again))
    return False


def _wait_again(heads: Sequence[int], along: Sequence[int]) -> None:
    """Have images that were not begun wait: heads with the work they have, the others in their lines."""
    unbegun = Image.objects.filter(state__in=WAITING)
    unbegun.filter(pk__in=heads).update(state=ImageState.PENDING)
    unbegun.filter(pk__in=along).update(state=ImageState.PENDING, work_item_id=None)


def _patience(failure: Failure) -> int:
    if failure.code in _OF_THE_CODEC:
        return MAX_CODEC_ATTEMPTS
    return MAX_PUT_OFF if failure.pause is not None else MAX_ATTEMPTS


def _fail(image: Image, code: str, message: str) -> None:
    image.state, image.ended_at = ImageState.FAILED, clock.now()
    image.error_code, image.error_detail = code[:40], message[:300]


def _pause(image: Image, pause: timedelta) -> None:
    """Leave the image's host alone; a longer wish than before counts."""
    host, until = lines.host_of(image.url), clock.now() + pause
    kept, is_new = HostPause.objects.get_or_create(host=host, defaults={"until": until})
    if not is_new:
        HostPause.objects.filter(pk=kept.pk, until__lt=until).update(until=until)


# All of them


def _proceed(images: Sequence[Image], requests: Mapping[int, CompressionRequest]) -> None:
    """Let those go who stand behind these images at their hosts."""
    behind: dict[int, set[str]] = defaultdict(set)
    for image in images:
        behind[image.request_id].add(image.line)
    for request_id in sorted(behind):
        lines.proceed(requests[request_id], behind[request_id])


def _end(ended: Sequence[Image], places: Sequence[Image], requests: Mapping[int, CompressionRequest]) -> None:
    """Write images that have ended, with their other places, and count them."""
    if not ended:
        return
    first = {image.pk: image for image in ended}
    others = []
    for place in places:
        if (one := first.get(place.same_as_id or 0)) is not None:
            outcomes.copy(one, place)
            others.append(place)
    every = [*ended, *others]
    rows.update(every, outcomes.COLUMNS)
    by_request: dict[int, list[Image]] = defaultdict(list)
    for image in every:
        by_request[image.request_id].append(image)
    for request_id in sorted(by_request):
        request = requests[request_id]
        outcomes.count(request, by_request[request_id])
        completion.advance(request)
