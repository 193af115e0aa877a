"""Where a webhook may go: nowhere but to public addresses, and to the very address that was looked at."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from httpx2 import URL, InvalidURL

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

PORTS = {"https": 443, "http": 80}
GLOBAL_UNICAST = IPv6Network("2000::/3")
SIX_TO_FOUR = IPv6Network("2002::/16")  # an IPv4 address inside, which a relay would go to
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: likewise, and what DNS64 gives for hosts without IPv6


class TargetForbidden(Exception):
    """Nothing may be sent there."""


def check(text: str, *, private: bool) -> URL:
    """Read the address of a webhook: https, port 443 or above 1023, nobody's name and no fragment in it.

    `private` also allows http and addresses that are not public: for demos and tests.

    Raises:
        TargetForbidden: it is none of that, or names an address that is not public.
    """
    try:
        url = URL(text)
    except InvalidURL as error:
        raise TargetForbidden from error
    schemes = {"https", "http"} if private else {"https"}
    if url.scheme not in schemes or not url.host or url.userinfo or url.fragment:
        raise TargetForbidden
    if port(url) != PORTS[url.scheme] and not 1023 < port(url) < 65536:
        raise TargetForbidden
    if not private and _is_address(url.host) and not is_public(url.host):
        raise TargetForbidden
    return url


def port(url: URL) -> int:
    """The port that an address means."""
    return url.port or PORTS[url.scheme]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def pin(url: URL, attempt: int, *, private: bool, resolve: Resolve) -> URL:
    """The same URL by the number of its host, which is looked up here and nowhere else afterwards.

    Of several addresses each attempt takes the next one, from the first on.

    Raises:
        TargetForbidden: one of the addresses is not public. OSError: there is none.
    """
    addresses = await resolve(url.raw_host.decode("ascii"), port(url))
    if not addresses:
        raise OSError(f"{url.host} has no address")
    if not private and not all(map(is_public, addresses)):
        raise TargetForbidden
    return url.copy_with(host=addresses[(attempt - 1) % len(addresses)])


async def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, the preferred one first (RFC 6724).

    Raises:
        OSError: there is no such host.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def is_public(text: str) -> bool:
    """Whether an address is one of a host in the public internet (IANA's special-purpose registries)."""
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is None:
            return address in GLOBAL_UNICAST and address not in SIX_TO_FOUR and address.is_global
        address = inner
    return address.is_global and not address.is_multicast


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped
