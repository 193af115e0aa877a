"""The document of everything stored about a caller."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from backend.checkout.redemptions.schemas import RedemptionOut
from backend.core.http.models import ResponseModel
from backend.earning.promocodes.schemas import PromoCodeStats
from backend.earning.receipts.schemas import ReceiptOut
from backend.earning.scans.schemas import Kind, Status
from backend.earning.units import UnitOut
from backend.identity.accounts.schemas import CardNumber, DeviceName
from backend.spending.limits.schemas import IdentityOut
from backend.spending.schemas import OrderOut
from backend.spending.wallets.schemas import MovementOut, WalletOut

When = Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
Number = Annotated[int, Meta(examples=[42])]


class AccountExport(ResponseModel):
    """The account itself."""

    card_number: CardNumber
    created_at: When
    has_pin: bool = False
    spending_held_until: When | None = None


class DeviceExport(ResponseModel):
    """A phone that is or was signed in."""

    id: Number
    name: DeviceName
    created_at: When
    seen_at: When
    expires_at: When
    ended_at: When | None = None


class PasskeyExport(ResponseModel):
    """A passkey that opens or opened the account; we keep its public half."""

    id: Number
    created_at: When
    ended_at: When | None = None


class ScanExport(ResponseModel):
    """A scan with its result. Texts and pictures are not stored."""

    id: UUID
    n: Annotated[int, Meta(description="Which code of one picture.", examples=[0])]
    kind: Kind
    status: Status
    at: When
    reason: Annotated[str | None, Meta(examples=["already_claimed"])] = None


class ReceiptExport(ResponseModel):
    """A receipt as it was sent, and its result; its photo is at `/v1/receipts/{id}/photo`."""

    receipt: ReceiptOut
    text: Annotated[
        str,
        Meta(
            description="The text of its QR code.",
            examples=["t=20261122T1528&s=232.20&fn=7380440902582955&i=5321&fp=1291708960&n=1"],
        ),
    ]
    answer: Annotated[str | None, Meta(description="What the caller answered.", examples=["For a house."])] = None
    answered_at: When | None = None


class PersonalDataExport(ResponseModel):
    """Everything we hold about the caller."""

    account: AccountExport
    devices: list[DeviceExport]
    passkeys: list[PasskeyExport]
    wallets: list[WalletOut]
    movements: list[MovementOut]
    scans: list[ScanExport]
    receipts: list[ReceiptExport]
    promo_codes: list[PromoCodeStats]
    redemptions: list[RedemptionOut]
    orders: list[OrderOut]
    units: list[UnitOut]
    identity: IdentityOut
