"""Timers: a wait whose time has come."""

from collections.abc import Sequence
from datetime import timedelta

from chatboost.core import clock
from chatboost.core.work.kinds import BatchKind, Item
from chatboost.messaging.models import Conversation
from flows.engine.events import TimerFired
from flows.models import Execution
from flows.services.runner import WAKE_KIND, Runner

# While a person has taken over, the bot waits, and looks again this often.
PAUSE_CHECK = timedelta(minutes=1)


class WakeKind(BatchKind[Runner, Execution | None]):
    """Fires the timers of executions that still wait for them."""

    name = WAKE_KIND

    def load(self, items: Sequence[Item]) -> Runner:
        """Lock the conversations of the items, then their live executions."""
        return Runner(locked_conversations([item.subject_id for item in items]), now=clock.now())

    def apply(self, item: Item, context: Runner) -> Execution | None:
        """Find the item's execution, if it waits and its time has come."""
        execution = context.live_by_id(item.subject_id)
        if execution is None or execution.wake_at is None or execution.wake_at > clock.now():
            return None
        return execution

    def save(self, results: Sequence[Execution | None], context: Runner) -> None:
        """Let the engine go on."""
        for execution in filter(None, results):
            if execution.conversation.is_bot_paused:
                context.postpone(execution, clock.now() + PAUSE_CHECK)
            else:
                context.fire(execution, TimerFired())
        context.flush()


def locked_conversations(execution_ids: Sequence[int]) -> list[Conversation]:
    """Return the conversations of executions, locked in id order, with contact and channel."""
    wanted = Execution.objects.filter(pk__in=execution_ids).values("conversation_id")
    return list(
        Conversation.objects.filter(pk__in=wanted)
        .select_related("contact", "channel__bot")
        .select_for_update(of=("self",))
        .order_by("id")
    )
