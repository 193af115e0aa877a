"""The words in which every supplier of certificates is asked and answers, and what is set for one."""

from datetime import date
from typing import Literal, Protocol

import msgspec

# sold: here is the certificate. refused: it certainly was not sold, another supplier may be asked. unknown: it may have
# been sold, so ask again under the same reference and nobody else. busy: it certainly was not sold, come again later.
Result = Literal["sold", "refused", "unknown", "busy"]
Kind = Literal["tremendous", "tango", "generic"]


class Wanted(msgspec.Struct, frozen=True):
    """A certificate to buy.

    `reference` is our order's id, under which a supplier sells once however often it is asked; `product` is what the
    supplier calls the offer; `nominal` is in kopecks (hundredths of the currency).
    """

    reference: str
    product: str
    nominal: int
    currency: str = "RUB"


class Sold(msgspec.Struct, frozen=True):
    """What became of an order at a supplier.

    `code` is the certificate's code or link, a secret; `reference` is the supplier's own id of the order; `why` is a
    word for machines when it was not sold; `retry_after` is in seconds, if the supplier named them.
    """

    result: Result
    code: str = ""
    reference: str = ""
    valid_until: date | None = None
    why: str = ""
    http: int | None = None
    retry_after: int | None = None

    def __repr__(self) -> str:
        code = "***" if self.code else ""
        return f"Sold({self.result!r}, code={code!r}, reference={self.reference!r}, why={self.why!r}, http={self.http})"


class SupplierSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is set for one supplier: its address, its secret, its limit.

    `timeout` is in seconds and bounds one exchange over HTTP. `account` is whose money pays: Tremendous calls it the
    funding source, Tango the account identifier. `customer` is Tango's customer identifier. The token is a secret (for
    Tango it is `platform:key`): it shows in no representation and no log.
    """

    name: str
    kind: Kind
    url: str
    token: str
    per_second: float
    account: str = ""
    customer: str = ""
    timeout: float = 10.0

    def __repr__(self) -> str:
        token = "***" if self.token else ""
        return f"SupplierSettings(name={self.name!r}, kind={self.kind!r}, url={self.url!r}, token={token!r})"


class Supplier(Protocol):
    """Whoever sells certificates. Trouble on the way is an answer (`unknown`, `busy`), not an exception."""

    async def order(self, wanted: Wanted) -> Sold:
        """Buy, once for a reference however often this is called."""

    async def look(self, wanted: Wanted) -> Sold:
        """Ask what became of the reference; never buys. `refused` with `not_found`: it was not sold."""

    async def close(self) -> None: ...
