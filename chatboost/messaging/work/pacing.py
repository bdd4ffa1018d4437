"""How fast sends go: so many a second on a number, so many in a row to a person.

A send counts on its number from its intent until a second after its call was over, so that whatever reached
the vendor within a second was counted together, however long it was on its way. So no second at the vendor
holds more than `messages_per_second`, with any number of workers: intents wait for the channel's row.
What a killed worker had begun counts until its calls must be over.

A person's pace travels in their messages: `paced_until` moves on by the interval with each send, and may be
ahead of the clock by the burst. A conversation's lane sends one at a time.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Exists, Min, OuterRef

from chatboost.core.db import reads, rows, trips
from chatboost.core.models import WorkItem, WorkState
from chatboost.core.work.kinds import Item
from chatboost.messaging import gate
from chatboost.messaging.models import Message, OriginKind, SendAttempt
from chatboost.messaging.providers import registry
from chatboost.messaging.services import messages

SECOND = timedelta(seconds=1)
# A call that finds no thread for so long is not made: the slots of a killed worker come back after this and
# the vendor's deadline.
BEGIN_WITHIN = timedelta(seconds=10)
# Who is put off while all that counts is on its way, so that nobody knows when it will be over, looks again.
LOOK_AGAIN = timedelta(milliseconds=50)
# So many of those who were put off before are counted to say when somebody's turn comes.
MAX_COUNTED = 5000
# One in so many of a number's slots is kept for replies, which thereby overtake campaigns.
KEPT_FOR_REPLIES = 10

# The last send of each conversation that these messages belong to.
LAST_PACED = """
id IN (SELECT (SELECT p.id FROM messaging_message p
               WHERE p.conversation_id = c.conversation_id AND p.paced_until IS NOT NULL
               ORDER BY p.id DESC LIMIT 1)
       FROM messaging_message c WHERE {message})
"""

_LOCK = "SELECT id FROM messaging_channel WHERE {id} ORDER BY id FOR NO KEY UPDATE"
_BUSY = """
SELECT channel_id, count(*) FROM messaging_sendattempt
WHERE {channel} AND busy_until > %s GROUP BY channel_id
"""

Going = tuple[Item, Message]


def put_off(
    going: Sequence[Going], paced: Mapping[int, datetime], *, now: datetime
) -> Mapping[int, datetime]:
    """Return until when these items must wait, by item id; the others' messages are paced from now on.

    `paced` has each conversation's `paced_until`. Locks the channels of what may go until the end of the
    transaction. Two statements, and two for each channel without room.
    """
    waits: dict[int, datetime] = {}
    lines: dict[int, list[Going]] = {}
    for item, message in sorted(going, key=_turn):
        if message.channel.kind in registry.LOCAL_KINDS:
            continue
        verdict = gate.pace(_load(message, paced.get(message.conversation_id)), now=now)
        if verdict.until is not None:
            waits[item.id] = verdict.until
        else:
            lines.setdefault(message.channel_id, []).append((item, message))
    busy = _busy(lines, now) if lines else {}
    for channel_id, line in lines.items():
        waits |= _beyond(line, busy.get(channel_id, 0), now)
    for item, message in going:
        if item.id not in waits and message.channel.kind not in registry.LOCAL_KINDS:
            message.paced_until = (
                max(paced.get(message.conversation_id) or now, now) + settings.SEND_PAIR_INTERVAL
            )
    return waits


def occupy(attempt: SendAttempt, message: Message, now: datetime) -> None:
    """Count an attempt on its number for as long as its call may be under way."""
    if message.channel.kind not in registry.LOCAL_KINDS:
        attempt.channel_id = message.channel_id
        attempt.busy_until = now + BEGIN_WITHIN + settings.VENDOR_DEADLINE + SECOND


def release(attempt: SendAttempt, ended: float | None, now: datetime) -> None:
    """Count an attempt for a second after its call `ended`, by the monotonic clock; None: none was made."""
    if attempt.busy_until is None:
        return
    since = timedelta(seconds=time.monotonic() - ended) if ended is not None else SECOND
    attempt.busy_until = now - since + SECOND


def _turn(going: Going) -> tuple[int, int]:
    item, message = going
    return messages.priority_of(message.origin_kind), item.id


def _load(message: Message, paced_until: datetime | None) -> gate.Load:
    ahead = settings.SEND_PAIR_INTERVAL * (settings.SEND_PAIR_BURST - 1)
    return gate.Load(
        channel_held_until=message.channel.held_until,
        pair_free_at=paced_until and paced_until - ahead,
    )


def _busy(channel_ids: Mapping[int, object], now: datetime) -> dict[int, int]:
    """Lock the channels, then count what is on its way or was within the last second."""
    id_, ids = reads.among("id", channel_ids.keys())
    channel, channels = reads.among("channel_id", channel_ids.keys())
    if connection.features.has_select_for_update:
        trips.write(_LOCK.format(id=id_), [ids])
    with connection.cursor() as cursor:
        cursor.execute(_BUSY.format(channel=channel), [channels, rows.moment(now)])
        return dict(cursor.fetchall())


def _beyond(line: Sequence[Going], busy: int, now: datetime) -> dict[int, datetime]:
    """Return when those of a channel's line look again for whom there is no room."""
    waiting: list[Going] = []
    for item, message in line:
        if busy < _slots(message):
            busy += 1
        else:
            waiting.append((item, message))
    if not waiting:
        return {}
    first, message = waiting[0]
    free_at, before = _free_at(message.channel_id, now), _count_before(first, message)
    step = SECOND / message.channel.messages_per_second
    return {item.id: free_at + step * (before + place) for place, (item, _) in enumerate(waiting)}


def _slots(message: Message) -> int:
    limit = message.channel.messages_per_second
    if message.origin_kind != OriginKind.CAMPAIGN or limit == 1:
        return limit
    return limit - max(1, limit // KEPT_FOR_REPLIES)


def _free_at(channel_id: int, now: datetime) -> datetime:
    busy = SendAttempt.objects.filter(channel_id=channel_id, busy_until__gt=now)
    ends: datetime | None = busy.aggregate(ends=Min("busy_until"))["ends"]
    return ends if ends is not None and ends <= now + SECOND else now + LOOK_AGAIN


def _count_before(item: Item, message: Message) -> int:
    """Count the older sends of the channel that wait in the same queue."""
    on_channel = Message.objects.filter(pk=OuterRef("subject_id"), channel_id=message.channel_id)
    older = WorkItem.objects.filter(
        Exists(on_channel),
        queue=messages.queue_of(message.origin_kind),
        organization_id=item.organization_id,
        state=WorkState.READY,
        kind=item.kind,
        priority__lte=messages.priority_of(message.origin_kind),
        pk__lt=item.id,
    )
    return older.order_by()[:MAX_COUNTED].count()
