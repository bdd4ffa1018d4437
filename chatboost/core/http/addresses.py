"""Tell public addresses from all others.

The standard library's `is_private` and `is_global` are not enough: on Python 3.11 the one misses shared
(CGNAT), NAT64, 6to4 and multicast addresses and the other lets NAT64, 6to4, multicast and v4-compatible ones
pass. So the special ranges are listed here, and IPv6 is public only inside 2000::/3.

Source: IANA IPv4 and IPv6 special-purpose address registries; the deny classes of Stripe's Smokescreen.
"""

import ipaddress

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_V4_CLASSES = {
    "unspecified": ("0.0.0.0/8",),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    "shared (CGNAT)": ("100.64.0.0/10",),
    "loopback": ("127.0.0.0/8",),
    "link-local": ("169.254.0.0/16",),
    # Azure's host agent: a public address by number, the virtual machine's own host by routing.
    "metadata": ("168.63.129.16/32",),
    "protocol": ("192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24"),
    "documentation": ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),
    "6to4 relay": ("192.88.99.0/24",),
    "benchmark": ("198.18.0.0/15",),
    "multicast": ("224.0.0.0/4",),
    "reserved": ("240.0.0.0/4",),
}
_V6_CLASSES = {
    "unspecified": ("::/128",),
    "loopback": ("::1/128",),
    "v4-mapped": ("::ffff:0:0/96", "::ffff:0:0:0/96"),
    "v4-compatible": ("::/96",),
    "NAT64": ("64:ff9b::/96", "64:ff9b:1::/48"),
    "discard": ("100::/64", "100:0:0:1::/64"),
    "Teredo": ("2001::/32",),
    "benchmark": ("2001:2::/48",),
    "ORCHID": ("2001:10::/28", "2001:20::/28"),
    "protocol": ("2001::/23", "2620:4f:8000::/48"),
    "documentation": ("2001:db8::/32", "3fff::/20"),
    "6to4": ("2002::/16",),
    "6bone": ("3ffe::/16",),
    "segment routing": ("5f00::/16",),
    "private": ("fc00::/7",),
    "link-local": ("fe80::/10",),
    "site-local": ("fec0::/10",),
    "multicast": ("ff00::/8",),
}
_V4_NETWORKS = [(ipaddress.IPv4Network(net), name) for name, nets in _V4_CLASSES.items() for net in nets]
_V6_NETWORKS = [(ipaddress.IPv6Network(net), name) for name, nets in _V6_CLASSES.items() for net in nets]
_V6_PUBLIC = ipaddress.IPv6Network("2000::/3")


def special_class(ip: IPAddress) -> str | None:
    """Return the name of the special range that an address lies in, None for a public address."""
    if isinstance(ip, ipaddress.IPv4Address):
        return next((name for network, name in _V4_NETWORKS if ip in network), None)
    if name := next((name for network, name in _V6_NETWORKS if ip in network), None):
        return name
    return None if ip in _V6_PUBLIC else "unallocated"


def is_public(ip: IPAddress) -> bool:
    """Tell whether an address is one that anybody on the internet can reach."""
    return special_class(ip) is None
