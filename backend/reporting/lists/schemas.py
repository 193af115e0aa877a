"""Responses with lists of redemptions and scans. Amounts in kopecks, bonuses in minor units."""

from datetime import datetime
from typing import Annotated, Self

from msgspec import Meta

from backend.core.http.models import ResponseModel
from backend.reporting.lists.service import RedemptionRow, RedemptionStatus, ScanKind, ScanRow, ScanStatus
from backend.reporting.lookups.code_schemas import Amount, Card, Moment
from backend.reporting.lookups.receipt_schemas import BrandReceipt

Kopecks = Annotated[int, Meta(description="Kopecks.", examples=[250000])]
Next = Annotated[str | None, Meta(description="Send it back as `cursor`.", examples=["WzQyXQ"])]


class BrandRedemption(ResponseModel):
    """A promo code used in a sale."""

    redemption: Annotated[int, Meta(description="The number of webhooks.", examples=[4711])]
    at: Moment
    status: Annotated[RedemptionStatus, Meta(description="`unpaid`: it brought no bonus.", examples=["paid"])]
    code: Annotated[str, Meta(examples=["IVAN7"])]
    code_id: Annotated[int, Meta(examples=[17])]
    campaign: Annotated[str, Meta(examples=["autumn"])]
    shop_number: Annotated[str, Meta(examples=["7381577414"])]
    currency: Annotated[str, Meta(examples=["RUB"])]
    shop: Annotated[str | None, Meta(description="Your key of it.", examples=["lesnaya"])] = None
    card_number: Annotated[
        str | None, Meta(description="None: a code of the brand's.", examples=["4000123456789017"])
    ] = None
    run: Annotated[int, Meta(examples=[1])] = 0
    base: Kopecks = 0
    discount: Kopecks = 0
    bonus: Amount = 0
    returned_base: Kopecks = 0
    returned_discount: Kopecks = 0
    returned_bonus: Amount = 0
    reason: Annotated[str | None, Meta(description="Why it brought less.", examples=[None, "day_cap"])] = None
    taken_at: Annotated[
        datetime | None, Meta(description="When a till without a network sold it.", examples=["2026-11-22T09:00:00Z"])
    ] = None

    @classmethod
    def of(cls, row: RedemptionRow) -> Self:
        return cls(
            row.id,
            row.at,
            row.status,
            row.code,
            row.code_id,
            row.campaign,
            row.shop_number,
            row.currency,
            row.shop,
            row.card_number,
            row.run,
            row.base,
            row.discount,
            row.bonus,
            row.returned_base,
            row.returned_discount,
            row.returned_bonus,
            row.reason,
            row.taken_at,
        )


class BrandRedemptionPage(ResponseModel):
    """Redemptions, newest first."""

    items: list[BrandRedemption]
    next: Next = None


class BrandScan(ResponseModel):
    """A claim of a code, or an attempt at one that was claimed or never issued."""

    scan: Annotated[int, Meta(examples=[90210])]
    at: Moment
    status: Annotated[ScanStatus, Meta(examples=["claimed"])]
    kind: Annotated[ScanKind, Meta(examples=["package"])]
    code_id: Annotated[int, Meta(description="`cause_id` of webhooks.", examples=[137438953500])]
    card_number: Card
    sku: Annotated[str | None, Meta(examples=["RA16-374"])] = None
    campaign: Annotated[str | None, Meta(examples=["autumn"])] = None
    amount: Amount | None = None
    currency: Annotated[str | None, Meta(examples=["RUB"])] = None

    @classmethod
    def of(cls, row: ScanRow) -> Self:
        return cls(
            row.id,
            row.at,
            row.status,
            row.kind,
            row.code_id,
            row.card_number or "",
            row.sku,
            row.campaign,
            row.amount,
            row.currency,
        )


class BrandScanPage(ResponseModel):
    """Scans, newest first."""

    items: list[BrandScan]
    next: Next = None


class BrandReceiptPage(ResponseModel):
    """Receipts with goods of the brand, newest first."""

    items: list[BrandReceipt]
    next: Next = None
