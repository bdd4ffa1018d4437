"""Calls of webhook nodes: at least once, with an Idempotency-Key; the answer moves the execution on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import DurationField, ExpressionWrapper, F, Sum

from chatboost.core import clock
from chatboost.core.http import untrusted
from chatboost.core.http.errors import HttpError, NotSent, OutcomeUnknown, Refused, TooLarge
from chatboost.core.work import queue as work
from chatboost.core.work.kinds import BatchKind, Decision, Done, EffectKind, Item, Retry
from chatboost.messaging.webhooks import clean_json
from flows.engine.events import WebhookAnswered
from flows.models import DeliveryState, Execution, WebhookDelivery
from flows.services.runner import WEBHOOK_KIND, Runner
from flows.work.timers import PAUSE_CHECK, locked_conversations

ANSWER_KIND = "flows.answered"

# A server that is down may come back; whoever chats with the bot does not wait for long.
MAX_ATTEMPTS = 3
RETRIED_STATUSES = {429, 502, 503, 504}
ERROR_CODES: dict[type[HttpError], str] = {
    NotSent: "not_sent",
    OutcomeUnknown: "outcome_unknown",
    TooLarge: "answer_too_large",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request to make."""

    delivery_id: int
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status and a body, or an error code.

    `is_final`: another attempt would end the same way.
    """

    status: int | None = None
    body: Any = None
    error: str = ""
    is_final: bool = False

    @property
    def is_worth_a_retry(self) -> bool:
        """Whether the server may do better in a moment."""
        return self.status in RETRIED_STATUSES or (self.status is None and not self.is_final)


class WebhookKind(EffectKind[Call, Answer]):
    """Makes the calls."""

    name = WEBHOOK_KIND

    def prepare(self, items: Sequence[Item]) -> Mapping[int, Call | Decision]:
        """Note the attempts. A call that a crash left open is made again: its key tells the server."""
        rows = WebhookDelivery.objects.select_for_update().in_bulk([item.subject_id for item in items])
        open_ids = [row.pk for row in rows.values() if row.finished_at is None]
        WebhookDelivery.objects.filter(pk__in=open_ids).update(
            state=DeliveryState.SENDING, attempt_count=F("attempt_count") + 1
        )
        return {
            item.id: _call(rows[item.subject_id]) if item.subject_id in open_ids else Done() for item in items
        }

    def call(self, intent: Call) -> Answer:
        """Make one request, to a checked public address."""
        try:
            response = untrusted.fetch(
                intent.url,
                method=intent.method,
                headers=intent.headers,
                body=intent.body,
                deadline=settings.FLOW_WEBHOOK_DEADLINE,
                max_bytes=settings.FLOW_WEBHOOK_MAX_BYTES,
                allowed_private_hosts=frozenset(settings.FETCH_ALLOWED_PRIVATE_HOSTS),
            )
        except Refused as error:
            return Answer(error=error.code, is_final=True)
        except HttpError as error:
            return Answer(error=_code(error), is_final=isinstance(error, TooLarge))
        return Answer(status=response.status, body=_parsed(response.body))

    def settle(self, results: Sequence[tuple[Item, Call, Answer | Exception]]) -> Mapping[int, Decision]:
        """Keep the answers; wake the executions that wait for them."""
        rows = WebhookDelivery.objects.select_for_update().in_bulk(
            [call.delivery_id for _, call, _ in results]
        )
        decisions: dict[int, Decision] = {}
        for item, call, outcome in results:
            answer = Answer(error="call_crashed") if isinstance(outcome, Exception) else outcome
            decisions[item.id] = _settle_one(rows[call.delivery_id], answer)
        return decisions


def _code(error: HttpError) -> str:
    return ERROR_CODES.get(type(error), "no_answer")


def _settle_one(row: WebhookDelivery, answer: Answer) -> Decision:
    if row.finished_at is not None:
        return Done()
    if answer.is_worth_a_retry and row.attempt_count < MAX_ATTEMPTS:
        return Retry(answer.error or f"HTTP {answer.status}")
    row.state = DeliveryState.FAILED if answer.error else DeliveryState.ANSWERED
    row.response_status, row.response_body, row.error = answer.status, answer.body, answer.error[:300]
    row.finished_at = clock.now()
    row.save(update_fields=["state", "response_status", "response_body", "error", "finished_at"])
    _enqueue_answer(row)
    return Done()


def _enqueue_answer(row: WebhookDelivery, run_at: datetime | None = None) -> None:
    work.enqueue(
        work.Order(
            kind=ANSWER_KIND,
            subject_id=row.pk,
            organization_id=row.organization_id,
            queue="interactive",
            lane=f"answer:{row.execution_id}",
            run_at=run_at,
        )
    )


def _call(row: WebhookDelivery) -> Call:
    request = json.loads(row.request or "{}")
    body = request.get("body")
    headers = {**request.get("headers", {}), "Idempotency-Key": str(row.uuid)}
    return Call(row.pk, row.method, request.get("url", row.url), _typed(headers, body), _encoded(body))


def _typed(headers: dict[str, str], body: Any) -> dict[str, str]:
    is_json = body is not None and not isinstance(body, str)
    named = {name.lower() for name in headers}
    return (
        {**headers, "Content-Type": "application/json"}
        if is_json and "content-type" not in named
        else headers
    )


def _encoded(body: Any) -> bytes | None:
    if body is None:
        return None
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _parsed(body: bytes) -> Any:
    """Return JSON as a value that any database stores, anything else as text."""
    try:
        return clean_json.load(body)
    except clean_json.Unreadable:
        return body.decode("utf-8", "replace").replace("\x00", "")


class AnswerKind(
    BatchKind[tuple[Runner, dict[int, WebhookDelivery]], tuple[Execution, WebhookDelivery] | None]
):
    """Gives a call's answer to the execution that waits for it."""

    name = ANSWER_KIND

    def load(self, items: Sequence[Item]) -> tuple[Runner, dict[int, WebhookDelivery]]:
        """Fetch the deliveries and lock their executions."""
        deliveries = WebhookDelivery.objects.in_bulk([item.subject_id for item in items])
        conversations = locked_conversations([row.execution_id for row in deliveries.values()])
        return Runner(conversations, now=clock.now()), deliveries

    def apply(
        self, item: Item, context: tuple[Runner, dict[int, WebhookDelivery]]
    ) -> tuple[Execution, WebhookDelivery] | None:
        """Find the execution, if it still waits in the step that made the call."""
        runner, deliveries = context
        delivery = deliveries.get(item.subject_id)
        execution = runner.live_by_id(delivery.execution_id) if delivery else None
        if delivery is None or execution is None or execution.run_state["steps"] != delivery.step:
            return None
        return execution, delivery

    def save(
        self,
        results: Sequence[tuple[Execution, WebhookDelivery] | None],
        context: tuple[Runner, dict[int, WebhookDelivery]],
    ) -> None:
        """Let the engine go on."""
        runner, _ = context
        live = list(filter(None, results))
        active = _active_times([execution.pk for execution, _ in live])
        for execution, delivery in live:
            if active[execution.pk] > settings.FLOW_EXECUTION_TIMEOUT:
                runner.time_out(execution)
                continue
            if execution.conversation.is_bot_paused:
                _enqueue_answer(delivery, clock.now() + PAUSE_CHECK)
                continue
            answer = WebhookAnswered(
                status=delivery.response_status, body=delivery.response_body, error=delivery.error or None
            )
            runner.fire(execution, answer)
        runner.flush()


def _active_times(execution_ids: Sequence[int]) -> dict[int, timedelta]:
    """Return how long executions were busy with calls: the rest is waiting, or takes no time."""
    if not execution_ids:
        return {}
    took = ExpressionWrapper(F("finished_at") - F("created_at"), output_field=DurationField())
    calls = WebhookDelivery.objects.filter(execution_id__in=execution_ids, finished_at__isnull=False)
    return dict(calls.values_list("execution_id").annotate(active=Sum(took)).order_by())
