"""Passkeys over the wire: challenges, and credentials as browsers give them in JSON (Web Authentication level 3)."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from backend.core.http.models import ResponseModel

Base64 = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9_-]+(?!\n)$", max_length=8192, description="base64url.", examples=["q83vASNFZ4mrze8"]),
]


class _AsBrowsersSay(msgspec.Struct):
    """A credential as `toJSON()` of browsers gives it; they add fields as they please."""

    def as_sent(self) -> dict[str, Any]:
        """The fields we know, under the browsers' names."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


class AttestationResponse(_AsBrowsersSay):
    """An authenticator's response about a new key (Web Authentication, `AuthenticatorAttestationResponse`)."""

    client_data: Base64 = msgspec.field(name="clientDataJSON")
    attestation: Base64 = msgspec.field(name="attestationObject")


class AssertionResponse(_AsBrowsersSay):
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
    response: AttestationResponse


class PasskeyAssertion(_AsBrowsersSay, rename="camel"):
    """A passkey's proof, as `navigator.credentials.get` returns it in JSON."""

    id: Base64
    raw_id: Base64
    type: Literal["public-key"]
    response: AssertionResponse


class PasskeyChallengeOut(ResponseModel):
    """What to hand to `navigator.credentials` as `publicKey`, good for one answer within five minutes."""

    options: Annotated[dict[str, Any], Meta(examples=[{"challenge": "q83vASNF...", "rpId": "ex.ru"}])]
    expires_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-22T10:05:00Z"])]
