"""Short ways to make flows and to talk with the bot that runs them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chatboost.core import clock
from chatboost.core.work import sweep
from chatboost.core.work.drain import drain
from chatboost.messaging.models import Bot, Channel, ChannelKind, Conversation, Direction, Message
from chatboost.messaging.services import simulator
from flows.models import Execution, Flow
from flows.services import executions, flows
from teams.models import Organization
from tests import factories

NOW = datetime(2026, 3, 9, 17, 5, tzinfo=UTC)
SPAN = timedelta(minutes=5)

NodeParts = tuple[str, dict[str, Any]]


def draft(bot: Bot, *nodes: NodeParts, **fields: Any) -> Flow:
    """Make a flow whose draft has these nodes, numbered from 0."""
    flow = flows.create(organization=bot.organization, bot=bot, name=fields.pop("name", "Flow"), **fields)
    change(flow, *nodes)
    return flow


def published(bot: Bot, *nodes: NodeParts, **fields: Any) -> Flow:
    """Make a published flow."""
    return publish(draft(bot, *nodes, **fields))


def publish(flow: Flow) -> Flow:
    """Publish the draft; returns the flow as it is then."""
    flows.publish(flow=flow)
    return Flow.objects.get(pk=flow.pk)


def change(flow: Flow, *nodes: NodeParts) -> None:
    """Replace the draft's nodes."""
    spec = [{"number": number, "type": kind, "config": config} for number, (kind, config) in enumerate(nodes)]
    flows.replace_nodes(flow, spec)


def phone(bot: Bot) -> Channel:
    """Return the bot's simulated phone."""
    return factories.channel(bot, kind=ChannelKind.SIMULATOR, external_id="")


def conversation(
    of: Organization, bot: Bot | None = None, *, window: timedelta | None = SPAN
) -> Conversation:
    """Make a conversation with somebody who has just written, so that the bot may answer."""
    bot = bot or factories.bot(of)
    expires = clock.now() + window if window else None
    return factories.conversation(factories.channel(bot), factories.contact(of), window_expires_at=expires)


def begin(flow: Flow, of: Conversation | None = None, **variables: Any) -> Execution:
    """Start the flow as the API does, for somebody who has just written unless given."""
    of = of or conversation(flow.organization, flow.bot)
    return executions.start(flow=flow, bot=of.bot, contact=of.contact, variables=variables)


def say(channel: Channel, *texts: str, reply_id: str = "", who: str = "ann") -> None:
    """Write messages to the bot, one after the other, and let it answer each."""
    for text in texts:
        simulator.receive(channel=channel, operator_key=who, text=text, reply_id=reply_id)
        work()


def work() -> int:
    """Do what is due now; returns how many items that were."""
    sweep.sweep(now=clock.now())
    return drain("interactive")


def told(bot: Bot) -> list[str]:
    """Return what the bot has said, in order."""
    return [message.text for message in outbound(bot)]


def outbound(bot: Bot) -> Sequence[Message]:
    """Return the bot's messages, in order."""
    return list(Message.objects.filter(bot=bot, direction=Direction.OUTBOUND).order_by("id"))


def fresh(execution: Execution) -> Execution:
    """Return the row as it is now."""
    return Execution.objects.get(pk=execution.pk)


def variables(execution: Execution) -> dict[str, Any]:
    """Return the execution's `state`."""
    return dict(fresh(execution).run_state["variables"])


def events(execution: Execution) -> list[tuple[int | None, str]]:
    """Return the log as (node, event)."""
    return list(execution.logs.order_by("id").values_list("node_number", "event"))
