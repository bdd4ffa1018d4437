"""Two bots that answer each other: one that says too much to a person is paused, and people are told."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import connection

from chatboost.core import audit, events
from chatboost.core.db import reads, rows
from chatboost.messaging.events import BotLoopStopped
from chatboost.messaging.models import ChannelKind, Conversation, OriginKind

AUTOMATIC = frozenset({OriginKind.FLOW, OriginKind.ASSISTANT})

# How many of a conversation's latest automatic messages lie within the window; only where there are that many
# messages of any kind in it, which a look at one row tells.
_SAID = """
SELECT c.id, (
  SELECT count(*) FROM (
    SELECT m.created_at FROM messaging_message m
    WHERE m.conversation_id = c.id AND m.origin_kind IN ('flow', 'assistant') AND m.status <> 'refused'
    ORDER BY m.id DESC LIMIT %s
  ) latest WHERE latest.created_at > %s
) FROM messaging_conversation c
WHERE {id} AND (
  SELECT m.created_at FROM messaging_message m
  WHERE m.conversation_id = c.id ORDER BY m.id DESC LIMIT 1 OFFSET %s
) > %s
"""


def is_guarded(conversation: Conversation, origin_kind: str) -> bool:
    """Tell whether a message counts. On the simulated phone only colleagues talk to the bot."""
    return origin_kind in AUTOMATIC and conversation.channel.kind != ChannelKind.SIMULATOR


def room(counts: Counter[int], *, now: datetime) -> Mapping[int, int]:
    """Return how many of the automatic messages in `counts`, by conversation, may still be queued.

    A conversation that is not in the answer has room for all. Whoever lets a bot speak has locked the
    conversations, so the answer holds until the transaction's end. One statement.
    """
    limit = settings.BOT_MESSAGES_LIMIT
    if not limit or not counts:
        return {}
    id_, ids = reads.among("id", counts.keys())
    since = rows.moment(now - settings.BOT_MESSAGES_WINDOW)
    # With so many behind it, one more could be too many.
    offset = max(0, limit - max(counts.values()))
    with connection.cursor() as cursor:
        cursor.execute(_SAID.format(id=f"c.{id_}"), [limit, since, ids, offset, since])
        said = dict(cursor.fetchall())
    left = {id_: max(0, limit - said.get(id_, 0)) for id_ in counts}
    return {id_: number for id_, number in left.items() if number < counts[id_]}


def stop(conversation: Conversation, *, now: datetime) -> None:
    """Pause the bot in a conversation, and say so. Telling it twice changes nothing."""
    own = Conversation.objects.filter(pk=conversation.pk, organization_id=conversation.organization_id)
    if own.filter(is_bot_paused=False).update(is_bot_paused=True):
        audit.record(actor=None, verb="conversation.bot_paused", object=conversation)
        events.publish(
            BotLoopStopped(
                organization_id=conversation.organization_id,
                conversation_id=conversation.pk,
                at=now.isoformat(),
            )
        )
    conversation.is_bot_paused = True
