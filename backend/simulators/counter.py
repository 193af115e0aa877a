"""The counter that the stand-ins for suppliers share: limits and faults, selling, and calls back."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, Response

from backend.simulators import calling, trouble
from backend.simulators.book import Book
from backend.simulators.shop import WRONG_BY, Certificate

JSON = "application/json"
REFUSALS = {"sold_out": 422, "maintenance": 503}


class Refused(Exception):
    """Nothing is sold: the reason in a word."""

    def __init__(self, word: str, status: int) -> None:
        super().__init__(word)
        self.word, self.status = word, status


class Counter:
    """Sells once for a reference, and calls back afterwards."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.calls: set[asyncio.Task[None]] = set()

    async def answer(
        self, service: str, reference: str, truth: Callable[[str], Response[bytes]], *, counts: bool = True
    ) -> Response[bytes]:
        """Answer a question about a reference: the truth, or what its fault makes of it. `counts`: under the limit."""
        book = self.book
        if counts and not book.arrive(service, reference, "order"):
            return limited()
        fault = book.fault(service, reference)
        if fault == "limit":
            return limited()
        # With `_after` it is done, and the buyer does not hear of it.
        after = truth(fault) if fault.endswith("_after") else None
        played = await trouble.play(fault.removesuffix("_after"), book.setup, JSON)
        return played or after or truth(fault)

    def sell(self, wanted: Certificate, fault: str) -> tuple[Certificate, bool]:
        """The order under a reference, made if there is none; and whether it was there before.

        Raises:
            Refused: there is none left, or the supplier does not sell now.
        """
        book = self.book
        if fault == "unauthorized":
            raise Refused(fault, 401)
        known = book.shop.found(wanted.service, wanted.reference)
        if known:
            return known, True
        if fault in REFUSALS:
            raise Refused(fault, REFUSALS[fault])
        if fault == "wrong_amount":
            wanted.nominal += WRONG_BY
        if fault == "failed":
            wanted.state = "failed"
        if fault == "late":
            wanted.ready_at = book.now() + book.setup.late_seconds
        if not book.shop.sell(wanted):
            raise Refused("sold_out", REFUSALS["sold_out"])
        if book.setup.callback_url:
            self._later(wanted, times=2 if fault == "duplicate" else 1)
        return wanted, False

    def is_ready(self, certificate: Certificate) -> bool:
        return self.book.now() >= certificate.ready_at

    def _later(self, certificate: Certificate, times: int) -> None:
        call = asyncio.create_task(self._call(certificate, times))
        self.calls.add(call)
        call.add_done_callback(self.calls.discard)

    async def _call(self, certificate: Certificate, times: int) -> None:
        book, setup = self.book, self.book.setup
        await asyncio.sleep(setup.lag + max(0.0, certificate.ready_at - book.now()))
        event = {"event": "order", "id": certificate.id, "reference": certificate.reference, "state": certificate.state}
        for _ in range(times):
            status = await calling.call(setup.callback_url, event, {})
            book.logs[certificate.service].callbacks.append((certificate.reference, status))


def counter_of(request: Request[Any, Any, Any]) -> Counter:
    """The one counter of this process."""
    counter: Counter = request.app.state.counter
    return counter


def told(body: Any, status: int = 200) -> Response[bytes]:
    """An answer in JSON."""
    return Response(msgspec.json.encode(body), status_code=status, media_type=JSON)


def limited() -> Response[bytes]:
    """Too many in a second."""
    return Response(b"{}", status_code=429, media_type=JSON, headers={"Retry-After": "1"})


def kopecks(amount: float) -> int:
    """Roubles, as JSON's numbers have them, in kopecks."""
    return round(amount * 100)
