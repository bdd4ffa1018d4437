"""The end of a round: one, in the transaction that ends the last image. Then one mail and one webhook."""

from typing import Any, Final

from django.db import transaction

from chatboost.core import clock, events, live
from chatboost.core.work import queue as work
from compression.choices import OPEN, RequestState
from compression.errors import NotNow
from compression.events import BatchFinished
from compression.models import CompletionDelivery, CompressionRequest
from compression.services import outcomes

REPORT_KIND: Final = "compression.report"
WEBHOOK_KIND: Final = "compression.webhook"


def advance(request: CompressionRequest) -> None:
    """Save the counts of a locked request; end its round when nothing is left."""
    request.save(update_fields=[*outcomes.COUNTS])
    if request.state in OPEN and request.done_count + request.failed_count == request.total_count:
        end(request, _state_of(request))
    else:
        live.changed(f"compression_request:{request.pk}")


def end(request: CompressionRequest, state: RequestState) -> None:
    """End a locked request's round, and owe what follows: a webhook, and a mail unless it was cancelled."""
    request.state, request.finished_at = state, clock.now()
    request.save(update_fields=["state", "finished_at"])
    live.changed(f"compression_request:{request.pk}")
    if request.webhook_url:
        _owe_webhook(request)
    if state == RequestState.CANCELLED:
        return
    owe_report(request)
    events.publish(
        BatchFinished(
            organization_id=request.organization_id,
            request_id=request.pk,
            state=state.value,
            round=request.round,
        )
    )


@transaction.atomic
def send_mail(request: CompressionRequest) -> None:
    """Owe the mail of a request that has ended, unless this round's was written. Asking twice is no error.

    Raises: NotNow (`not_finished`).
    """
    own = CompressionRequest.objects.for_organization(request.organization_id)
    row: Any = own.select_for_update(no_key=True).get(pk=request.pk)
    if row.state in OPEN:
        raise NotNow("The request has not ended yet.", code="not_finished")
    if row.mailed_round < row.round:
        owe_report(row)


def owe_report(request: CompressionRequest) -> None:
    """Owe the output table and the mail that carries it, in the caller's transaction."""
    work.enqueue(
        work.Order(
            kind=REPORT_KIND,
            subject_id=request.pk,
            organization_id=request.organization_id,
            queue="maintenance",
            lane=f"compression:report:{request.pk}",
            dedupe_key=f"{request.pk}:{request.round}",
        )
    )


def _owe_webhook(request: CompressionRequest) -> None:
    delivery, is_new = CompletionDelivery.objects.get_or_create(
        organization_id=request.organization_id,
        request=request,
        round=request.round,
        defaults={"url": request.webhook_url},
    )
    if is_new:
        work.enqueue(
            work.Order(
                kind=WEBHOOK_KIND,
                subject_id=delivery.pk,
                organization_id=request.organization_id,
                queue="maintenance",
            )
        )


def _state_of(request: CompressionRequest) -> RequestState:
    if not request.failed_count:
        return RequestState.COMPLETED
    return RequestState.PARTIAL if request.done_count else RequestState.FAILED
