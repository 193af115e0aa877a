"""Balances and movements over the wire. Amounts in minor units of the currency (PTS: points, RUB: kopecks)."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from backend.programmes.explain import Accrued, Explanation, Version, explain
from backend.wire import Out
from payouts.models import Kind, Place

Amount = Annotated[int, Meta(description="Minor units.", examples=[15000])]
Id = Annotated[int, Meta(examples=[17])]
MovementKind = Literal["earn", "mature", "hold", "settle", "release", "expire", "clawback", "write_off"]
PlaceName = Literal["funding", "pending", "available", "held", "breakage", "payable", "loss"]


class Waiting(Out):
    """What becomes available on a day."""

    day: Annotated[date, Meta(examples=["2026-12-06"])]
    amount: Amount


class WalletOut(Out):
    """A wallet: one for each programme."""

    id: Id
    programme_id: Id
    programme: Annotated[str, Meta(examples=["Masters' club"])]
    brand: Annotated[str, Meta(examples=["Teplo"])]
    currency: Annotated[Literal["PTS", "RUB"], Meta(examples=["RUB"])]
    available: Amount = 0
    pending: Amount = 0
    held: Amount = 0
    waiting: list[Waiting] = msgspec.field(default_factory=list)


class WalletList(Out):
    """Wallets of the caller; `next` is the cursor of the following page."""

    items: list[WalletOut]
    next: Annotated[str | None, Meta(examples=["WzE3XQ"])] = None


class MovementOut(Out):
    """One movement: the double entry, the balances after it, and for an earning its explanation."""

    id: Id
    wallet_id: Id
    kind: Annotated[MovementKind, Meta(examples=["earn"])]
    from_place: Annotated[PlaceName, Meta(examples=["funding"])]
    to_place: Annotated[PlaceName, Meta(examples=["pending"])]
    amount: Amount
    currency: Annotated[Literal["PTS", "RUB"], Meta(examples=["RUB"])]
    at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
    available_after: Amount = 0
    pending_after: Amount = 0
    held_after: Amount = 0
    explanation: Explanation | None = None


class MovementPage(Out):
    """Movements, newest first; `next` is the cursor of the following page."""

    items: list[MovementOut]
    next: Annotated[str | None, Meta(examples=["WzQyXQ"])] = None


def wallet_out(row: Any) -> WalletOut:
    """A wallet with what it waits for."""
    return WalletOut(
        id=row.id,
        programme_id=row.programme_id,
        programme=row.programme,
        brand=row.brand,
        currency=row.currency,
        available=row.available,
        pending=row.pending,
        held=row.held,
        waiting=[Waiting(**wait) for wait in row.waiting],
    )


def explained(row: Any, versions: Mapping[int, Version]) -> Explanation | None:
    """Why an earning is what it is; of other movements there is nothing to say."""
    if row.version_id is None:
        return None
    accrued = Accrued(row.version_id, row.base, row.gross, row.accrued, row.matures_on, row.expires_on)
    return explain(versions[row.version_id], accrued, waits=row.to_place == Place.PENDING)


def movement_out(row: Any, versions: Mapping[int, Version]) -> MovementOut:
    """A movement with its explanation."""
    return MovementOut(
        id=row.id,
        wallet_id=row.wallet_id,
        kind=Kind(row.kind).name.lower(),  # type: ignore[arg-type]
        from_place=Place(row.from_place).name.lower(),  # type: ignore[arg-type]
        to_place=Place(row.to_place).name.lower(),  # type: ignore[arg-type]
        amount=row.amount,
        currency=row.currency,
        at=row.at,
        available_after=row.available_after,
        pending_after=row.pending_after,
        held_after=row.held_after,
        explanation=explained(row, versions),
    )
