"""Executions by request: started, answered, resumed and cancelled by the API or an operator."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction

from chatboost.core import clock
from chatboost.core.errors import Conflict
from chatboost.messaging.models import Bot, Contact, Conversation
from chatboost.messaging.selectors import bots
from chatboost.messaging.services import conversations
from flows.engine.events import Event, InputReceived, Resumed
from flows.models import Execution, ExecutionOrigin, Flow
from flows.services.runner import Runner


class FlowNotReady(Conflict):
    """The flow is switched off, or was never published."""

    default_code = "flow_not_published"


class ExecutionEnded(Conflict):
    """The execution has come to its end."""

    default_code = "execution_ended"


class NotWaiting(Conflict):
    """The execution waits for something else."""

    default_code = "not_waiting_for_input"


@transaction.atomic
def start(
    *,
    flow: Flow,
    bot: Bot,
    contact: Contact,
    variables: dict[str, Any] | None = None,
    origin_kind: str = ExecutionOrigin.API,
    origin_id: int | None = None,
    now: datetime | None = None,
) -> Execution:
    """Start a flow for a contact, on the bot's default channel; what it says is queued.

    Raises: FlowNotReady (`flow_not_published`), Conflict (`wrong_bot`, `no_channel`).
    """
    if flow.bot_id != bot.pk:
        raise Conflict("The flow belongs to another bot.", code="wrong_bot")
    conversation = _locked(_conversation(bot, contact))
    runner = Runner([conversation], now=now or clock.now())
    ready = runner.flow(flow.pk)
    if ready is None:
        raise FlowNotReady("Publish the flow, and switch it on, before it is started.")
    execution = runner.start(
        ready, conversation, origin_kind=origin_kind, origin_id=origin_id, variables=variables
    )
    runner.flush()
    return execution


def give_input(*, execution: Execution, text: str, message_type: str = "text") -> Execution:
    """Answer a waiting execution in the contact's place.

    Raises: ExecutionEnded, NotWaiting.
    """
    return _move(
        execution, lambda runner, live: _answer(runner, live, InputReceived(text=text, type=message_type))
    )


def resume(*, execution: Execution) -> Execution:
    """End the execution's wait by hand. Raises: ExecutionEnded."""
    return _move(execution, lambda runner, live: _answer(runner, live, Resumed()))


def cancel(*, execution: Execution) -> Execution:
    """End a live execution. Raises: ExecutionEnded."""
    return _move(execution, lambda runner, live: runner.cancel(live))


def _answer(runner: Runner, live: Execution, event: Event) -> None:
    if not runner.fire(live, event):
        raise NotWaiting("The execution does not wait for this.")


@transaction.atomic
def _move(execution: Execution, change: Callable[[Runner, Execution], None]) -> Execution:
    conversation = _locked(execution.conversation)
    runner = Runner([conversation], now=clock.now())
    live = runner.live_in(conversation)
    if live is None or live.pk != execution.pk:
        raise ExecutionEnded("The execution has ended.")
    change(runner, live)
    runner.flush()
    return live


def _conversation(bot: Bot, contact: Contact) -> Conversation:
    channel = bots.default_channel(bot)
    if channel is None:
        raise Conflict("The bot has no WhatsApp channel.", code="no_channel")
    return conversations.find_or_open(channel=channel, contact=contact)


def _locked(conversation: Conversation) -> Conversation:
    # The lock order is conversation, execution, message: the same as for a message that comes in.
    return (
        Conversation.objects.for_organization(conversation.organization_id)
        .select_for_update(of=("self",))
        .select_related("contact", "channel__bot")
        .get(pk=conversation.pk)
    )
