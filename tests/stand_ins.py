"""Clients of the simulators' control API: what they are to do, and what they received."""

import itertools
import json
from typing import Any, Self

import httpx2

from payouts.partners.supplier import PurchaseRequest
from simulators.receipts import receipt_factory

FREE = {"tremendous": 0, "tango": 0}  # no limits: most tests are about something else
numbers = itertools.count(1)


class StandIns:
    """The simulators, which run in a process of their own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx2.Client(base_url=url, trust_env=False)

    def __enter__(self) -> Self:
        self.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def set_up(self, **setup: Any) -> None:
        self.http.put("/_simulator/setup", content=json.dumps(setup)).raise_for_status()

    def clear(self) -> None:
        self.http.delete("/_simulator/receipts").raise_for_status()
        self.set_up()

    def log(self, kind: str) -> dict[str, Any]:
        return self.http.get("/_simulator/log").json()[kind]


class SupplierStandIns(StandIns):
    """The simulated suppliers."""

    def set_up(self, **setup: Any) -> None:
        super().set_up(**{"supplier_limits": FREE, "timeout_seconds": 3, "late_seconds": 0.4} | setup)

    def prepare(self, **orders: Any) -> None:
        self.http.put("/_simulator/orders", content=json.dumps(orders)).raise_for_status()

    def wanted(self, *script: str, nominal: int = 100_000, product: str = "BOOKS") -> PurchaseRequest:
        """Make a request whose first attempts meet these faults."""
        request = PurchaseRequest(f"order-{next(numbers)}", product, nominal)
        self.prepare(scripts={request.reference: script})
        return request

    def sold(self, kind: str) -> dict[str, int]:
        return self.http.get("/_simulator/orders").json()["sold"][kind]


class Simulators(StandIns):
    """The simulated providers of receipts."""

    def put(self, *script: str, appears_after: int = 0, **made: Any) -> dict[str, Any]:
        """Make a receipt whose first requests meet these faults."""
        receipt = receipt_factory.make_receipt(next(numbers), **made)
        entry = {"receipt": receipt, "appears_after": appears_after, "script": script}
        self.http.post("/_simulator/receipts", content=json.dumps(entry)).raise_for_status()
        return receipt
