"""The desk of the stand-ins for suppliers: faults by script, scarce products, and what was sold for each reference."""

from collections import defaultdict
from typing import Any

import msgspec
from litestar import Request, get, put
from litestar.exceptions import ClientException

from backend.simulators import faults
from backend.simulators.counter import counter_of
from backend.simulators.shop import Shop


class Scripts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The faults that the first questions about these references meet, and how many are left of some products."""

    scripts: dict[str, list[str]] = {}
    left: dict[str, int] = {}

    def __post_init__(self) -> None:
        if not all(faults.is_known(fault) for script in self.scripts.values() for fault in script):
            raise ValueError("`scripts` hold names of known faults")
        if not all(count >= 0 for count in self.left.values()):
            raise ValueError("`left` cannot be negative")


@put("/_simulator/orders")
async def prepare(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Set scripts and what is left; other references and products stay as they are."""
    try:
        given = msgspec.json.decode(await request.body(), type=Scripts)
    except msgspec.DecodeError as error:
        raise ClientException(str(error)) from error
    shop = counter_of(request).book.shop
    shop.scripts.update(given.scripts)
    shop.left.update(given.left)
    return {"scripts": len(shop.scripts), "left": shop.left}


@get("/_simulator/orders")
async def sold(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """How many certificates each supplier sold for each reference, and how many are left."""
    shop = counter_of(request).book.shop
    return {"sold": _sold(shop), "left": shop.left}


def _sold(shop: Shop) -> dict[str, dict[str, int]]:
    counted: dict[str, dict[str, int]] = {service: defaultdict(int) for service in faults.SUPPLIERS}
    for certificate in shop.certificates:
        counted[certificate.service][certificate.reference] += certificate.state == "sold"
    return {service: dict(found) for service, found in counted.items()}


DOORS = (prepare, sold)
