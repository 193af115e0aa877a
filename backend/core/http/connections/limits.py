"""How many connections a process accepts, how long each may wait, and which address they are counted for."""

import contextlib
import ipaddress
import resource
from functools import lru_cache

HEADER_SECONDS = 30
HEADER_BYTES = 64 * 1024
SEND_SECONDS = 60.0  # for a client to accept the next chunk of a response
SPARE_FILES = 512  # databases, pictures, logs
MIN_CONNECTIONS = 128


@lru_cache(maxsize=4096)
def address(host: str) -> str:
    """What counts as one caller: an IPv4 address, or a /64 of IPv6."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def capacity(wanted: int) -> int:
    """How many connections this process can hold: as many as wanted, if it may open so many files.

    Raises the process's own soft limit of open files where that is allowed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    available = wanted if soft == resource.RLIM_INFINITY else soft - SPARE_FILES
    return max(MIN_CONNECTIONS, min(wanted, available))
