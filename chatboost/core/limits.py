"""Rate limits that hold under any concurrency: so many in a window that begins at the first hit.

A shared cache counts where there is one. While it is away, and where each process has a cache of its own,
the database does, by one statement.
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import DEFAULT_CACHE_ALIAS, caches
from django.db import connection, transaction
from django.http import HttpRequest

from chatboost.core import clock
from chatboost.core.cache import Away, RedisCache
from chatboost.core.models import RateCounter

logger = structlog.get_logger(__name__)

MAX_KEY = 200
PREFIX = "limit:"
# The part of an IPv6 address that one customer is given.
IPV6_PREFIX = 64

_PERIODS = {
    "s": timedelta(seconds=1),
    "sec": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "hour": timedelta(hours=1),
    "d": timedelta(days=1),
    "day": timedelta(days=1),
}

# One statement: it waits for a rival's row and then looks at what that one left.
_HIT = """
INSERT INTO core_ratecounter AS counter (key, count, expires_at) VALUES (%(key)s, %(cost)s, %(expires_at)s)
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN counter.expires_at <= %(now)s THEN excluded.count ELSE counter.count + excluded.count END,
  expires_at = CASE WHEN counter.expires_at <= %(now)s THEN excluded.expires_at ELSE counter.expires_at END
WHERE counter.expires_at <= %(now)s OR counter.count + excluded.count <= %(limit)s
RETURNING count
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in a window."""

    limit: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a hit is allowed; if not, when to come back; and how many are left in the window."""

    is_allowed: bool
    retry_after: timedelta
    remaining: int


def hit(key: str, *, limit: int, window: timedelta, cost: int = 1) -> Verdict:
    """Count a use of `key`. A refused one counts nothing and does not prolong the window.

    Redis: one command. Database: one statement, two when refused, in a transaction of their own unless the
    caller is in one.

    Raises: DatabaseError when neither the cache nor the database counts.
    """
    if cost > limit:
        return Verdict(False, window, 0)
    key = key if len(key) <= MAX_KEY else hashlib.sha256(key.encode()).hexdigest()
    shared = caches[DEFAULT_CACHE_ALIAS]
    if isinstance(shared, RedisCache):
        try:
            is_allowed, count, left = shared.consume(PREFIX + key, limit=limit, window=window, cost=cost)
        except Away:
            logger.debug("limit_counted_in_database", key=key)
        else:
            return _verdict(is_allowed, limit, count, left)
    return _hit_in_database(key, limit, window, cost)


@cache
def parse_rate(text: str) -> Rate | None:
    """Read "1200/min"; an empty text is no limit. Raises: ValueError."""
    if not text:
        return None
    number, _, period = text.partition("/")
    if period not in _PERIODS or not number.isdigit():
        raise ValueError(f"a rate looks like 1200/min, not {text!r}")
    return Rate(int(number), _PERIODS[period])


def client_address(request: HttpRequest) -> str:
    """Return who calls, as the outermost proxy of ours saw it; an IPv6 address stands for its network.

    What a client writes into X-Forwarded-For itself stands left of that and is never read.
    """
    trusted = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    is_proxied = 0 < trusted <= len(hops)
    address = hops[-trusted] if is_proxied else request.META.get("REMOTE_ADDR") or ""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))


def _hit_in_database(key: str, limit: int, window: timedelta, cost: int) -> Verdict:
    now = clock.now()
    parameters = {
        "key": key,
        "cost": cost,
        "limit": limit,
        "now": _time(now),
        "expires_at": _time(now + window),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_HIT, parameters)
        row = cursor.fetchone()
    if row is not None:
        return _verdict(True, limit, row[0], window)
    expires_at = RateCounter.objects.filter(key=key).values_list("expires_at", flat=True).first() or now
    return _verdict(False, limit, limit, max(expires_at - now, timedelta()))


def _verdict(is_allowed: bool, limit: int, count: int, left: timedelta) -> Verdict:
    return Verdict(is_allowed, timedelta() if is_allowed else left, max(0, limit - count))


def _time(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)
