"""The stand-ins for suppliers in a process of their own, and clients that buy over real HTTP."""

import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from backend.cli.simulate import running
from payouts.partners.opening import open_supplier
from payouts.partners.supplying import Supplier, SupplierSettings, Wanted

TOKEN = "platform:key-that-nobody-may-see"
KINDS = ("tremendous", "tango", "generic")
FREE = {"tremendous": 0, "tango": 0}  # no limits: most tests are about something else
numbers = itertools.count(1)


class Desk:
    """The stand-ins' desk."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx2.Client(base_url=url, trust_env=False)

    def set_up(self, **setup: Any) -> None:
        given = {"supplier_limits": FREE, "timeout_seconds": 3, "late_seconds": 0.4} | setup
        self.http.put("/_simulator/setup", content=json.dumps(given)).raise_for_status()

    def clear(self) -> None:
        self.http.delete("/_simulator/receipts").raise_for_status()
        self.set_up()

    def prepare(self, **given: Any) -> None:
        self.http.put("/_simulator/orders", content=json.dumps(given)).raise_for_status()

    def wanted(self, *script: str, nominal: int = 100_000, product: str = "BOOKS") -> Wanted:
        """A new order that meets these faults first."""
        wanted = Wanted(f"order-{next(numbers)}", product, nominal)
        self.prepare(scripts={wanted.reference: script})
        return wanted

    def sold(self, kind: str) -> dict[str, int]:
        return self.http.get("/_simulator/orders").json()["sold"][kind]

    def log(self, kind: str) -> dict[str, Any]:
        return self.http.get("/_simulator/log").json()[kind]


@pytest.fixture(scope="session")
def running_desk() -> Iterator[Desk]:
    with running() as url:
        found = Desk(url)
        yield found
        found.http.close()


@pytest.fixture
def desk(running_desk: Desk) -> Desk:
    running_desk.clear()
    return running_desk


@contextlib.asynccontextmanager
async def opened(kind: str, url: str, **changed: Any) -> AsyncIterator[Supplier]:
    """A client of the stand-in that plays this kind."""
    given = {
        "name": kind,
        "kind": kind,
        "url": f"{url}/aggregator" if kind == "generic" else url,
        "token": TOKEN,
        "per_second": 10.0,
        "account": "ACCOUNT",
        "customer": "CUSTOMER",
        "timeout": 5.0,
    }
    supplier = open_supplier(SupplierSettings(**given | changed))
    try:
        yield supplier
    finally:
        await supplier.close()
