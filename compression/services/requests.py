"""Requests: handed in, cancelled, tried again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Any, Final

from django.db import transaction

from chatboost.core import audit, clock, live, mail, preferences
from chatboost.core.db import rows
from chatboost.core.errors import ValidationFailed
from chatboost.core.jobs import lifecycle
from chatboost.core.models import File
from chatboost.core.work import queue as work
from compression import table
from compression.choices import ALLOWED_TRANSITIONS, OPEN, WAITING, ImageState, RequestState
from compression.errors import NotNow
from compression.models import CompressionRequest, Image, Product
from compression.preferences import CompressionSettings
from compression.services import completion, lines
from teams import limits
from teams.models import Organization

SPREAD_KIND: Final = "compression.spread"
MAX_WEBHOOK_URL: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How the images shall come out; what is None is as the organization has set it."""

    mode: str | None = None
    quality: int | None = None
    percent: int | None = None
    output: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A table that was looked through, and what shall be done with it."""

    email: str
    products: Sequence[table.Row]
    file_name: str
    webhook_url: str
    wishes: Wishes


def create(*, organization: Organization, actor: Any | None = None, **given: Any) -> CompressionRequest:
    """Take a table of image URLs: `check`, then `store`. Nothing is stored of one that is refused."""
    return store(organization=organization, submission=check(**given), actor=actor)


def check(
    *,
    email: str,
    file: IO[bytes],
    file_name: str = "",
    webhook_url: str = "",
    wishes: Wishes = Wishes(),
) -> Submission:
    """Read a table, and make sure that nothing is wrong with it. Takes its time: outside of a transaction.

    Raises: FileRefused, TableRefused, ValidationFailed (`invalid_address, invalid_webhook_url`).
    """
    address = _checked_address(email)
    _check_webhook_url(webhook_url)
    return Submission(
        email=address,
        products=table.read(file),
        file_name=file_name[:200],
        webhook_url=webhook_url,
        wishes=wishes,
    )


@transaction.atomic
def store(*, organization: Organization, submission: Submission, actor: Any | None) -> CompressionRequest:
    """Write a request with its products, and owe its work. Raises: Conflict (`limit_reached`)."""
    total = sum(len(row.urls) for row in submission.products)
    limits.check(organization, "compression_requests")
    limits.check(organization, "compression_images", total)
    own = preferences.get(organization.pk, CompressionSettings)
    wishes, actor_id = submission.wishes, getattr(actor, "pk", None)
    request = CompressionRequest.objects.create(
        organization=organization,
        email=submission.email,
        webhook_url=submission.webhook_url,
        file_name=submission.file_name,
        mode=wishes.mode or own.mode,
        quality=wishes.quality or own.quality,
        percent=wishes.percent or own.percent,
        output=wishes.output or own.output,
        row_count=len(submission.products),
        total_count=total,
        actor_id=actor_id if isinstance(actor_id, int) else None,
        actor_label=lifecycle.label_of(actor),
        files_expire_at=clock.now() + timedelta(days=own.files_kept_days),
        created_at=clock.now(),
    )
    _store_products(request, submission.products)
    spread(request)
    audit.record(
        actor=actor,
        verb="compression.requested",
        object=request,
        changes={"file_name": (None, request.file_name), "images": (None, total)},
    )
    return request


def spread(request: CompressionRequest) -> None:
    """Owe the next images their rows, in the caller's transaction."""
    work.enqueue(
        work.Order(
            kind=SPREAD_KIND,
            subject_id=request.pk,
            organization_id=request.organization_id,
            queue=lines.QUEUE,
            lane=f"compression:spread:{request.pk}",
            priority=40,
        )
    )


