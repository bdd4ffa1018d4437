"""Call a vendor: one base URL, kept connections, a deadline on the whole call.

Nothing is retried and no redirect is followed here: whether a send may be repeated is the caller's decision,
made from the error's class. No proxy, cookie jar or other ambient setting has a say.
"""

import collections
import json as json_codec
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from ssl import SSLContext
from urllib.parse import urlencode

from chatboost.core.http import connection, deadlines, dialing, heads, urls
from chatboost.core.http.errors import BadBody, HttpError, NotSent, OutcomeUnknown, Refused, TooLarge
from chatboost.core.http.response import Response

__all__ = [
    "BadBody",
    "HttpError",
    "NotSent",
    "OutcomeUnknown",
    "Refused",
    "Response",
    "TooLarge",
    "VendorClient",
]

Fields = Mapping[str, str | int | Sequence[str | int]] | Sequence[tuple[str, str | int]]

MAX_IDLE_CONNECTIONS = 128
# Common servers close idle connections after 5 s; a request that crosses that close has an unknown outcome.
MAX_IDLE_SECONDS = 4.0


class VendorClient:
    """Calls to one vendor. Thread-safe; share one instance per base URL, or nothing is kept alive.

    `deadline` covers the whole of a call, from the name's resolution to the last byte; `max_bytes` caps the
    body before and after decompression. `headers` go with every call; pass per-channel credentials per call.

    Raises: Refused when `base_url` is no absolute http or https URL.
    """

    def __init__(
        self,
        base_url: str,
        deadline: timedelta,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        *,
        tls: SSLContext | None = None,
    ) -> None:
        self._base = urls.parse(base_url)
        self._prefix = self._base.path.partition("?")[0].rstrip("/")
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._headers = heads.vet_headers(headers)
        self._tls = tls
        self._idle = _IdleConnections()

    def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        data: bytes | Fields | None = None,
        params: Fields | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Make one call and return its answer, whatever the status.

        `path` is below the base URL and may carry a query, to which `params` are added. `json` is sent as
        JSON; `data` is sent as it is when bytes, else as form fields.

        Raises: NotSent; OutcomeUnknown; TooLarge; Refused `method_refused` or `header_refused`.
        """
        deadline = deadlines.Deadline(self._deadline)
        method = heads.vet_method(method)
        body, content_type = _encode_body(json, data)
        request = heads.build(
            method=method,
            path=self._join(path, params),
            authority=self._base.authority,
            headers={**content_type, **self._headers, **heads.vet_headers(headers)},
            body=body,
        )
        link = self._idle.take() or self._open(deadline)
        try:
            return link.exchange(request, body or b"", deadline=deadline, max_bytes=self._max_bytes)
        finally:
            self._idle.give_back(link)

    def close(self) -> None:
        """Close the idle connections; the client stays usable."""
        self._idle.clear()

    def _join(self, path: str, params: Fields | None) -> str:
        plain, _, query = path.partition("?")
        added = urlencode(params, doseq=True, errors="replace") if params else ""
        return urls.quote_path(f"{self._prefix}/{plain.lstrip('/')}", "&".join(filter(None, (query, added))))

    def _open(self, deadline: deadlines.Deadline) -> connection.Connection:
        host = self._base.host
        sock = dialing.connect(host, dialing.resolve(host, self._base.port, deadline), deadline)
        if self._base.scheme == "https":
            sock = dialing.start_tls(sock, host, deadline, self._tls)
        return connection.Connection(sock, host=host)


class _IdleConnections:
    """Connections between two calls, the last used taken first so that the rest can grow old and go."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._links: collections.deque[connection.Connection] = collections.deque()

    def take(self) -> connection.Connection | None:
        """Return a connection that is fit for a call, None when there is none."""
        while True:
            with self._lock:
                if not self._links:
                    return None
                link = self._links.pop()
            if not _is_old(link) and not link.is_dropped():
                return link
            link.close()

    def give_back(self, link: connection.Connection) -> None:
        """Keep a connection for the next call if it is fit for one, else close it."""
        surplus = []
        with self._lock:
            if link.is_reusable:
                self._links.append(link)
            else:
                surplus.append(link)
            while self._links and (len(self._links) > MAX_IDLE_CONNECTIONS or _is_old(self._links[0])):
                surplus.append(self._links.popleft())
        for unfit in surplus:
            unfit.close()

    def clear(self) -> None:
        """Close all."""
        with self._lock:
            links, self._links = self._links, collections.deque()
        for link in links:
            link.close()


def _is_old(link: connection.Connection) -> bool:
    return time.monotonic() - link.used_at > MAX_IDLE_SECONDS


def _encode_body(json: object, data: bytes | Fields | None) -> tuple[bytes | None, dict[str, str]]:
    if json is not None:
        # Escaped to ASCII: text from outside may hold lone surrogates, which UTF-8 cannot carry.
        text = json_codec.dumps(json, separators=(",", ":"), allow_nan=False)
        return text.encode(), {"content-type": "application/json"}
    if data is None or isinstance(data, bytes):
        return data, {}
    form = urlencode(data, doseq=True, errors="replace")
    return form.encode(), {"content-type": "application/x-www-form-urlencoded"}
