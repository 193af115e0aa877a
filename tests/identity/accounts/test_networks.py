"""Who calls: the address that is counted, behind whatever proxies."""

import pytest

from backend.core.http.middleware import client_host, network

PROXIES = frozenset({"10.0.0.1", "10.0.0.2"})


def host(peer: str, forwarded: str = "") -> str:
    headers = {b"x-forwarded-for": forwarded.encode("latin-1")} if forwarded else {}
    return client_host({"client": (peer, 4711)}, headers, PROXIES)


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("198.51.100.7", "", "198.51.100.7"),
        ("198.51.100.7", "192.0.2.1", "198.51.100.7"),
        ("198.51.100.7", "192.0.2.1, 10.0.0.1", "198.51.100.7"),
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.5, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.5, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", " 192.0.2.1 ,", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1:4711, 10.0.0.2:80", "192.0.2.1"),
        ("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "\xff\xfe", "\xff\xfe"),
    ],
)
def test_last_untrusted_hop_is_the_client(peer: str, forwarded: str, counted: str):
    assert host(peer, forwarded) == counted


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2ff::7", "2001:db8:1:200::/56"),
        ("", "unknown"),
        ("\xff\xfe", "unknown"),
        ("198.51.100.7:80", "unknown"),
    ],
)
def test_address_is_counted_by_network(address: str, counted: str):
    assert network(address) == counted
