"""What accounts say over the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
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
PIN = r"^[0-9]{4,6}(?!\n)$"
Pin = Annotated[str, Meta(pattern=PIN, examples=["4071"])]
Base64 = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9_-]+(?!\n)$", max_length=8192, description="base64url.", examples=["q83vASNFZ4mrze8"]),
]
DeviceName = Annotated[str, Meta(max_length=40, examples=["Work phone"])]


class AccountNew(Out):
    """A new account's three strings. We keep hashes only."""

    card_number: CardNumber
    token: Token
    recovery_code: RecoveryCode


class _AsBrowsersSay(msgspec.Struct):
    """A credential as `toJSON()` of browsers gives it; they add fields as they please."""

    def as_sent(self) -> dict[str, Any]:
        """The fields we know, under the browsers' names."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


class Registration(_AsBrowsersSay):
    """What an authenticator says of a key it has made (Web Authentication, `AuthenticatorAttestationResponse`)."""

    client_data: Base64 = msgspec.field(name="clientDataJSON")
    attestation: Base64 = msgspec.field(name="attestationObject")


class Signature(_AsBrowsersSay):
    """What an authenticator signs to show that it has the key (`AuthenticatorAssertionResponse`)."""

    client_data: Base64 = msgspec.field(name="clientDataJSON")
    authenticator_data: Base64 = msgspec.field(name="authenticatorData")
    signature: Base64
    user_handle: Base64 | None = msgspec.field(name="userHandle", default=None)


class PasskeyIn(_AsBrowsersSay, rename="camel"):
    """A new passkey, as `navigator.credentials.create` returns it in JSON."""

    id: Base64
    raw_id: Base64
    type: Literal["public-key"]
    response: Registration


class Assertion(_AsBrowsersSay, rename="camel"):
    """A passkey's proof, as `navigator.credentials.get` returns it in JSON."""

    id: Base64
    raw_id: Base64
    type: Literal["public-key"]
    response: Signature


class ChallengeOut(Out):
    """What to hand to `navigator.credentials` as `publicKey`, good for one answer within five minutes."""

    options: Annotated[dict[str, Any], Meta(examples=[{"challenge": "q83vASNF...", "rpId": "ex.ru"}])]
    expires_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:05:00Z"])]


class PasskeyOut(Out):
    """A passkey that opens this account."""

    id: Annotated[int, Meta(examples=[7])]
    created_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]


class PasskeyList(Out):
    """All passkeys that open this account."""

    items: list[PasskeyOut]


class SessionIn(In):
    """The way back: a recovery code in any spelling (case, dashes and look-alikes do not matter), or a passkey."""

    recovery_code: Annotated[str, Meta(max_length=64, examples=["7KQ2M-9XJ4T-0C8WN-P3RVEA"])] = ""
    passkey: Assertion | None = None
    device_name: DeviceName = ""


class SessionOut(AccountNew):
    """A new device's token, and a new recovery code in place of the old one."""

    spending_held_until: Annotated[datetime, Meta(tz=True, examples=["2026-11-23T10:00:00Z"])] | None = None


class DeviceOut(Out):
    """A phone that is signed in."""

    id: Annotated[int, Meta(examples=[42])]
    name: DeviceName
    created_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
    seen_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:00:00Z"])]
    current: bool = False


class DeviceList(Out):
    """All phones that are signed in."""

    items: list[DeviceOut]


class PinIn(In):
    """A new PIN, or null to remove it; the old one is asked for if there is one."""

    pin: Pin | None
    old_pin: Pin | None = None
