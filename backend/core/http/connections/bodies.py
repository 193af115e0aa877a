"""Request bodies: a deadline for each, and a bound on the memory of all that are being received or processed."""

import asyncio
from collections import Counter
from typing import cast

from litestar.types import HTTPReceiveMessage, HTTPScope, Receive

from backend.core.http.connections.limits import SEND_SECONDS
from backend.core.http.errors import Busy, DomainError

# A body has this long to arrive; one that is not JSON gets a second more for each BYTES_PER_SECOND received.
BODY_SECONDS = 30.0
BYTES_PER_SECOND = 8 * 1024
# 40 pictures of 3 MB from one address, which may be an office's or a carrier's.
TOTAL_BYTES, ADDRESS_BYTES = 512 << 20, 128 << 20
MEMORY_BYTES = 16 << 20  # of one body: routes for larger ones write them to the disk
CHECK_SECONDS = 1.0

Peer = tuple[str, int]


class RequestTimedOut(DomainError):
    """The request did not come in whole in time. Send it again."""

    status = 408
    code = "request_timed_out"


class ClientClosedRequest(DomainError):
    """The connection was closed before the request had come in whole."""

    status = 499  # for the log and the metrics: there is no client to read it
    code = "client_closed_request"


class PendingBody:
    """A body that is still being received, and its deadline."""

    __slots__ = ("deadline", "is_overdue", "peer", "task")

    def __init__(self, peer: Peer, deadline: float) -> None:
        self.peer = peer
        self.deadline = deadline
        self.task = asyncio.current_task()
        self.is_overdue = False


class Requests:
    """Connections with a request in progress, and the bodies that are still being received on some of them.

    One timer a second checks all bodies: a timer for each costs 30 microseconds a request.
    """

    def __init__(self) -> None:
        self.active: set[Peer] = set()
        self.pending: set[PendingBody] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add_pending(self, body: PendingBody) -> None:
        self.pending.add(body)
        loop = asyncio.get_running_loop()
        # A timer that is long overdue belonged to another event loop, which has ended.
        if self._timer is None or self._timer.when() + SEND_SECONDS < loop.time():
            self._timer = loop.call_later(CHECK_SECONDS, self._cancel_overdue)

    def _cancel_overdue(self) -> None:
        """Cancel what is overdue; check again while any body is pending."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(CHECK_SECONDS, self._cancel_overdue) if self.pending else None
        for body in self.pending:
            if body.deadline < loop.time() and body.task is not None and not body.is_overdue:
                body.is_overdue = True
                body.task.cancel()

    def in_progress(self) -> set[Peer]:
        """Connections that wait for us rather than for their client."""
        return self.active - {body.peer for body in list(self.pending)}


REQUESTS = Requests()


class BodyMemory:
    """Bytes of bodies that a process holds in memory, in total and by address."""

    def __init__(self) -> None:
        self.bytes = 0
        self.by_address: Counter[str] = Counter()

    def add(self, address: str, count: int) -> None:
        """Count more bytes.

        Raises:
            Busy: a bound is reached.
        """
        if self.bytes + count > TOTAL_BYTES or self.by_address[address] + count > ADDRESS_BYTES:
            raise Busy(retry_after=5)
        self.bytes += count
        self.by_address[address] += count

    def remove(self, address: str, count: int) -> None:
        self.bytes -= count
        self.by_address[address] -= count
        if not self.by_address[address]:
            del self.by_address[address]


MEMORY = BodyMemory()


def has_body(headers: dict[bytes, bytes]) -> bool:
    return b"content-length" in headers or b"transfer-encoding" in headers


class Body:
    """The body of a request, with its deadline and its share of the memory for bodies."""

    def __init__(self, scope: HTTPScope, headers: dict[bytes, bytes], receive: Receive) -> None:
        self.deadline = asyncio.get_running_loop().time() + BODY_SECONDS
        is_json = b"json" in headers.get(b"content-type", b"").lower()
        self.seconds_per_byte = 0.0 if is_json else 1 / BYTES_PER_SECOND
        self.peer = scope.get("client") or ("", 0)
        self.address: str = scope["state"]["address"]
        self.bytes = 0
        self.is_complete = False
        self._receive = receive

    async def receive(self) -> HTTPReceiveMessage:
        """The next chunk.

        Raises:
            RequestTimedOut: it did not arrive before the deadline. ClientClosedRequest: the client has left. Busy: the
            memory for bodies is used up.
        """
        if self.is_complete:
            return cast("HTTPReceiveMessage", await self._receive())
        message = await _receive_before(self._receive, PendingBody(self.peer, self.deadline))
        if message["type"] == "http.disconnect":
            raise ClientClosedRequest
        self.is_complete = not message.get("more_body", False)
        if not self.is_complete or self.bytes:
            self._count_bytes(len(message["body"]))
        return message

    def _count_bytes(self, count: int) -> None:
        """Count a body that arrives in several chunks; beyond MEMORY_BYTES it is on the disk."""
        self.deadline += count * self.seconds_per_byte
        counted = min(count, MEMORY_BYTES - self.bytes)
        MEMORY.add(self.address, counted)
        self.bytes += counted

    def release(self) -> None:
        """The request is over."""
        if self.bytes:
            MEMORY.remove(self.address, self.bytes)


async def _receive_before(receive: Receive, body: PendingBody) -> HTTPReceiveMessage:
    REQUESTS.add_pending(body)
    try:
        return cast("HTTPReceiveMessage", await receive())
    except asyncio.CancelledError:
        if not body.is_overdue or body.task is None or body.task.uncancel():
            raise  # the request is being cancelled for another reason as well
        raise RequestTimedOut from None
    finally:
        REQUESTS.pending.discard(body)
