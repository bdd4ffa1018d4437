"""Which addresses count as public."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatboost.core.http import addresses

OCTET = st.integers(0, 255)
# Half the draws start the way special ranges do, or chance would hardly find them.
V4 = st.tuples(
    st.sampled_from([0, 10, 100, 127, 169, 172, 192, 198, 203]) | OCTET,
    st.sampled_from([0, 16, 18, 51, 64, 88, 168, 254]) | OCTET,
    st.sampled_from([0, 2, 99, 100, 113]) | OCTET,
    OCTET,
).map(lambda octets: ipaddress.IPv4Address(bytes(octets)))
V6 = st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address)
GLOBAL_V6 = st.integers(0x2000 << 112, (0x4000 << 112) - 1).map(ipaddress.IPv6Address)


# Where transition mechanisms put a v4 address: a prefix, and how many bits are left of its end.
EMBEDDINGS = [
    ("::", 0),
    ("::ffff:0:0", 0),
    ("::ffff:0:0:0", 0),
    ("64:ff9b::", 0),
    ("64:ff9b:1::", 0),
    ("2002::", 80),
    ("2001::", 64),
    ("2001::", 0),
]


@given(V4)
def test_v4_that_the_standard_library_holds_special_is_not_public(ip: ipaddress.IPv4Address) -> None:
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        assert not addresses.is_public(ip)


@given(V4)
def test_v4_refused_beyond_the_standard_library_is_one_of_few_ranges(ip: ipaddress.IPv4Address) -> None:
    if ip.is_global and not ip.is_multicast and not addresses.is_public(ip):
        assert addresses.special_class(ip) in {"protocol", "6to4 relay", "metadata"}


@given(V6)
def test_v6_outside_global_unicast_is_not_public(ip: ipaddress.IPv6Address) -> None:
    if int(ip) >> 125 != 1:
        assert not addresses.is_public(ip)


@given(GLOBAL_V6)
def test_v6_that_the_standard_library_holds_special_is_not_public(ip: ipaddress.IPv6Address) -> None:
    if not ip.is_global:
        assert not addresses.is_public(ip)


@given(V4, st.sampled_from(EMBEDDINGS))
def test_v6_that_embeds_any_v4_is_not_public(ip: ipaddress.IPv4Address, embedding: tuple[str, int]) -> None:
    prefix, shift = embedding
    assert not addresses.is_public(
        ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(ip) << shift)
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("10.0.0.0", "private"),
        ("10.255.255.255", "private"),
        ("100.64.0.0", "shared (CGNAT)"),
        ("100.100.100.200", "shared (CGNAT)"),
        ("100.127.255.255", "shared (CGNAT)"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("168.63.129.16", "metadata"),
        ("169.254.0.1", "link-local"),
        ("169.254.169.254", "link-local"),
        ("172.16.0.0", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.192", "protocol"),
        ("192.0.2.1", "documentation"),
        ("192.88.99.1", "6to4 relay"),
        ("192.168.255.255", "private"),
        ("198.18.0.1", "benchmark"),
        ("198.19.255.255", "benchmark"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::7f00:1", "v4-compatible"),
        ("::ffff:127.0.0.1", "v4-mapped"),
        ("64:ff9b::7f00:1", "NAT64"),
        ("64:ff9b:1::1", "NAT64"),
        ("100::1", "discard"),
        ("2001::1", "Teredo"),
        ("2001:2::1", "benchmark"),
        ("2001:10::1", "ORCHID"),
        ("2001:2f:ffff::1", "ORCHID"),
        ("2001:1ff::1", "protocol"),
        ("2001:db8::1", "documentation"),
        ("2002:7f00:1::", "6to4"),
        ("3fff::1", "documentation"),
        ("4000::1", "unallocated"),
        ("5f00::1", "segment routing"),
        ("fc00::1", "private"),
        ("fd00:ec2::254", "private"),
        ("fe80::1", "link-local"),
        ("fe80::1%1", "link-local"),
        ("febf:ffff::1", "link-local"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
    ],
)
def test_special_address_has_its_class(text: str, name: str) -> None:
    assert addresses.special_class(ipaddress.ip_address(text)) == name


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "157.240.0.1",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "2a03:2880:f10c::25de",
    ],
)
def test_address_beside_a_special_range_is_public(text: str) -> None:
    assert addresses.is_public(ipaddress.ip_address(text))
