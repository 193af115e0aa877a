"""What we hold about a caller, as one document."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from backend.accounts.schemas import CardNumber, DeviceName
from backend.checkout.feed_schemas import RedemptionOut
from backend.offers.identity_schemas import IdentityOut
from backend.offers.schemas import OrderOut
from backend.offers.units import UnitOut
from backend.promocodes.schemas import PromoCodeCounted
from backend.receipts.schemas import ReceiptOut
from backend.scans.schemas import Kind, Status
from backend.wallets.schemas import MovementOut, WalletOut
from backend.wire import Out

When = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
Number = Annotated[int, Meta(examples=[42])]


class AccountKept(Out):
    """The account itself."""

    card_number: CardNumber
    created_at: When
    has_pin: bool = False
    spending_held_until: When | None = None


class DeviceKept(Out):
    """A phone that is or was signed in."""

    id: Number
    name: DeviceName
    created_at: When
    seen_at: When
    expires_at: When
    ended_at: When | None = None


class PasskeyKept(Out):
    """A passkey that opens or opened the account; we keep its public half."""

    id: Number
    created_at: When
    ended_at: When | None = None


class ScanKept(Out):
    """A scan as we answered it. Texts and pictures are not kept."""

    id: UUID
    n: Annotated[int, Meta(description="Which code of one picture.", examples=[0])]
    kind: Kind
    status: Status
    at: When
    reason: Annotated[str | None, Meta(examples=["already_claimed"])] = None


class ReceiptKept(Out):
    """A receipt as it was sent, and what became of it; its photo is at `/v1/receipts/{id}/photo`."""

    receipt: ReceiptOut
    text: Annotated[
        str,
        Meta(
            description="What its QR code says.",
            examples=["t=20261122T1528&s=232.20&fn=7380440902582955&i=5321&fp=1291708960&n=1"],
        ),
    ]
    answer: Annotated[str | None, Meta(description="What the caller answered.", examples=["For a house."])] = None
    answered_at: When | None = None


class Export(Out):
    """Everything we hold about the caller."""

    account: AccountKept
    devices: list[DeviceKept]
    passkeys: list[PasskeyKept]
    wallets: list[WalletOut]
    movements: list[MovementOut]
    scans: list[ScanKept]
    receipts: list[ReceiptKept]
    promo_codes: list[PromoCodeCounted]
    redemptions: list[RedemptionOut]
    orders: list[OrderOut]
    units: list[UnitOut]
    identity: IdentityOut
