"""The desk of the stand-ins, which run in a process of their own: what they are to do, and what they saw."""

import itertools
import json
from typing import Any, Self

import httpx2

from backend.simulators import receipts_made
from payouts.partners.supplying import Wanted

FREE = {"tremendous": 0, "tango": 0}  # no limits: most tests are about something else
numbers = itertools.count(1)


class StandIns:
    """All of them."""

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


class Desk(StandIns):
    """Those who sell."""

    def set_up(self, **setup: Any) -> None:
        super().set_up(**{"supplier_limits": FREE, "timeout_seconds": 3, "late_seconds": 0.4} | setup)

    def prepare(self, **given: Any) -> None:
        self.http.put("/_simulator/orders", content=json.dumps(given)).raise_for_status()

    def wanted(self, *script: str, nominal: int = 100_000, product: str = "BOOKS") -> Wanted:
        """A new order that meets these faults first."""
        wanted = Wanted(f"order-{next(numbers)}", product, nominal)
        self.prepare(scripts={wanted.reference: script})
        return wanted

    def sold(self, kind: str) -> dict[str, int]:
        return self.http.get("/_simulator/orders").json()["sold"][kind]


class Simulators(StandIns):
    """Those who know receipts."""

    def put(self, *script: str, appears_after: int = 0, **made: Any) -> dict[str, Any]:
        """A new receipt that meets these faults first."""
        receipt = receipts_made.made(next(numbers), **made)
        entry = {"receipt": receipt, "appears_after": appears_after, "script": script}
        self.http.post("/_simulator/receipts", content=json.dumps(entry)).raise_for_status()
        return receipt
