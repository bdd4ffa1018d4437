"""Completion webhooks: signed, tried again, and a dead letter when nobody answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import F

from chatboost.core import clock
from chatboost.core.http import downloads, untrusted
from chatboost.core.http.errors import HttpError, NotSent, OutcomeUnknown, Refused, TooLarge
from chatboost.core.work import finish
from chatboost.core.work.kinds import Decision, Done, EffectKind, Item, Retry
from compression import links
from compression.choices import DeliveryState
from compression.models import CompletionDelivery, CompressionRequest
from compression.services import completion, signing

DEADLINE: Final = timedelta(seconds=10)
MAX_ANSWER: Final = 64 * 1024
_CODES: dict[type[HttpError], str] = {
    NotSent: "not_sent",
    OutcomeUnknown: "outcome_unknown",
    TooLarge: "answer_too_large",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request to make."""

    delivery_id: int
    organization_id: int
    uuid: UUID
    url: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or an error code. `is_final`: another try would end the same way."""

    status: int | None = None
    error: str = ""
    is_final: bool = False
    pause: timedelta | None = None

    @property
    def is_success(self) -> bool:
        """Whether the server has taken it."""
        return self.status is not None and 200 <= self.status < 300


class WebhookKind(EffectKind[Call, Answer]):
    """Tells servers that requests have ended."""

    name = completion.WEBHOOK_KIND

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Call | Decision]:
        """Note the attempts."""
        ids = [item.subject_id for item in finish.still_held(items)]
        found = CompletionDelivery.objects.filter(pk__in=ids, state__in=_OPEN).select_related("request")
        rows = {row.pk: row for row in found}
        CompletionDelivery.objects.filter(pk__in=rows).update(
            state=DeliveryState.SENDING, attempt_count=F("attempt_count") + 1
        )
        return {
            item.id: _call(rows[item.subject_id]) if item.subject_id in rows else Done() for item in items
        }

    def call(self, intent: Call) -> Answer:
        """Post to a checked public address, once."""
        try:
            response = untrusted.fetch(
                intent.url,
                method="POST",
                headers={
                    "Content-Type": "application/json",
                    "Idempotency-Key": str(intent.uuid),
                    **signing.headers(intent.body, intent.organization_id),
                },
                body=intent.body,
                deadline=DEADLINE,
                max_bytes=MAX_ANSWER,
                allowed_private_hosts=frozenset(settings.FETCH_ALLOWED_PRIVATE_HOSTS),
            )
        except Refused as error:
            return Answer(error=error.code, is_final=True)
        except TooLarge as error:
            return Answer(status=error.status)
        except HttpError as error:
            return Answer(error=_CODES.get(type(error), "no_answer"))
        pause = downloads.pause_of(response)
        # 410 is how a server says that it wants no more of these.
        return Answer(status=response.status, is_final=response.status == 410, pause=pause)

    def settle(self, results: Sequence[tuple[Item, Call, Answer | Exception]]) -> Mapping[int, Decision]:
        """Keep what came back; without success it goes again, later."""
        finish.still_held([item for item, _, _ in results])
        ids = [call.delivery_id for _, call, _ in results]
        found = CompletionDelivery.objects.filter(pk__in=ids).select_for_update(no_key=True).order_by("id")
        rows = {row.pk: row for row in found}
        decisions: dict[int, Decision] = {}
        for item, call, outcome in results:
            answer = Answer(error="call_failed") if isinstance(outcome, Exception) else outcome
            decisions[item.id] = _settled(rows.get(call.delivery_id), answer)
        return decisions

    def on_dead(self, subject_ids: Sequence[int]) -> None:
        """Say that nobody answered."""
        CompletionDelivery.objects.filter(pk__in=subject_ids, state__in=_OPEN).update(
            state=DeliveryState.FAILED, finished_at=clock.now()
        )


# A failed one, too: its dead letter may be tried again.
_OPEN: Final = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.FAILED)


def payload(request: CompressionRequest, round_: int) -> dict[str, Any]:
    """Return what a completion webhook says."""
    return {
        "event": "compression.finished",
        "request_id": str(request.uuid),
        "round": round_,
        "status": request.state.upper(),
        "total_images": request.total_count,
        "no_img_compressed": request.done_count,
        "failed_images": request.failed_count,
        "bytes_before": request.bytes_before,
        "bytes_after": request.bytes_after,
        "status_url": f"{links.base()}/compression/status/{request.uuid}",
        "output_url": f"{links.base()}/compression/{request.uuid}/output.csv",
    }


def _call(row: CompletionDelivery) -> Call:
    body = json.dumps(payload(row.request, row.round)).encode()
    return Call(row.pk, row.organization_id, row.uuid, row.url, body)


def _settled(row: CompletionDelivery | None, answer: Answer) -> Decision:
    if row is None or row.state == DeliveryState.ANSWERED:
        return Done()
    row.response_status, row.error = answer.status, answer.error
    if answer.is_success:
        row.state, row.finished_at = DeliveryState.ANSWERED, clock.now()
    elif answer.is_final:
        row.state, row.finished_at = DeliveryState.FAILED, clock.now()
    else:
        row.state = DeliveryState.QUEUED
    row.save(update_fields=["response_status", "error", "state", "finished_at"])
    if row.finished_at is not None:
        return Done()
    return Retry(answer.error or f"HTTP {answer.status}", answer.pause)
