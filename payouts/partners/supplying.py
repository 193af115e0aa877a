"""The words in which every supplier of certificates is asked and answers, and what is set for one."""

import re
from datetime import date
from typing import Literal, Protocol

import msgspec

# sold: here is the certificate. refused: it certainly was not sold, another supplier may be asked. unknown: it may have
# been sold, so ask again under the same reference and nobody else. busy: it certainly was not sold, come again later.
Result = Literal["sold", "refused", "unknown", "busy"]
Kind = Literal["tremendous", "tango", "generic"]
REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,100}")
MOST_NOMINAL = 10**12  # kopecks; far beyond, JSON's numbers begin to lie
MARGIN_SECONDS = 0.02  # for clocks that go unlike ours


class Wanted(msgspec.Struct, frozen=True):
    """A certificate to buy.

    `reference` is our order's id, under which a supplier sells once however often it is asked: letters, digits, `-` and
    `_`, a hundred of them at most (Tango's limit); `product` is what the supplier calls the offer; `nominal` is in
    kopecks (hundredths of the currency).

    Raises:
        ValueError: there is no such reference, product or nominal. Without a reference a repetition would buy twice.
    """

    reference: str
    product: str
    nominal: int
    currency: str = "RUB"

    def __post_init__(self) -> None:
        if not REFERENCE.fullmatch(self.reference) or not self.product or not 0 < self.nominal <= MOST_NOMINAL:
            raise ValueError("an order at a supplier needs a reference, a product and a nominal")


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

    @property
    def pause(self) -> float:
        """Seconds that whoever has one turn leaves between two requests, so that they never meet in one second."""
        return max(1.0, 1 / self.per_second) + MARGIN_SECONDS

    def __repr__(self) -> str:
        token = "***" if self.token else ""
        return f"SupplierSettings(name={self.name!r}, kind={self.kind!r}, url={self.url!r}, token={token!r})"


class Supplier(Protocol):
    """Whoever sells certificates. Trouble on the way is an answer (`unknown`, `busy`), not an exception."""

    async def order(self, wanted: Wanted) -> Sold:
        """Buy, once for a reference however often this is called.

        `refused` and `busy` speak of this call alone: after an earlier `unknown` under the same reference they are no
        proof, and only `sold`, or what `look` finds, ends the doubt.
        """

    async def look(self, wanted: Wanted) -> Sold:
        """Ask what became of the reference; never buys, and is never `busy`.

        `refused` with `not_found`: nothing was sold under it so far. A call of ours may still be on its way there, so
        that is certain only some time after the last one.
        """

    async def close(self) -> None: ...
