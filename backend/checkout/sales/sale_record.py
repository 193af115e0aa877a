"""The record of a sale, which checkout_sell_v2 writes.

Each struct mirrors a composite type of migration 0035 (`sale_input`, ...), field by field.
"""

from datetime import date, datetime
from typing import Any

import msgspec

from backend.checkout.sales.snapshot import CodeUse
from backend.checkout.schemas import FiscalReceiptIn


class LineRecord(msgspec.Struct, frozen=True):
    """A line of the basket; `product` is one of a brand whose code applies. Amounts in kopecks."""

    line: int
    product: int | None
    quantity: float
    amount: int
    discount: int


class RedemptionLine(msgspec.Struct, frozen=True):
    """A line's share in a redemption: what the buyer pays for it, and the code's discount on it."""

    line: int
    base: int
    discount: int


class RedemptionRecord(msgspec.Struct):
    """A code that applies. `gross` is the bonus before caps and budget; `due` is what the brand owes the shop."""

    code: int
    run: int
    brand: int
    programme: int
    rules_version: int
    campaign: int
    version: int
    account: int | None
    shop: int
    base: int
    discount: int
    due: int
    gross: int
    day_cap: int | None
    agent_cap: int | None
    budgeted: bool
    owes_discount: bool
    today: date
    matures_on: date
    expires_on: date
    reason: str | None
    lines: list[RedemptionLine]
    uses: CodeUse | None


class SaleSignal(msgspec.Struct, frozen=True):
    """What a fraud rule found in a code's redemption; in shadow mode the bonus stays."""

    code: int
    rule: str
    version: int
    shadow: bool
    inputs: dict[str, int]


class SaleRecord(msgspec.Struct):
    """A sale. `sale` is its place in a batch, `loss` what an offline till gave for codes that could not be used."""

    till: int
    shop: int
    cashier: int | None
    key: str | None
    digest: str
    answer: dict[str, Any]
    lines: list[LineRecord]
    codes: list[RedemptionRecord]
    signals: list[SaleSignal]
    reservation: str | None = None
    taken_at: datetime | None = None
    loss: int = 0
    loss_most: int = 0
    loss_most_of_shop: int | None = None
    fiscal: FiscalReceiptIn | None = None
    sale: int = 0

    @property
    def may_be_batched(self) -> bool:
        """Whether it neither waits for another sale's lock (a receipt's number) nor gives uses back."""
        return self.fiscal is None and self.reservation is None and self.taken_at is None
