"""The unit of work of executions: load once, let the engine compute, write once.

Every way an execution moves goes through a Runner inside one transaction: a message, a timer, a webhook's
answer, the API. Its rows are locked, so the engine's result and its effects stand or fall together.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from chatboost.core import events
from chatboost.core.db import reads, rows
from chatboost.core.work import queue as work
from chatboost.messaging import handlers
from chatboost.messaging.models import Contact, ContactAttribute, Conversation, OriginKind
from chatboost.messaging.services import attributes, messages
from flows.engine import effects as effect_types
from flows.engine.effects import Effect, LogEntry
from flows.engine.events import Event, InputReceived, Started
from flows.engine.run import Context, StepResult, advance
from flows.engine.state import RunState, RunStatus, WaitKind
from flows.events import FlowCompleted, FlowFailed
from flows.models import (
    LIVE_STATES,
    Execution,
    ExecutionLog,
    ExecutionState,
    Flow,
    WebhookDelivery,
)
from flows.services import compiled

WAKE_KIND = "flows.wake"
WEBHOOK_KIND = "flows.webhook"

MAX_SHOWN_URL = 2000

STATE_OF_WAIT = {
    WaitKind.TIMER: ExecutionState.WAITING_TIMER,
    WaitKind.INPUT: ExecutionState.WAITING_INPUT,
    WaitKind.WEBHOOK: ExecutionState.WAITING_WEBHOOK,
    WaitKind.EVENT: ExecutionState.WAITING_TIMER,
}

# As the constraint writes it, which is the index.
IS_LIVE = f"state IN ({', '.join(repr(state.value) for state in LIVE_STATES)})"
IS_READY = "is_active AND published_version_id IS NOT NULL"
FLOWS_OF = "id IN (SELECT flow_id FROM flows_execution WHERE {execution})"

EXECUTION_FIELDS = [
    "state",
    "node_number",
    "run_state",
    "wake_at",
    "error_code",
    "error_detail",
    "ended_at",
]


@dataclass(frozen=True, slots=True)
class _Call:
    execution: Execution
    effect: effect_types.CallWebhook
    node_number: int


class Runner:
    """Moves executions of some conversations, and writes what came of it in `flush`."""

    def __init__(self, conversations: Iterable[Conversation], *, now: datetime) -> None:
        self._now = now
        self._conversations = {row.pk: row for row in conversations}
        self._organizations = {row.organization_id for row in self._conversations.values()}
        self._live, self._attributes = self._load()
        self._flows: dict[int, Flow | None] = {}
        self._changed: dict[int, Execution] = {}
        self._new: list[Execution] = []
        self._logs: list[tuple[Execution, LogEntry]] = []
        self._drafts: list[tuple[Execution, effect_types.SendMessage]] = []
        self._writes: list[attributes.AttributeWrite] = []
        self._timers: list[tuple[Execution, datetime]] = []
        self._calls: list[_Call] = []

    @classmethod
    def of_batch(cls, batch: handlers.Batch) -> "Runner":
        """Open the runner of a batch of inbound messages."""
        return cls((inbound.conversation for inbound in batch.inbounds), now=batch.now)

    def live_in(self, conversation: Conversation) -> Execution | None:
        """Return the conversation's live execution."""
        return self._live.get(conversation.pk)

    def live_by_id(self, execution_id: int) -> Execution | None:
        """Return a live execution of these conversations by its id."""
        return next((row for row in self._live.values() if row.pk == execution_id), None)

    def flow(self, flow_id: int) -> Flow | None:
        """Return a flow that can be started: active and published."""
        if flow_id not in self._flows:
            owner, owners = reads.among("organization_id", self._organizations)
            where = f"id = %s AND {owner} AND {IS_READY}"
            found = reads.Read(model=Flow, where=where, values=[flow_id, owners])
            self._flows[flow_id] = next(iter(reads.fetch(found)[0]), None)
        return self._flows[flow_id]

    def start(
        self,
        flow: Flow,
        conversation: Conversation,
        *,
        origin_kind: str,
        origin_id: int | None = None,
        variables: dict[str, Any] | None = None,
        message: dict[str, Any] | None = None,
    ) -> Execution:
        """Begin the flow's published version; a live execution of the conversation is interrupted.

        `message` is what started it, as the engine's context wants it: text, type, reply_id, payload.
        """
        running = self._live.get(conversation.pk)
        if running is not None:
            self._end(running, ExecutionState.INTERRUPTED)
        execution = Execution(
            organization_id=conversation.organization_id,
            flow=flow,
            # `flow` returns published ones only.
            flow_version_id=cast(int, flow.published_version_id),
            bot_id=conversation.bot_id,
            contact_id=conversation.contact_id,
            conversation=conversation,
            state=ExecutionState.COMPLETED,
            run_state=RunState(variables=dict(variables or {})).to_json(),
            origin_kind=origin_kind,
            origin_id=origin_id,
            started_at=self._now,
        )
        self._new.append(execution)
        self._step(execution, Started(), message or {})
        return execution

    def answer(self, conversation: Conversation, received: InputReceived) -> bool:
        """Give a message to the conversation's live execution; returns whether it was waiting for it."""
        execution = self._live.get(conversation.pk)
        return execution is not None and self._step(execution, received, {})

    def fire(self, execution: Execution, event: Event) -> bool:
        """Give an event to a loaded live execution; returns whether it was waiting for it."""
        return self._step(execution, event, {})

    def postpone(self, execution: Execution, until: datetime) -> None:
        """Move the end of a live execution's wait."""
        execution.wake_at = until
        self._changed[execution.pk] = execution
        self._timers.append((execution, until))

    def cancel(self, execution: Execution) -> None:
        """End a live execution."""
        self._end(execution, ExecutionState.CANCELLED)

    def time_out(self, execution: Execution) -> None:
        """Fail a live execution that has been active for too long."""
        execution.error_code = "execution_timeout"
        execution.error_detail = "Its webhook calls took longer than FLOW_EXECUTION_TIMEOUT allows."
        self._end(execution, ExecutionState.FAILED)

    def flush(self) -> None:
        """Write everything: executions, logs, messages, attributes, timers, webhook calls, events."""
        old = list(self._changed.values())
        # Ended ones first: the constraint allows one live execution a conversation.
        rows.update(old, EXECUTION_FIELDS)
        rows.create(self._new)
        self._write_logs()
        messages.queue_many([self._draft(execution, send) for execution, send in self._drafts], now=self._now)
        attributes.write(self._writes)
        self._write_timers()
        self._write_calls()
        self._publish_ends([*old, *self._new])

    # Loading

    def _load(self) -> tuple[dict[int, Execution], dict[int, dict[str, Any]]]:
        """Return the live executions, locked, by conversation, and the contacts' attributes."""
        owner, owners = reads.among("organization_id", self._organizations)
        place, places = reads.among("conversation_id", self._conversations.keys())
        contacts = {row.contact_id for row in self._conversations.values()}
        person, people = reads.among("contact_id", contacts)
        live = f"{owner} AND {place} AND {IS_LIVE}"
        executions, flows, known = reads.fetch(
            reads.Read(model=Execution, where=live, values=[owners, places], is_locked=True),
            reads.Read(model=Flow, where=FLOWS_OF.format(execution=live), values=[owners, places]),
            reads.Read(
                model=ContactAttribute,
                where=f"{owner} AND {person}",
                values=[owners, people],
                columns=("contact_id", "key", "value"),
            ),
        )
        return self._joined(executions, flows), _by_contact(contacts, known)

    def _joined(self, executions: Sequence[Execution], flows: Sequence[Flow]) -> dict[int, Execution]:
        flow_of = {row.pk: row for row in flows}
        for execution in executions:
            execution.flow = flow_of[execution.flow_id]
            execution.conversation = self._conversations[execution.conversation_id]
        compiled.load(execution.flow_version_id for execution in executions)
        return {execution.conversation_id: execution for execution in executions}

    # Computing

    def _step(self, execution: Execution, event: Event, message: dict[str, Any]) -> bool:
        contact = execution.conversation.contact
        context = Context(contact=self._contact(contact), now=self._now, message=message)
        state = RunState.from_json(execution.run_state)
        result = advance(compiled.get(execution.flow_version_id), state, event, context)
        self._take(execution, state, result)
        return result.is_consumed

    def _contact(self, contact: Contact) -> dict[str, Any]:
        return {
            "id": contact.pk,
            "phone": contact.phone,
            "first_name": contact.first_name or None,
            "last_name": contact.last_name or None,
            "name": contact.full_name or None,
            "email": contact.email or None,
            "language": contact.language or None,
            "attribute": dict(self._attributes[contact.pk]),
        }

    def _take(self, execution: Execution, before: RunState, result: StepResult) -> None:
        """Note the new state and the effects."""
        if result.state is before and not result.effects and not result.logs:
            return
        self._logs += [(execution, entry) for entry in result.logs]
        execution.run_state = result.state.to_json()
        execution.node_number = result.state.node
        self._set_state(execution, result.state)
        for effect in result.effects:
            self._take_effect(execution, effect)
        if execution.pk:
            self._changed[execution.pk] = execution
        if execution.is_live:
            self._live[execution.conversation_id] = execution
        else:
            self._live.pop(execution.conversation_id, None)

    def _set_state(self, execution: Execution, state: RunState) -> None:
        if state.status is RunStatus.WAITING and state.wait:
            execution.state = STATE_OF_WAIT[state.wait.kind]
            execution.wake_at = state.wait.until
            return
        is_failed = state.status is RunStatus.FAILED
        execution.state = ExecutionState.FAILED if is_failed else ExecutionState.COMPLETED
        execution.wake_at = None
        execution.ended_at = self._now

    def _take_effect(self, execution: Execution, effect: Effect) -> None:
        match effect:
            case effect_types.SendMessage():
                self._drafts.append((execution, effect))
            case effect_types.SetAttribute(key=key, value=value, value_type=value_type):
                self._set_attribute(execution, key, value, value_type)
            case (
                effect_types.StartTimer(until=until) | effect_types.AwaitInput(timeout_at=datetime() as until)
            ):
                self._timers.append((execution, until))
            case effect_types.CallWebhook():
                self._calls.append(_Call(execution, effect, execution.node_number or 0))
            case effect_types.Fail(code=code, message=message):
                execution.error_code, execution.error_detail = code[:40], message[:300]

    def _set_attribute(self, execution: Execution, key: str, value: Any, value_type: str) -> None:
        self._attributes[execution.contact_id][key] = value
        self._writes.append(
            attributes.AttributeWrite(
                organization_id=execution.organization_id,
                contact_id=execution.contact_id,
                key=key,
                value=value,
                value_type=value_type,
            )
        )

    def _end(self, execution: Execution, state: ExecutionState) -> None:
        execution.state, execution.wake_at, execution.ended_at = state, None, self._now
        self._live.pop(execution.conversation_id, None)
        self._logs.append((execution, LogEntry(execution.node_number, "", state.value)))
        if execution.pk:
            self._changed[execution.pk] = execution

    # Writing

    def _write_logs(self) -> None:
        created_at = rows.moment(self._now)
        rows.insert(
            ExecutionLog,
            (
                {
                    "organization_id": execution.organization_id,
                    "execution_id": execution.pk,
                    "node_number": entry.node,
                    "node_type": entry.kind,
                    "event": entry.outcome,
                    "detail": _log_detail(entry),
                    "created_at": created_at,
                }
                for execution, entry in self._logs
            ),
        )

    def _draft(self, execution: Execution, effect: effect_types.SendMessage) -> messages.Draft:
        return messages.Draft(
            conversation=execution.conversation,
            type=effect.message_type,
            content=effect.content,
            origin_kind=OriginKind.FLOW,
            origin_id=execution.pk,
        )

    def _write_timers(self) -> None:
        work.enqueue_many(
            work.Order(
                kind=WAKE_KIND,
                subject_id=execution.pk,
                organization_id=execution.organization_id,
                queue="interactive",
                lane=f"run:{execution.pk}",
                run_at=until,
                # A delay that notes an answer in passing sets its timer anew: one item is enough.
                dedupe_key=f"{execution.pk}@{until.isoformat()}",
            )
            for execution, until in self._timers
            # A timer that a later node of the same step replaced need not fire at all.
            if execution.wake_at == until
        )

    def _write_calls(self) -> None:
        deliveries = [_delivery(call, self._now) for call in self._calls]
        rows.create(deliveries)
        work.enqueue_many(
            work.Order(
                kind=WEBHOOK_KIND,
                subject_id=delivery.pk,
                organization_id=delivery.organization_id,
                queue="interactive",
                lane=f"run:{delivery.execution_id}",
            )
            for delivery in deliveries
        )

    def _publish_ends(self, executions: Sequence[Execution]) -> None:
        for execution in executions:
            about = {
                "organization_id": execution.organization_id,
                "flow_id": execution.flow_id,
                "execution_id": execution.pk,
                "contact_id": execution.contact_id,
                "conversation_id": execution.conversation_id,
            }
            if execution.state == ExecutionState.COMPLETED:
                events.publish(FlowCompleted(**about))
            elif execution.state == ExecutionState.FAILED:
                events.publish(FlowFailed(**about, code=execution.error_code))


def _by_contact(
    contact_ids: Iterable[int], known: Iterable[tuple[int, str, Any]]
) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {contact_id: {} for contact_id in contact_ids}
    for contact_id, key, value in known:
        found[contact_id][key] = value
    return found


def _log_detail(entry: LogEntry) -> dict[str, Any]:
    detail: dict[str, Any] = {"level": entry.level.value}
    if entry.message:
        detail["message"] = entry.message
    if entry.missing:
        detail["missing"] = list(entry.missing)
    return detail


def _delivery(call: _Call, now: datetime) -> WebhookDelivery:
    effect, execution = call.effect, call.execution
    return WebhookDelivery(
        organization_id=execution.organization_id,
        execution=execution,
        step=execution.run_state["steps"],
        node_number=call.node_number,
        method=effect.method,
        # For the eye; what is called is the whole of it.
        url=effect.url[:MAX_SHOWN_URL],
        request=json.dumps({"url": effect.url, "headers": effect.headers, "body": effect.body}),
        created_at=now,
    )
