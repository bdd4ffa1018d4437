"""Redis as a cache that may go away: reads miss, writes do nothing, nobody waits long, limits go on.

Django makes a cache object for each request; here they share one client, and what they know of an outage,
by process.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from django.core.cache.backends import redis as django_redis
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

logger = structlog.get_logger(__name__)

T = TypeVar("T")

# After a failure nobody asks again for this long, so an outage costs one timeout, not one for each request.
PAUSE = timedelta(seconds=3)
SOCKET_TIMEOUT = timedelta(seconds=1)
# Keys whose change was lost are removed when Redis is back: a session that ended meanwhile must not return.
MAX_STALE_KEYS = 100_000
MAX_LOCAL_KEYS = 10_000

# Count in a window that begins at the first hit; what would go beyond the limit changes nothing.
_CONSUME = """
local limit, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local left = redis.call('PTTL', KEYS[1])
if left < 1 then
  redis.call('SET', KEYS[1], cost, 'PX', window)
  return {1, cost, window}
end
local count = tonumber(redis.call('GET', KEYS[1]))
if count + cost > limit then
  return {0, count, left}
end
return {1, redis.call('INCRBY', KEYS[1], cost), left}
"""


class Away(Exception):
    """Redis does not answer, or not as it should."""


@dataclass
class _Line:
    """The process's line to one Redis: its client, its state, and what was lost while it was down."""

    client: Any  # a RedisCacheClient; its stubs are narrower than it is
    local: LocMemCache
    # 0: all is well. Otherwise the line is closed, and from this time on one call at a time tries again.
    ask_again_at: float = 0.0
    stale: set[str] = field(default_factory=set)
    _stale_lock: threading.Lock = field(default_factory=threading.Lock)
    _asking: threading.Lock = field(default_factory=threading.Lock)

    def call(self, command: Callable[[], T]) -> T:
        """Run a command. Raises: Away."""
        if self.ask_again_at and not self._is_back():
            raise Away
        try:
            return command()
        except ResponseError as error:
            # Out of memory, read-only, still loading: it answers, so the next command may fare better.
            logger.warning("cache_refused", error=str(error))
            raise Away from error
        except (RedisError, OSError) as error:
            logger.warning("cache_away", error=str(error))
            self._close()
            raise Away from error

    def note_lost(self, keys: Iterable[str]) -> None:
        """Remember keys whose change did not reach Redis."""
        with self._stale_lock:
            if len(self.stale) < MAX_STALE_KEYS:
                self.stale.update(keys)

    def _close(self) -> None:
        self.ask_again_at = time.monotonic() + PAUSE.total_seconds()

    def _is_back(self) -> bool:
        """Try the line, unless that was tried just now or is being tried; remove what went stale."""
        if time.monotonic() < self.ask_again_at or not self._asking.acquire(blocking=False):
            return False
        try:
            self.client.get_client(None, write=True).ping()
            with self._stale_lock:
                if self.stale:
                    self.client.delete_many(list(self.stale))
                self.stale.clear()
                self.ask_again_at = 0.0
        except (RedisError, OSError):
            self._close()
            return False
        finally:
            self._asking.release()
        logger.warning("cache_back")
        return True


_lines: dict[str, _Line] = {}
_lines_lock = threading.Lock()