@transaction.atomic
def cancel(*, request: CompressionRequest, actor: Any | None) -> CompressionRequest:
    """End a request now. What is done stays, with its output table; what runs is dropped when it ends.

    No e-mail is sent: whoever cancels knows. A webhook is, because a program waits for one.

    Raises: NotNow (`already_finished`).
    """
    row = lock(request)
    if row.state not in OPEN:
        raise NotNow(f"The request is {row.get_state_display().lower()} already.", code="already_finished")
    waiting = Image.objects.filter(request=row, state__in=WAITING)
    waiting.update(state=ImageState.CANCELLED, ended_at=clock.now())
    audit.record(actor=actor, verb="compression.cancelled", object=row)
    completion.end(row, RequestState.CANCELLED)
    return row


@transaction.atomic
def retry_failed(*, request: CompressionRequest, actor: Any | None) -> CompressionRequest:
    """Try the images again that failed: another round, with an e-mail and a webhook of its own at its end.

    Raises: NotNow (`nothing_failed, files_expired`), Conflict (`limit_reached`).
    """
    row = lock(request)
    if RequestState.PROCESSING not in ALLOWED_TRANSITIONS[row.state] or not row.failed_count:
        raise NotNow("There are no failed images to try again.", code="nothing_failed")
    if row.files_expire_at <= clock.now():
        raise NotNow("The request’s images have expired: hand the table in again.", code="files_expired")
    limits.check(row.organization, "compression_requests")
    limits.check(row.organization, "compression_images", row.failed_count)
    failed = Image.objects.filter(request=row, state=ImageState.FAILED)
    theirs = set(failed.filter(same_as=None).values_list("line", flat=True))
    failed.update(
        state=ImageState.PENDING,
        work_item_id=None,
        attempt_count=0,
        error_code="",
        error_detail="",
        ended_at=None,
    )
    audit.record(
        actor=actor, verb="compression.retried", object=row, changes={"failed": (row.failed_count, 0)}
    )
    row.state, row.round, row.failed_count, row.finished_at = RequestState.PROCESSING, row.round + 1, 0, None
    row.save(update_fields=["state", "round", "failed_count", "finished_at"])
    _keep_longer(row)
    lines.begin(row, theirs)
    if not row.is_spread:
        spread(row)
    live.changed(f"compression_request:{row.pk}")
    return row


def _keep_longer(row: CompressionRequest) -> None:
    """Keep the images of a new round as long as those of a new request, and the earlier ones with them."""
    days = preferences.get(row.organization_id, CompressionSettings).files_kept_days
    until = clock.now() + timedelta(days=days)
    if until <= row.files_expire_at:
        return
    row.files_expire_at = until
    row.save(update_fields=["files_expire_at"])
    images = Image.objects.filter(request=row, file_uuid__isnull=False)
    File.objects.for_organization(row.organization_id).filter(uuid__in=images.values("file_uuid")).update(
        expires_at=until
    )


def lock(request: CompressionRequest) -> CompressionRequest:
    """Return the row, locked until the transaction ends."""
    own = CompressionRequest.objects.for_organization(request.organization_id)
    row: CompressionRequest = own.select_for_update(no_key=True).get(pk=request.pk)
    return row


def _store_products(request: CompressionRequest, products: Sequence[table.Row]) -> None:
    rows.insert(
        Product,
        (
            {
                "organization_id": request.organization_id,
                "request_id": request.pk,
                "row_number": row.number,
                "serial_number": row.serial_number,
                "name": row.name,
                "input_urls": list(row.urls),
            }
            for row in products
        ),
    )


def _checked_address(email: str) -> str:
    try:
        return mail.check_address(email.strip())
    except ValidationFailed as refusal:
        raise ValidationFailed(
            refusal.message, code=refusal.code, errors={"email": [refusal.message]}
        ) from refusal


def _check_webhook_url(url: str) -> None:
    problem = table.problem_of(url) if url else ""
    if problem or len(url) > MAX_WEBHOOK_URL:
        message = problem or f"This is longer than {MAX_WEBHOOK_URL} characters."
        raise ValidationFailed(message, code="invalid_webhook_url", errors={"webhook_url": [message]})
