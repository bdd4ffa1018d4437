"""Read URLs strictly: one spelling of a host, or no call.

What is parsed here is what gets connected to; nothing is parsed a second time by another library.
"""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import quote, urljoin, urlsplit

import idna

from chatboost.core.http import addresses, errors

MAX_URL_CHARS = 8192
DEFAULT_PORTS = {"http": 80, "https": 443}
# Controls, blanks and the backslash, which some parsers drop and some read as a slash.
_UNCLEAN = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")
_BRACKETED = re.compile(r"\[(?P<host>[0-9a-fA-F:.]+)\](?::(?P<port>[0-9]{0,5}))?")
_PLAIN = re.compile(r"(?P<host>[^:\[\]%]+)(?::(?P<port>[0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOCAL_SUFFIXES = (".localhost", ".local", ".localdomain", ".internal", ".home.arpa")
_PATH_SAFE = "/%:@!$&'()*+,;=~"
_QUERY_SAFE = _PATH_SAFE + "?[]"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: `host` is lower-case ASCII without brackets, `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Return the target as one URL."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def literal(self) -> addresses.IPAddress | None:
        """Return the address that the host is spelled as, None for a name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Policy:
    """Which targets may be called; `private_hosts` ("host" or "host:port") are exempt from the rest."""

    private_hosts: frozenset[str] = frozenset()
    ports: Collection[int] = field(default=(80, 443))

    def is_exempt(self, target: Target) -> bool:
        """Tell whether the target is one of the private hosts the operator has opened."""
        bracketed = f"[{target.host}]" if ":" in target.host else target.host
        return not self.private_hosts.isdisjoint({target.host, bracketed, f"{bracketed}:{target.port}"})

    def vet(self, target: Target) -> None:
        """Check what can be told before resolving the name.

        Raises: Refused `url_port_refused`, `url_address_refused`, `url_host_refused`.
        """
        if self.is_exempt(target):
            return
        if target.port not in self.ports:
            raise errors.Refused("url_port_refused", f"port {target.port} is not open to calls")
        if target.literal is not None:
            self.vet_address(target, target.literal)
        elif "." not in target.host or target.host.endswith(_LOCAL_SUFFIXES):
            raise errors.Refused("url_host_refused", f"{target.host} is a name of a local network")

    def vet_address(self, target: Target, ip: addresses.IPAddress) -> None:
        """Check an address that the target's name stands for.

        Raises: Refused `url_address_refused`.
        """
        if self.is_exempt(target) or addresses.is_public(ip):
            return
        # Which range it was stays out of the message: it would tell a user what our resolver sees inside.
        raise errors.Refused("url_address_refused", f"{target.host} is not a public address")


def parse(url: str) -> Target:
    """Return the target of an absolute http or https URL; a fragment is dropped.

    Raises: Refused `url_malformed`, `url_scheme_refused`, `url_credentials_refused`, `url_host_refused`.
    """
    if len(url) > MAX_URL_CHARS or _UNCLEAN.search(url):
        raise errors.Refused("url_malformed", "the URL is too long or has forbidden characters")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise errors.Refused("url_malformed", "the URL cannot be read") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise errors.Refused("url_scheme_refused", "only http and https URLs can be called")
    if "@" in parts.netloc:
        raise errors.Refused("url_credentials_refused", "a URL may not carry a user name or password")
    host, port = _split_authority(parts.netloc)
    return Target(
        scheme=parts.scheme,
        host=host,
        port=DEFAULT_PORTS[parts.scheme] if port is None else port,
        path=quote_path(parts.path, parts.query),
    )


def parse_location(base: Target, location: str) -> Target:
    """Return the target that a redirect's Location field names, relative to the one that answered.

    Raises: Refused as `parse` does.
    """
    try:
        text = location.encode("latin-1").decode()  # fields are read as latin-1, servers write UTF-8
    except UnicodeError as error:
        raise errors.Refused("url_malformed", "the redirect cannot be read") from error
    # Before joining, which would silently drop tabs and line ends.
    if _UNCLEAN.search(text):
        raise errors.Refused("url_malformed", "the redirect has forbidden characters")
    try:
        return parse(urljoin(base.url, text))
    except ValueError as error:
        raise errors.Refused("url_malformed", "the redirect cannot be read") from error


def quote_path(path: str, query: str) -> str:
    """Return path and query as they go on the request line, everything unsafe percent-encoded."""
    quoted = quote(path or "/", safe=_PATH_SAFE, errors="replace")
    return f"{quoted}?{quote(query, safe=_QUERY_SAFE, errors='replace')}" if query else quoted


def _split_authority(netloc: str) -> tuple[str, int | None]:
    match = _BRACKETED.fullmatch(netloc) or _PLAIN.fullmatch(netloc)
    if match is None:
        raise errors.Refused("url_malformed", "the URL has no readable host")
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port < 65536:
        raise errors.Refused("url_malformed", "the URL's port is out of range")
    if netloc.startswith("["):
        return _ipv6_host(match["host"]), port
    return _plain_host(match["host"]), port


def _ipv6_host(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError as error:
        raise errors.Refused("url_host_refused", "the host is no IPv6 address") from error


def _plain_host(text: str) -> str:
    host = _to_ascii(text.lower()).removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise errors.Refused("url_host_refused", "the host is no valid name")
    if not _NUMERIC_LABEL.fullmatch(labels[-1]):
        return host
    # A host that ends in a number is an IPv4 address to every resolver: 0x7f.1, 2130706433, 0177.0.0.1.
    # Only the canonical spelling is taken.
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError as error:
        raise errors.Refused("url_host_refused", "the host is an address in an unusual spelling") from error


def _to_ascii(host: str) -> str:
    if host.isascii():
        return host
    # Strict IDNA 2008: no mapping, so circled digits and ideographic full stops are errors, not 127.0.0.1.
    try:
        return idna.encode(host, strict=True).decode("ascii")
    except UnicodeError as error:  # idna's errors are UnicodeErrors
        raise errors.Refused("url_host_refused", "the host is no valid name") from error
