"""Fetch URLs that users, vendors' answers or templates name, without becoming their way into our network.

A name is resolved once, every address it has must be public, the socket goes to a checked address and its
peer is compared with that address after the connect. Redirects pass through all of it again.

requests-hardened is not used: the address rules had to be our own anyway (its base, `ipaddress`, passes
NAT64, 6to4 and multicast), and with them, the total deadline and the size cap ours, it would add only a
second parser of the same URL.
"""

import ipaddress
import socket
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from ssl import SSLContext

from chatboost.core.http import connection, deadlines, dialing, errors, heads, urls
from chatboost.core.http.response import Head, Response

MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BODY_KEEPING = frozenset({307, 308})
# All that follows a redirect to another host: any other header may be a credential under some vendor's name.
_HARMLESS_HEADERS = frozenset({"accept", "accept-encoding", "accept-language", "range", "user-agent"})


@dataclass(frozen=True, slots=True)
class _Rules:
    policy: urls.Policy
    deadline: deadlines.Deadline
    max_bytes: int
    max_redirects: int
    content_types: Collection[str] | None
    tls: SSLContext | None


@dataclass(frozen=True, slots=True)
class _Hop:
    target: urls.Target
    method: str
    headers: Mapping[str, str]
    body: bytes | None


def fetch(
    url: str,
    *,
    deadline: timedelta,
    max_bytes: int,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    max_redirects: int = 0,
    allowed_private_hosts: Iterable[str] = (),
    allowed_ports: Collection[int] = (80, 443),
    allowed_content_types: Collection[str] | None = None,
    tls: SSLContext | None = None,
) -> Response:
    """Make one call to a place we do not trust and return its answer, whatever the status.

    `deadline` covers all redirects together. With `max_redirects` 0 a redirect is an answer like any other;
    at most 3 can be followed. `allowed_private_hosts` ("host" or "host:port") may have private addresses and
    any port. `allowed_content_types` ("image/png" or "image/*") binds 2xx answers only.

    Raises: Refused `url_malformed`, `url_scheme_refused`, `url_credentials_refused`, `url_host_refused`,
    `url_port_refused`, `url_address_refused`, `method_refused`, `header_refused`, `redirect_body_refused`,
    `too_many_redirects`, `content_type_refused`; NotSent; OutcomeUnknown; TooLarge.
    """
    if not 0 <= max_redirects <= MAX_REDIRECTS:
        raise ValueError(f"max_redirects is 0 to {MAX_REDIRECTS}")
    private_hosts = frozenset(host.lower() for host in allowed_private_hosts)
    rules = _Rules(
        policy=urls.Policy(private_hosts=private_hosts, ports=allowed_ports),
        deadline=deadlines.Deadline(deadline),
        max_bytes=max_bytes,
        max_redirects=max_redirects,
        content_types=allowed_content_types,
        tls=tls,
    )
    hop = _Hop(urls.parse(url), heads.vet_method(method), heads.vet_headers(headers), body)
    answer = _call(hop, rules)
    return answer if isinstance(answer, Response) else _follow(hop, answer, rules)


def _follow(hop: _Hop, redirect: Head, rules: _Rules) -> Response:
    """Follow redirects to an answer; after the first request no error may say that nothing was sent."""
    try:
        for _ in range(rules.max_redirects):
            hop = _next_hop(hop, redirect)
            answer = _call(hop, rules)
            if isinstance(answer, Response):
                return answer
            redirect = answer
    except errors.Refused as error:
        raise errors.Refused(error.code, error.message, is_sent=True) from error
    except errors.NotSent as error:
        raise errors.OutcomeUnknown(f"after a redirect: {error}") from error
    raise errors.Refused("too_many_redirects", f"more than {rules.max_redirects} redirects", is_sent=True)


def _call(hop: _Hop, rules: _Rules) -> Response | Head:
    """Make one request; return its answer, or only the head when that is a redirect to follow."""
    request = heads.build(
        method=hop.method,
        path=hop.target.path,
        authority=hop.target.authority,
        headers={**hop.headers, "connection": "close"},
        body=hop.body,
    )
    with closing(_open(hop.target, rules)) as link:
        head = link.ask(request, hop.body or b"", rules.deadline)
        if rules.max_redirects and head.status in _REDIRECTS and "location" in head.headers:
            return head
        _vet_content_type(head, rules.content_types)
        return link.read_rest(head, rules.deadline, rules.max_bytes)


def _open(target: urls.Target, rules: _Rules) -> connection.Connection:
    rules.policy.vet(target)
    found = dialing.resolve(target.host, target.port, rules.deadline)
    # One private address among public ones is an attack or a mistake; choosing for its owner would hide both.
    for address in found:
        rules.policy.vet_address(target, address.ip)
    sock = dialing.connect(target.host, found, rules.deadline)
    _vet_peer(sock, found, target)
    if target.scheme == "https":
        sock = dialing.start_tls(sock, target.host, rules.deadline, rules.tls)
    return connection.Connection(sock, host=target.host)


def _vet_peer(sock: socket.socket, vetted: Collection[dialing.Address], target: urls.Target) -> None:
    try:
        peer = ipaddress.ip_address(sock.getpeername()[0])
    except OSError as error:
        sock.close()
        raise errors.NotSent(f"{target.host}: closed at once") from error
    if all(peer != address.ip for address in vetted):
        sock.close()
        raise errors.Refused("url_address_refused", f"{target.host} led to an address that was not checked")


def _vet_content_type(head: Head, allowed: Collection[str] | None) -> None:
    if allowed is None or not 200 <= head.status < 300:
        return
    kind = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in allowed and f"{kind.partition('/')[0]}/*" not in allowed:
        raise errors.Refused("content_type_refused", "the answer is not of an accepted type", is_sent=True)


def _next_hop(hop: _Hop, redirect: Head) -> _Hop:
    """Return the request that a redirect asks for.

    Raises: Refused.
    """
    target = urls.parse_location(hop.target, redirect.headers["location"])
    is_same = _is_same_place(hop.target, target)
    headers = {name: value for name, value in hop.headers.items() if is_same or name in _HARMLESS_HEADERS}
    if redirect.status in _BODY_KEEPING:
        if hop.body is not None and not is_same:
            raise errors.Refused("redirect_body_refused", "a redirect would carry the body to another host")
        return _Hop(target, hop.method, headers, hop.body)
    headers = {name: value for name, value in headers.items() if not name.startswith("content-")}
    method = hop.method if hop.method in ("GET", "HEAD") else "GET"
    return _Hop(target, method, headers, None)


def _is_same_place(one: urls.Target, other: urls.Target) -> bool:
    if one.host != other.host:
        return False
    is_upgrade = (one.scheme, one.port, other.scheme, other.port) == ("http", 80, "https", 443)
    return is_upgrade or (one.scheme, one.port) == (other.scheme, other.port)
