"""Supplier simulators in a separate process, and clients that buy over real HTTP."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from payouts.partners.configuration import open_supplier
from payouts.partners.supplier import Supplier, SupplierSettings

TOKEN = "platform:secret-key"
KINDS = ("tremendous", "tango", "generic")


@contextlib.asynccontextmanager
async def opened(kind: str, url: str, **changed: Any) -> AsyncIterator[Supplier]:
    """A client of the simulator of this kind."""
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
