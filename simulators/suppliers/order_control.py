"""Control endpoints of the supplier simulators: scripted faults, scarce products, and sales by reference."""

from collections import defaultdict

import msgspec
from litestar import get, put
from litestar.exceptions import ClientException

from simulators import faults
from simulators.requests import SimulatorRequest
from simulators.suppliers.certificates import CertificateStore
from simulators.suppliers.supplier import supplier_of


class OrderScripts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Faults of the first requests about these references, and the stock of some products."""

    scripts: dict[str, list[str]] = {}
    left: dict[str, int] = {}

    def __post_init__(self) -> None:
        if not all(faults.is_known(fault) for script in self.scripts.values() for fault in script):
            raise ValueError("`scripts` hold names of known faults")
        if not all(count >= 0 for count in self.left.values()):
            raise ValueError("`left` cannot be negative")


@put("/_simulator/orders")
async def prepare(request: SimulatorRequest) -> dict[str, object]:
    """Set scripts and stock; other references and products are not changed."""
    try:
        body = msgspec.json.decode(await request.body(), type=OrderScripts)
    except msgspec.DecodeError as error:
        raise ClientException(str(error)) from error
    store = supplier_of(request).book.sold
    store.scripts.update(body.scripts)
    store.left.update(body.left)
    return {"scripts": len(store.scripts), "left": store.left}


@get("/_simulator/orders")
async def sold(request: SimulatorRequest) -> dict[str, object]:
    """The number of certificates that each supplier sold for each reference, and the stock."""
    store = supplier_of(request).book.sold
    return {"sold": _sales_by_reference(store), "left": store.left}


def _sales_by_reference(store: CertificateStore) -> dict[str, dict[str, int]]:
    counted: dict[str, dict[str, int]] = {service: defaultdict(int) for service in faults.SUPPLIERS}
    for certificate in store.certificates:
        counted[certificate.service][certificate.reference] += certificate.state == "sold"
    return {service: dict(sales) for service, sales in counted.items()}


ROUTES = (prepare, sold)
