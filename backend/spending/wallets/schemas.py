"""Wire format of balances and movements. Amounts in minor units of the currency (PTS: points, RUB: kopecks)."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from backend.core.http.models import ResponseModel
from backend.programmes.rules.explanation import AccrualAmounts, Explanation, RuleVersion, explain_accrual
from backend.spending.wallets.movement_texts import correction_text, movement_text
from payouts.models import MovementKind, Place

Amount = Annotated[int, Meta(description="Minor units.", examples=[15000])]
Id = Annotated[int, Meta(examples=[17])]
MovementKindName = Literal["earn", "mature", "hold", "settle", "release", "expire", "clawback", "write_off", "correct"]
PlaceName = Literal["funding", "pending", "available", "held", "breakage", "payable", "loss"]


class PendingAmount(ResponseModel):
    """The amount that becomes available on a day."""

    day: Annotated[date, Meta(examples=["2026-12-06"])]
    amount: Amount


class WalletOut(ResponseModel):
    """A wallet: one for each programme."""

    id: Id
    programme_id: Id
    programme: Annotated[str, Meta(examples=["Masters' club"])]
    brand: Annotated[str, Meta(examples=["Teplo"])]
    currency: Annotated[Literal["PTS", "RUB"], Meta(examples=["RUB"])]
    available: Amount = 0
    pending: Amount = 0
    held: Amount = 0
    waiting: list[PendingAmount] = msgspec.field(default_factory=list)


class WalletList(ResponseModel):
    """Wallets of the caller; `next` is the cursor of the following page."""

    items: list[WalletOut]
    next: Annotated[str | None, Meta(examples=["WzE3XQ"])] = None


class MovementOut(ResponseModel):
    """One movement: the double entry, the balances after it, and for an earning its explanation."""

    id: Id
    wallet_id: Id
    kind: Annotated[MovementKindName, Meta(examples=["earn"])]
    from_place: Annotated[PlaceName, Meta(examples=["funding"])]
    to_place: Annotated[PlaceName, Meta(examples=["pending"])]
    amount: Amount
    currency: Annotated[Literal["PTS", "RUB"], Meta(examples=["RUB"])]
    at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
    available_after: Amount = 0
    pending_after: Amount = 0
    held_after: Amount = 0
    explanation: Explanation | None = None
    text: Annotated[str, Meta(description="The reason of the movement.", examples=["Spent on “Drill”."])] = ""


class MovementPage(ResponseModel):
    """Movements, newest first; `next` is the cursor of the following page."""

    items: list[MovementOut]
    next: Annotated[str | None, Meta(examples=["WzQyXQ"])] = None


def wallet_out(row: Any) -> WalletOut:
    """A wallet with its pending amounts."""
    return WalletOut(
        id=row.id,
        programme_id=row.programme_id,
        programme=row.programme,
        brand=row.brand,
        currency=row.currency,
        available=row.available,
        pending=row.pending,
        held=row.held,
        waiting=[PendingAmount(**wait) for wait in row.waiting],
    )


def movement_explanation(row: Any, versions: Mapping[int, RuleVersion]) -> Explanation | None:
    """The explanation of an earning or a correction; other movements have none."""
    if row.corrected is not None:
        return Explanation(text=correction_text(row.corrected))
    if row.version_id is None:
        return None
    accrued = AccrualAmounts(row.version_id, row.base, row.gross, row.accrued, row.matures_on, row.expires_on)
    return explain_accrual(versions[row.version_id], accrued, waits=row.to_place == Place.PENDING)


def movement_out(row: Any, versions: Mapping[int, RuleVersion]) -> MovementOut:
    """A movement with its explanation."""
    return MovementOut(
        id=row.id,
        wallet_id=row.wallet_id,
        kind=MovementKind(row.kind).name.lower(),  # type: ignore[arg-type]
        from_place=Place(row.from_place).name.lower(),  # type: ignore[arg-type]
        to_place=Place(row.to_place).name.lower(),  # type: ignore[arg-type]
        amount=row.amount,
        currency=row.currency,
        at=row.at,
        available_after=row.available_after,
        pending_after=row.pending_after,
        held_after=row.held_after,
        explanation=movement_explanation(row, versions),
        text=movement_text(row, versions),
    )
