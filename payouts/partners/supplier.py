"""The interface of suppliers of partner certificates: requests, results and settings."""

import re
from datetime import date
from typing import Literal, Protocol

import msgspec

# sold: the certificate is in the result. refused: certainly not sold, another supplier may be tried. unknown: it may
# have been sold, so only this supplier is retried, under the same reference. busy: certainly not sold, retry later.
PurchaseOutcome = Literal["sold", "refused", "unknown", "busy"]
SupplierKind = Literal["tremendous", "tango", "generic"]
REFERENCE_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,100}")
MAX_FACE_VALUE = 10**12  # kopecks; far beyond it JSON numbers lose precision
CLOCK_MARGIN_SECONDS = 0.02  # clock drift


class PurchaseRequest(msgspec.Struct, frozen=True):
    """A partner certificate to buy.

    `reference` is our order's id, the idempotency key at the supplier: letters, digits, `-` and `_`, a hundred at most
    (Tango's limit); `product` is the supplier's name of the reward; `face_value` is in kopecks (hundredths of the
    currency).

    Raises:
        ValueError: reference, product or face value are not valid. Without a reference a retry would buy twice.
    """

    reference: str
    product: str
    face_value: int
    currency: str = "RUB"

    def __post_init__(self) -> None:
        if (
            not REFERENCE_PATTERN.fullmatch(self.reference)
            or not self.product
            or not 0 < self.face_value <= MAX_FACE_VALUE
        ):
            raise ValueError("an order at a supplier needs a reference, a product and a face value")


class PurchaseResult(msgspec.Struct, frozen=True):
    """The result of an order or a lookup at a supplier.

    `code` is the certificate's code or link, a secret; `reference` is the supplier's own order id; `reason` is for
    machines and set when it was not sold; `retry_after` is in seconds, None if the supplier did not send it.
    """

    result: PurchaseOutcome
    code: str = ""
    reference: str = ""
    valid_until: date | None = None
    reason: str = ""
    http: int | None = None
    retry_after: int | None = None

    def __repr__(self) -> str:
        result, code, reason = self.result, "***" if self.code else "", self.reason
        return f"PurchaseResult({result!r}, {code=}, reference={self.reference!r}, {reason=}, http={self.http})"


class SupplierSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one supplier: its address, its secret, its rate limit.

    `timeout` is in seconds and bounds one HTTP exchange. `account` is the account that pays: Tremendous calls it the
    funding source, Tango the account identifier. `customer` is Tango's customer identifier. The token is a secret (for
    Tango it is `platform:key`): it appears in no representation and no log.
    """

    name: str
    kind: SupplierKind
    url: str
    token: str
    per_second: float
    account: str = ""
    customer: str = ""
    timeout: float = 10.0

    @property
    def pause(self) -> float:
        """Seconds between two requests under one permit, so that they are never counted in the same second."""
        return max(1.0, 1 / self.per_second) + CLOCK_MARGIN_SECONDS

    def __repr__(self) -> str:
        token = "***" if self.token else ""
        return f"SupplierSettings(name={self.name!r}, kind={self.kind!r}, url={self.url!r}, token={token!r})"


class Supplier(Protocol):
    """A supplier of partner certificates. Network errors are results (`unknown`, `busy`), not exceptions."""

    async def place_order(self, request: PurchaseRequest) -> PurchaseResult:
        """Buy. Idempotent by `reference`.

        `refused` and `busy` describe this call only: after an earlier `unknown` under the same reference they prove
        nothing, and only `sold` or the result of `find_order` is final.
        """

    async def find_order(self, request: PurchaseRequest) -> PurchaseResult:
        """Look up the order of a reference; never buys, and never returns `busy`.

        `refused` with `not_found` means that nothing was sold under it so far. A call of ours may still be in flight,
        so it is proof only some time after the last call.
        """

    async def close(self) -> None: ...
