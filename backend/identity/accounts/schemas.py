"""Requests and responses about accounts."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from backend.core.http.models import RequestModel, ResponseModel
from backend.core.security.credentials import PasskeyAssertion

CardNumber = Annotated[str, Meta(description="16 digits with Luhn's. Public.", examples=["4000123456789017"])]
Token = Annotated[
    str, Meta(description="Bearer token of this device. Keep it.", examples=["ls_...43 characters...Ab3d"])
]
RecoveryCode = Annotated[
    str,
    Meta(
        description="Shown once. It gives access to the wallet: write it down.",
        examples=["7KQ2M-9XJ4T-0C8WN-P3RVEA"],
    ),
]
PIN = r"^[0-9]{4,6}(?!\n)$"
Pin = Annotated[str, Meta(pattern=PIN, examples=["4071"])]
DeviceName = Annotated[str, Meta(max_length=40, examples=["Work phone"])]


class AccountCreated(ResponseModel):
    """A new account's three strings. We keep hashes only."""

    card_number: CardNumber
    token: Token
    recovery_code: RecoveryCode


class PasskeyOut(ResponseModel):
    """A passkey that opens this account."""

    id: Annotated[int, Meta(examples=[7])]
    created_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]


class PasskeyList(ResponseModel):
    """All passkeys that open this account."""

    items: list[PasskeyOut]


class SessionIn(RequestModel):
    """A recovery code in any spelling (case, dashes, look-alikes, quotes do not matter), or a passkey."""

    recovery_code: Annotated[str, Meta(max_length=200, examples=["7KQ2M-9XJ4T-0C8WN-P3RVEA"])] = ""
    passkey: PasskeyAssertion | None = None
    device_name: DeviceName = ""
    device_token: Annotated[
        str,
        Meta(
            max_length=64,
            description="The token that this device had before, even if it has expired: an old passkey then signs in "
            "at once, without a hold and without ending other devices.",
            examples=[""],
        ),
    ] = ""


class SessionOut(AccountCreated):
    """A new device's token, and a new recovery code for when the hold is over; the old one opens until then. On a known
    device there is no hold and no new code."""

    recovery_code: RecoveryCode = ""
    spending_held_until: Annotated[datetime, Meta(tz=True, examples=["2026-11-23T10:00:00Z"])] | None = None


class DeviceOut(ResponseModel):
    """A phone that is signed in."""

    id: Annotated[int, Meta(examples=[42])]
    name: DeviceName
    created_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
    seen_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
    current: bool = False
    held_until: (
        Annotated[
            datetime,
            Meta(
                tz=True,
                description="It came back, and can be objected to until then.",
                examples=["2026-11-23T10:00:00Z"],
            ),
        ]
        | None
    ) = None
    ends_at: (
        Annotated[
            datetime,
            Meta(tz=True, description="A recovery ends it then, unless you object.", examples=["2026-11-23T10:00:00Z"]),
        ]
        | None
    ) = None


class DeviceList(ResponseModel):
    """All phones that are signed in."""

    items: list[DeviceOut]


class PinIn(RequestModel):
    """A new PIN, or null to remove it; the old one is asked for if there is one."""

    pin: Pin | None
    old_pin: Pin | None = None
    recovery_code: (
        Annotated[
            str,
            Meta(
                max_length=64,
                description="With a first PIN: it then counts as proof when passkeys and devices are added or removed. "
                "In place of a forgotten PIN: on a device that came back, after its hold.",
                examples=["7KQ2M-9XJ4T-0C8WN-P3RVEA"],
            ),
        ]
        | None
    ) = None


class RecoveryCodeOut(ResponseModel):
    """A new recovery code. The old one opens until this device next calls."""

    recovery_code: RecoveryCode


class AccountRecoveryOut(ResponseModel):
    """A recovery that can still be undone."""

    device_name: DeviceName
    started_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
    held_until: Annotated[datetime, Meta(tz=True, examples=["2026-11-23T10:00:00Z"])]
