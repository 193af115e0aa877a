"""Wire format of statements, seals and expiring lots. Amounts in minor units (PTS: points, RUB: kopecks)."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from backend.core.http.models import ResponseModel
from backend.spending.wallets.schemas import Amount, Id, MovementKindName, PlaceName
from payouts.statement import FORMAT, CheckpointOut, StatementProof

Currency = Annotated[Literal["PTS", "RUB"], Meta(examples=["RUB"])]
# Dictionaries, because enums are slow and there may be many rows.
KINDS: dict[int, MovementKindName] = {
    1: "earn",
    2: "mature",
    3: "hold",
    4: "settle",
    5: "release",
    6: "expire",
    7: "clawback",
    8: "write_off",
    9: "correct",
}
PLACES: dict[int, PlaceName] = {
    1: "funding",
    2: "pending",
    3: "available",
    4: "held",
    5: "breakage",
    6: "payable",
    7: "loss",
}


class WalletBalancesOut(ResponseModel):
    """Balances of a wallet."""

    pending: Amount = 0
    available: Amount = 0
    held: Amount = 0


class WalletStatementRow(ResponseModel):
    """A movement, the balances after it, and its text."""

    id: Id
    seq: Annotated[int, Meta(description="Counts the wallet's movements from 1.", examples=[1])]
    kind: Annotated[MovementKindName, Meta(examples=["earn"])]
    from_place: Annotated[PlaceName, Meta(examples=["funding"])]
    to_place: Annotated[PlaceName, Meta(examples=["pending"])]
    amount: Amount
    at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
    pending_after: Amount = 0
    available_after: Amount = 0
    held_after: Amount = 0
    text: Annotated[
        str, Meta(examples=["Autumn bonus: 6% of RUB2,500.00 is RUB150.00; available from December 6, 2026."])
    ] = ""


class MovementTotals(ResponseModel):
    """Totals by kind of movement."""

    earn: Amount = 0
    mature: Amount = 0
    hold: Amount = 0
    settle: Amount = 0
    release: Amount = 0
    expire: Amount = 0
    clawback: Amount = 0
    write_off: Amount = 0
    correct: Amount = 0


class WalletStatement(ResponseModel, rename={"from_day": "from", "to_day": "to"}):
    """A wallet's movements from one day to another, oldest first; the days are the programme's."""

    format: Annotated[Literal["scanback statement 1"], Meta(examples=[FORMAT])]
    wallet_id: Id
    programme_id: Id
    programme: Annotated[str, Meta(examples=["Masters' club"])]
    brand: Annotated[str, Meta(examples=["Teplo"])]
    currency: Currency
    timezone: Annotated[str, Meta(examples=["Europe/Moscow"])]
    from_day: Annotated[date, Meta(examples=["2026-11-01"])]
    to_day: Annotated[date, Meta(examples=["2026-11-22"])]
    opening: WalletBalancesOut
    closing: WalletBalancesOut
    totals: MovementTotals
    items: list[WalletStatementRow]
    movements_before: Annotated[int, Meta(description="How many the wallet had before.", examples=[0])] = 0
    proof: StatementProof | None = None


class CheckpointPage(ResponseModel):
    """Seals in order; `next` is the cursor of the following page."""

    items: list[CheckpointOut]
    next: Annotated[str | None, Meta(examples=["WzQyXQ"])] = None


class ExpiringAmount(ResponseModel):
    """The amount that expires on a day, and how to keep it."""

    expires_on: Annotated[date, Meta(examples=["2026-12-06"])]
    last_day: Annotated[date, Meta(description="The last day on which it can be spent.", examples=["2026-12-05"])]
    amount: Amount
    spend: Annotated[int, Meta(description="The amount to spend by the last day to keep it.", examples=[15000])]
    text: Annotated[
        str, Meta(examples=["Spend RUB150.00 by December 5, 2026, or RUB150.00 expires. Nothing else keeps it."])
    ]
    available_on: Annotated[date | None, Meta(description="It cannot be spent before.", examples=["2026-12-01"])] = None
    can_be_kept: Annotated[bool, Meta(examples=[True])] = True


class ExpiringAmountList(ResponseModel):
    """Lots that expire within thirty days, soonest first. Spending uses the soonest expiry first."""

    wallet_id: Id
    currency: Currency
    total: Amount
    items: list[ExpiringAmount]


class StatementPeriod(msgspec.Struct, frozen=True):
    """A period of a wallet, with the range of its movements."""

    wallet_id: int
    programme_id: int
    programme: str
    brand: str
    currency: Literal["PTS", "RUB"]
    timezone: str
    since: date
    until: date
    after: int
    upto: int
    opening: WalletBalancesOut
    closing: WalletBalancesOut

    @classmethod
    def of(cls, row: Any) -> "StatementPeriod":
        opening = WalletBalancesOut(row.pending_before, row.available_before, row.held_before)
        closing = WalletBalancesOut(row.pending_after, row.available_after, row.held_after)
        return cls(
            row.id,
            row.programme_id,
            row.programme,
            row.brand,
            row.currency,
            row.timezone,
            row.since,
            row.until,
            row.after,
            row.upto,
            opening,
            closing,
        )
