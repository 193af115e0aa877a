"""A thread that closes waiting connections of an address, or of a process, that has too many."""

import contextlib
import os
import socket
import stat
import threading
import time
from collections import Counter
from collections.abc import Iterator

import msgspec
import structlog

from backend.core.http.connections.bodies import REQUESTS, Peer
from backend.core.http.connections.limits import address

SWEEP_SECONDS = 1.0
CROWDED = 0.9  # the share of a process's connections beyond which waiting ones are closed

log = structlog.get_logger("scanback")


class Connection(msgspec.Struct):
    """A connection to our port, with the server's file number of it."""

    file: int
    inode: int
    peer: Peer
    since: float


class Sweeper:
    """Closes connections that wait for their client: above an address's limit, or where the process is nearly full."""

    def __init__(
        self, port: int, max_connections: int, max_per_address: int, trusted: frozenset[str] = frozenset()
    ) -> None:
        self.port = port
        self.max_connections = max_connections
        self.max_per_address = max_per_address
        self.trusted = trusted
        self.known: dict[int, Connection | None] = {}  # by inode; None is a socket of another kind

    def start(self) -> None:
        """Sweep once a second for as long as the process lives."""
        threading.Thread(target=self._run, name="connections", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(SWEEP_SECONDS)
            try:
                self.sweep()
            except Exception as error:  # noqa: BLE001 - one failed sweep must not end the thread
                log.warning("connections not swept", error=type(error).__name__)

    def sweep(self) -> int:
        """Sweep once. Returns how many connections were closed."""
        found = sorted(self._list_connections(), key=lambda each: each.since)
        closed = sum(_shut_socket(each) for each in list(self._excess_connections(found)))
        if closed:
            log.warning("connections closed", closed=closed, open=len(found))
        return closed

    def _excess_connections(self, found: list[Connection]) -> Iterator[Connection]:
        """The oldest first: a client that has just connected has had no time to send a request."""
        of_address = Counter(address(each.peer[0]) for each in found)
        in_progress = REQUESTS.in_progress()
        crowded = int(self.max_connections * CROWDED)
        left = len(found)
        for each in found:
            host = address(each.peer[0])
            is_excess = left > crowded or of_address[host] > self.max_per_address
            is_trusted = each.peer[0] in self.trusted or host in self.trusted
            if is_excess and not is_trusted and each.peer not in in_progress:
                of_address[host] -= 1
                left -= 1
                yield each

    def _list_connections(self) -> Iterator[Connection]:
        now = time.monotonic()
        seen: dict[int, Connection | None] = {}
        for file in _open_files():
            try:
                status = os.fstat(file)
            except OSError:
                continue  # closed in the meantime
            if not stat.S_ISSOCK(status.st_mode):
                continue
            inode = status.st_ino
            known = self.known.get(inode)
            if known is None and inode not in self.known:
                peer = _read_peer(file, self.port)
                known = None if peer is None else Connection(file, inode, peer, now)
            seen[inode] = known
            if known is not None:
                yield known
        self.known = seen


def _open_files() -> list[int]:
    return [int(name) for name in os.listdir("/dev/fd")]  # noqa: PTH208 - thousands a second: names, not paths


@contextlib.contextmanager
def _duplicate_socket(file: int) -> Iterator[socket.socket]:
    """The socket under a second file number: closing that does not close the server's own."""
    with socket.socket(fileno=os.dup(file)) as found:
        yield found


def _read_peer(file: int, port: int) -> Peer | None:
    """The remote end, if this is a connection to our port."""
    try:
        with _duplicate_socket(file) as found:
            if found.family not in {socket.AF_INET, socket.AF_INET6} or found.getsockname()[1] != port:
                return None
            host, number = found.getpeername()[:2]
            return host, number
    except OSError:
        return None  # a listening socket, or one that was closed


def _shut_socket(each: Connection) -> bool:
    """Shut a connection in both directions: the server reads its end and closes it."""
    try:
        with _duplicate_socket(each.file) as found:
            if found.getpeername()[:2] != each.peer:
                return False  # the number is another connection's by now
            found.shutdown(socket.SHUT_RDWR)
    except OSError:
        return False
    return True