class RedisCache(django_redis.RedisCache):
    """Django's Redis cache, surviving Redis.

    `OPTIONS["kept_here_when_away"]` lists prefixes of keys that this process keeps in its own memory during
    an outage: counters that must go on counting, and marks that must be made.
    """

    # Missing from the stubs.
    _servers: list[str]
    _class: type[django_redis.RedisCacheClient]
    _options: dict[str, Any]

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {
            "socket_timeout": SOCKET_TIMEOUT.total_seconds(),
            "socket_connect_timeout": SOCKET_TIMEOUT.total_seconds(),
            # Once, at once: a connection that was pooled before a restart of Redis is broken.
            "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            **params.get("OPTIONS", {}),
        }
        self._kept_here = tuple(options.pop("kept_here_when_away", ()))
        super().__init__(server, {**params, "OPTIONS": options})

    @property
    def _line(self) -> _Line:
        name = repr((self._servers, self._kept_here))
        with _lines_lock:
            if name not in _lines:
                local = LocMemCache(name, {"OPTIONS": {"MAX_ENTRIES": MAX_LOCAL_KEYS}})
                _lines[name] = _Line(self._class(self._servers, **self._options), local)
            return _lines[name]

    def consume(self, key: str, *, limit: int, window: timedelta, cost: int) -> tuple[bool, int, timedelta]:
        """Count towards a limit in one step: whether it was allowed, the count, the window's rest.

        Raises: Away.
        """
        name, line = self.make_and_validate_key(key), self._line
        arguments = (limit, math.ceil(window.total_seconds() * 1000), cost)

        def run() -> Any:
            return line.client.get_client(name, write=True).eval(_CONSUME, 1, name, *arguments)

        is_allowed, count, left = line.call(run)
        return bool(is_allowed), int(count), timedelta(milliseconds=int(left))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Return the value; the default also while Redis is away."""
        name, line = self.make_and_validate_key(key, version=version), self._line
        try:
            return line.call(lambda: line.client.get(name, default))
        except Away:
            return line.local.get(name, default) if self._is_kept_here(key) else default

    def get_many(self, keys: Any, version: int | None = None) -> dict[str, Any]:
        """Return what is there; nothing while Redis is away."""
        names, line = {self.make_and_validate_key(key, version=version): key for key in keys}, self._line
        try:
            found = line.call(lambda: line.client.get_many(list(names)))
        except Away:
            return {}
        return {names[name]: value for name, value in found.items()}

    def has_key(self, key: str, version: int | None = None) -> bool:
        """Tell whether the key is there."""
        name, line = self.make_and_validate_key(key, version=version), self._line
        try:
            return bool(line.call(lambda: line.client.has_key(name)))
        except Away:
            return False

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Set the value unless there is one; False while Redis is away."""
        name, line = self.make_and_validate_key(key, version=version), self._line
        try:
            return line.call(lambda: line.client.add(name, value, self.get_backend_timeout(timeout)))
        except Away:
            if self._is_kept_here(key):
                return line.local.add(name, value, timeout)
            line.note_lost([name])
            return False

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Set the value."""
        name, line = self.make_and_validate_key(key, version=version), self._line
        try:
            line.call(lambda: line.client.set(name, value, self.get_backend_timeout(timeout)))
        except Away:
            if self._is_kept_here(key):
                line.local.set(name, value, timeout)
            else:
                line.note_lost([name])

    def set_many(self, data: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> list[Any]:
        """Set values; returns no failed keys, as Redis knows all or nothing."""
        named = {self.make_and_validate_key(key, version=version): value for key, value in data.items()}
        line = self._line
        if named:
            try:
                line.call(lambda: line.client.set_many(named, self.get_backend_timeout(timeout)))
            except Away:
                line.note_lost(named)
        return []

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Set a new expiry; False when the key is not there."""
        name, line = self.make_and_validate_key(key, version=version), self._line
        try:
            return bool(line.call(lambda: line.client.touch(name, self.get_backend_timeout(timeout))))
        except Away:
            return False

    def delete(self, key: str, version: int | None = None) -> bool:
        """Remove the key; tells whether it was there."""
        name, line = self.make_and_validate_key(key, version=version), self._line
        try:
            return bool(line.call(lambda: line.client.delete(name)))
        except Away:
            line.note_lost([name])
            return line.local.delete(name)

    def delete_many(self, keys: Any, version: int | None = None) -> None:
        """Remove keys."""
        names, line = [self.make_and_validate_key(key, version=version) for key in keys], self._line
        if names:
            try:
                line.call(lambda: line.client.delete_many(names))
            except Away:
                line.note_lost(names)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add to a number. Raises: ValueError when it is not there, or Redis is away."""
        name, line = self.make_and_validate_key(key, version=version), self._line
        try:
            return int(line.call(lambda: line.client.incr(name, delta)))
        except Away as error:
            line.note_lost([name])
            raise ValueError(f"Key '{key}' not found.") from error

    def clear(self) -> None:
        """Remove everything."""
        line = self._line
        line.local.clear()
        try:
            line.call(line.client.clear)
        except Away:
            return

    def _is_kept_here(self, key: str) -> bool:
        return key.startswith(self._kept_here) if self._kept_here else False
