"""What the supplier simulators share: rate limits, faults, sales and callbacks."""

import asyncio
from collections.abc import Callable

import msgspec
from litestar import Response

from simulators import callbacks, common_faults
from simulators.requests import SimulatorRequest
from simulators.state import SimulatorState
from simulators.suppliers.certificates import WRONG_AMOUNT_KOPECKS, SoldCertificate

JSON = "application/json"
REFUSAL_STATUSES = {"sold_out": 422, "maintenance": 503}


class SaleRefused(Exception):
    """Nothing is sold; `reason` is for machines."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


class SupplierSimulator:
    """Sells once for a reference, then sends a callback."""

    def __init__(self, book: SimulatorState) -> None:
        self.book = book
        self.calls: set[asyncio.Task[None]] = set()

    async def answer(
        self, service: str, reference: str, truth: Callable[[str], Response[bytes]], *, counts: bool = True
    ) -> Response[bytes]:
        """Respond to a request about a reference, or play its fault. `counts`: the request counts in the limit."""
        book = self.book
        if counts and not book.arrive(service, reference, "order"):
            return too_many_requests()
        fault = book.fault(service, reference)
        if fault == "limit":
            return too_many_requests()
        # With `_after` the sale is made, and its response is lost.
        after = truth(fault) if fault.endswith("_after") else None
        played = await common_faults.play_fault(fault.removesuffix("_after"), book.setup, JSON)
        return played or after or truth(fault)

    def sell(self, certificate: SoldCertificate, fault: str) -> tuple[SoldCertificate, bool]:
        """Return the order of a reference, created if there is none, and whether it existed before.

        Raises:
            SaleRefused: the product is sold out, or the supplier does not sell now.
        """
        book = self.book
        if fault == "unauthorized":
            raise SaleRefused(fault, 401)
        existing = book.sold.find(certificate.service, certificate.reference)
        if existing:
            return existing, True
        if fault in REFUSAL_STATUSES:
            raise SaleRefused(fault, REFUSAL_STATUSES[fault])
        if fault == "wrong_amount":
            certificate.face_value += WRONG_AMOUNT_KOPECKS
        if fault == "failed":
            certificate.state = "failed"
        if fault == "late":
            certificate.ready_at = book.now() + book.setup.late_seconds
        if not book.sold.sell(certificate):
            raise SaleRefused("sold_out", REFUSAL_STATUSES["sold_out"])
        if book.setup.callback_url:
            self._schedule_callback(certificate, times=2 if fault == "duplicate" else 1)
        return certificate, False

    def is_ready(self, certificate: SoldCertificate) -> bool:
        return self.book.now() >= certificate.ready_at

    def _schedule_callback(self, certificate: SoldCertificate, times: int) -> None:
        call = asyncio.create_task(self._send_callback(certificate, times))
        self.calls.add(call)
        call.add_done_callback(self.calls.discard)

    async def _send_callback(self, certificate: SoldCertificate, times: int) -> None:
        book, setup = self.book, self.book.setup
        await asyncio.sleep(setup.lag + max(0.0, certificate.ready_at - book.now()))
        event: dict[str, object] = {
            "event": "order",
            "id": certificate.id,
            "reference": certificate.reference,
            "state": certificate.state,
        }
        for _ in range(times):
            status = await callbacks.post_callback(setup.callback_url, event, {})
            book.logs[certificate.service].callbacks.append((certificate.reference, status))


def supplier_of(request: SimulatorRequest) -> SupplierSimulator:
    """The supplier simulator of this process."""
    supplier: SupplierSimulator = request.app.state.supplier
    return supplier


def json_response(body: object, status: int = 200) -> Response[bytes]:
    """A JSON response."""
    return Response(msgspec.json.encode(body), status_code=status, media_type=JSON)


def too_many_requests() -> Response[bytes]:
    """The response to too many requests in a second."""
    return Response(b"{}", status_code=429, media_type=JSON, headers={"Retry-After": "1"})


def to_kopecks(amount: float) -> int:
    """Roubles of a JSON number in kopecks."""
    return round(amount * 100)
