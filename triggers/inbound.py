"""The room's inbound handlers: keywords that start a flow."""

from chatboost.core.db import rows
from chatboost.messaging import handlers
from flows.models import Execution, ExecutionOrigin
from flows.services.runner import Runner
from triggers import matching
from triggers.models import TriggerLog
from triggers.services import matchers


class Firings:
    """The triggers that fire in a batch, logged together."""

    def __init__(self, batch: handlers.Batch) -> None:
        # Asked for here, so that executions have their ids before the log is written.
        self.runner = batch.part(Runner.of_batch)
        self._matchers = matchers.of_bots(inbound.bot.pk for inbound in batch.inbounds)
        self._now = batch.now
        self._fired: list[tuple[handlers.Inbound, matching.Match, Execution]] = []

    def fire(self, inbound: handlers.Inbound, *, is_interrupting: bool) -> bool:
        """Start the flow of the best trigger that matches; returns whether one did."""
        mine = self._matchers.get(inbound.bot.pk)
        if mine is None or self._is_shielded(inbound):
            return False
        # With nothing to interrupt, all triggers compete in the later slot, by priority alone.
        if is_interrupting and self.runner.live_in(inbound.conversation) is None:
            return False
        matcher = mine.interrupting if is_interrupting else mine.keywords
        for match in matcher.all(text_of(inbound)):
            if self._start(inbound, match, mine.flows[match.rule_id]):
                return True
        return False

    def flush(self) -> None:
        """Write the log, after the executions."""
        created_at = rows.moment(self._now)
        rows.insert(
            TriggerLog,
            (
                {
                    "organization_id": inbound.conversation.organization_id,
                    "trigger_id": match.rule_id,
                    "contact_id": inbound.contact.pk,
                    "message_id": inbound.message.pk,
                    "execution_id": execution.pk,
                    "keyword": match.keyword,
                    "created_at": created_at,
                }
                for inbound, match, execution in self._fired
            ),
        )

    def _is_shielded(self, inbound: handlers.Inbound) -> bool:
        """Whether the running flow asked for no interruption."""
        live = self.runner.live_in(inbound.conversation)
        return live is not None and live.flow.ignore_triggers

    def _start(self, inbound: handlers.Inbound, match: matching.Match, flow_id: int) -> bool:
        flow = self.runner.flow(flow_id)
        if flow is None:
            return False
        execution = self.runner.start(
            flow,
            inbound.conversation,
            origin_kind=ExecutionOrigin.TRIGGER,
            origin_id=match.rule_id,
            message={
                "text": inbound.message.text,
                "type": inbound.message.type,
                "reply_id": inbound.reply_id or None,
                "payload": inbound.message.content,
            },
        )
        self._fired.append((inbound, match, execution))
        return True


def text_of(inbound: handlers.Inbound) -> str:
    """Return what keywords are compared with: a tapped button's id, never its title; else the text."""
    return inbound.reply_id or inbound.message.text


def interrupt(inbound: handlers.Inbound, batch: handlers.Batch) -> bool:
    """Fire a trigger that may break into a waiting flow."""
    return batch.part(Firings).fire(inbound, is_interrupting=True)


def keyword(inbound: handlers.Inbound, batch: handlers.Batch) -> bool:
    """Fire a trigger when no flow wanted the message."""
    return batch.part(Firings).fire(inbound, is_interrupting=False)


handlers.register(handlers.Slot.INTERRUPT, "interrupt", interrupt)
handlers.register(handlers.Slot.KEYWORD, "keyword", keyword)
