"""Secrets of webhooks: made, kept enciphered, and what a request is signed with (Standard Webhooks 1.0)."""

import base64
import secrets
from datetime import datetime

import msgspec
from standardwebhooks import Webhook

from backend import sealing

PREFIX = "whsec_"
PURPOSE = b"scanback webhook secrets"
BYTES = 32
MOST_OLD = 4  # each signs, and each costs a header line some bytes


class Old(msgspec.Struct, frozen=True):
    """A secret that was replaced and signs for a while yet."""

    secret: bytes
    until: datetime


class Secrets(msgspec.Struct, frozen=True):
    """What an endpoint's messages are signed with."""

    current: bytes
    old: list[Old] = []

    def at(self, now: datetime) -> "Secrets":
        """Without those that are over."""
        return Secrets(self.current, [row for row in self.old if row.until > now])

    def replaced(self, until: datetime) -> "Secrets":
        """With a new one; the one before signs beside it for a while."""
        return Secrets(secrets.token_bytes(BYTES), [*self.old, Old(self.current, until)])

    def shown(self) -> str:
        """The current one as its owner writes it down."""
        return PREFIX + base64.b64encode(self.current).decode()


def new() -> Secrets:
    """A secret drawn by chance."""
    return Secrets(secrets.token_bytes(BYTES))


def seal(master: bytes, endpoint_id: int, kept: Secrets) -> bytes:
    """Encipher secrets for the database (AES-256-GCM): one endpoint's cannot be put in another's place."""
    return sealing.seal(master, PURPOSE, b"%d" % endpoint_id, msgspec.json.encode(kept))


def unseal(master: bytes, endpoint_id: int, sealed: bytes) -> Secrets:
    """Decipher what `seal` made.

    Raises:
        cryptography.exceptions.InvalidTag: it was made under another master key, or for another endpoint.
    """
    return msgspec.json.decode(sealing.unseal(master, PURPOSE, b"%d" % endpoint_id, sealed), type=Secrets)


def headers(kept: Secrets, message: str, body: str, now: datetime) -> dict[str, str]:
    """The three headers of a message. Every secret that stands signs, so that its receiver may change over in peace."""
    standing = [kept.current, *(row.secret for row in kept.at(now).old)]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message, now, body) for secret in standing),
    }
