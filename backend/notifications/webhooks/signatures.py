"""Signing secrets of webhooks, their encryption, and signatures of requests (Standard Webhooks 1.0)."""

import base64
import secrets
from datetime import datetime

import msgspec
from standardwebhooks import Webhook

from backend.core.keyring import Keyring
from backend.core.security import encryption

PREFIX = "whsec_"
PURPOSE = b"scanback webhook secrets"
BYTES = 32
MAX_OLD_SECRETS = 4  # each adds a signature to the header


class OldSecret(msgspec.Struct, frozen=True):
    """A replaced secret that still signs until a time."""

    secret: bytes
    until: datetime


class SigningSecrets(msgspec.Struct, frozen=True):
    """The secrets that sign an endpoint's messages."""

    current: bytes
    old: list[OldSecret] = []

    def valid_at(self, now: datetime) -> "SigningSecrets":
        """Without secrets that have ended."""
        return SigningSecrets(self.current, [row for row in self.old if row.until > now])

    def with_new_secret(self, until: datetime) -> "SigningSecrets":
        """With a new secret; the current one signs as well until a time."""
        return SigningSecrets(secrets.token_bytes(BYTES), [*self.old, OldSecret(self.current, until)])

    def display_text(self) -> str:
        """The current secret as its owner sees it."""
        return PREFIX + base64.b64encode(self.current).decode()


def new_secrets() -> SigningSecrets:
    """A new random secret."""
    return SigningSecrets(secrets.token_bytes(BYTES))


def seal_secrets(keys: Keyring, endpoint_id: int, signing_secrets: SigningSecrets) -> bytes:
    """Encrypt secrets for the database (AES-256-GCM), bound to the endpoint's id."""
    return encryption.encrypt(keys, PURPOSE, b"%d" % endpoint_id, msgspec.json.encode(signing_secrets))


def unseal_secrets(keys: Keyring, endpoint_id: int, sealed: bytes) -> SigningSecrets:
    """Decrypt the result of `seal_secrets`.

    Raises:
        cryptography.exceptions.InvalidTag: it was encrypted under another master key, or for another endpoint.
    """
    return msgspec.json.decode(encryption.decrypt(keys, PURPOSE, b"%d" % endpoint_id, sealed), type=SigningSecrets)


def signature_headers(signing_secrets: SigningSecrets, message: str, body: str, now: datetime) -> dict[str, str]:
    """The three headers of a message. All valid secrets sign, so that the receiver can switch at any time."""
    valid = [signing_secrets.current, *(row.secret for row in signing_secrets.valid_at(now).old)]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message, now, body) for secret in valid),
    }
