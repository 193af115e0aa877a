"""Checks of webhook targets against SSRF: only public addresses, and a connection to the address that was checked."""

import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from httpx2 import URL, InvalidURL

from backend.core.http.errors import Busy
from backend.core.threads import Threads
from backend.notifications.webhooks.special_addresses import GLOBAL_UNICAST, IPV4, IPV6

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# Own threads, so that a slow name server does not block other work.
DNS_THREADS = Threads("dns", 8, 24)
PORTS = {"https": 443, "http": 80}
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: IPv4 inside IPv6, also the result of DNS64 for hosts without IPv6


class TargetForbidden(Exception):
    """The target is not allowed."""


def check_url(text: str, *, private: bool) -> URL:
    """Parse the URL of a webhook: https, port 443 or above 1023, no user name, no fragment.

    `private` also allows http and addresses that are not public, for demos and tests.

    Raises:
        TargetForbidden: the URL is anything else, or its host is an address that is not public.
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
    """The port of a URL, explicit or by scheme."""
    return url.port or PORTS[url.scheme]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def pin_address(url: URL, attempt: int, *, private: bool, resolve: Resolve) -> URL:
    """The same URL with an address of its host, so that the name is resolved only once (DNS rebinding).

    Each attempt uses the next of several addresses, beginning with the first.

    Raises:
        TargetForbidden: one of the addresses is not public. OSError: the host has no address.
    """
    addresses = await resolve(url.raw_host.decode("ascii"), port(url))
    if not addresses:
        raise OSError(f"{url.host} has no address")
    if not private and not all(map(is_public, addresses)):
        raise TargetForbidden
    return url.copy_with(host=addresses[(attempt - 1) % len(addresses)])


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, the preferred one first (RFC 6724).

    Raises:
        OSError: there is no such host.
    """
    try:
        infos = await DNS_THREADS.run(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    except Busy as error:
        raise OSError("too many names are being looked up") from error
    return list(dict.fromkeys(str(row[4][0]) for row in infos))


def is_public(text: str) -> bool:
    """Whether an address belongs to the public internet (IANA's special-purpose registries)."""
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        embedded = _embedded_ipv4(address)
        if embedded is None:
            return address in GLOBAL_UNICAST and not any(address in network for network in IPV6)
        address = embedded
    return not any(address in network for network in IPV4)


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside an IPv6 address, if any."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped
