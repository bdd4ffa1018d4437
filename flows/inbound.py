"""The room's inbound handler: a message that a live execution waits for."""

from chatboost.messaging import handlers
from flows.engine.events import InputReceived
from flows.services.runner import Runner


def received(inbound: handlers.Inbound) -> InputReceived:
    """Return the message as the engine's event."""
    message = inbound.message
    return InputReceived(
        text=message.text, type=message.type, payload=message.content, reply_id=inbound.reply_id
    )


def answer(inbound: handlers.Inbound, batch: handlers.Batch) -> bool:
    """Give the message to the conversation's execution."""
    return batch.part(Runner.of_batch).answer(inbound.conversation, received(inbound))


handlers.register(handlers.Slot.WAITING_FLOW, "waiting_flow", answer)
