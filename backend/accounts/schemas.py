"""What accounts say over the wire."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from backend.wire import In, Out

CardNumber = Annotated[str, Meta(description="16 digits with Luhn's. Public.", examples=["4000123456789017"])]
Token = Annotated[
    str, Meta(description="Bearer token of this device. Keep it.", examples=["ls_...43 characters...Ab3d"])
]
RecoveryCode = Annotated[
    str,
    Meta(
        description="Shown once. Whoever has it has the wallet: write it down.",
        examples=["7KQ2M-9XJ4T-0C8WN-P3RVEA"],
    ),
]
Pin = Annotated[str, Meta(pattern="^[0-9]{4,6}$", examples=["4071"])]
DeviceName = Annotated[str, Meta(max_length=40, examples=["Work phone"])]


class AccountNew(Out):
    """A new account's three strings. We keep hashes only."""

    card_number: CardNumber
    token: Token
    recovery_code: RecoveryCode


class SessionIn(In):
    """The way back with a recovery code, in any spelling: case, dashes and look-alikes do not matter."""

    recovery_code: Annotated[str, Meta(max_length=64, examples=["7KQ2M-9XJ4T-0C8WN-P3RVEA"])]
    device_name: DeviceName = ""


class SessionOut(AccountNew):
    """A new device's token, and a new recovery code in place of the old one."""

    spending_held_until: Annotated[datetime | None, Meta(examples=["2026-11-23T10:00:00Z"])] = None


class DeviceOut(Out):
    """A phone that is signed in."""

    id: Annotated[int, Meta(examples=[42])]
    name: DeviceName
    created_at: Annotated[datetime, Meta(examples=["2026-11-22T10:00:00Z"])]
    seen_at: Annotated[datetime, Meta(examples=["2026-11-22T10:00:00Z"])]
    current: bool = False


class DeviceList(Out):
    """All phones that are signed in."""

    items: list[DeviceOut]


class PinIn(In):
    """A new PIN, or null to remove it; the old one is asked for if there is one."""

    pin: Pin | None
    old_pin: Pin | None = None
