"""Keyed hashes for lookups, under a pepper that can be rotated.

The first hash is HMAC-SHA-256 of the text under the first pepper, each later one that of the previous hash under the
next pepper. So all rows of a table can be rehashed under a new pepper without the texts, in one transaction that also
records which pepper is in use: a lookup sends all hashes, and the database uses the one of that pepper.
"""

import hashlib
import hmac
from typing import NamedTuple

from sqlalchemy import SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.keyring import FIRST, Keyring
from payouts.models import Base

# Blocks a rotation until the end of the transaction.
HOLD = text("SELECT number FROM digest_keys WHERE name = :name FOR SHARE")


class Kind(NamedTuple):
    """What is hashed: its name in `digest_keys`, the label before the text, and how many bytes of a hash count."""

    name: str
    label: bytes
    size: int


LISTED_CODES = Kind("listed_codes", b"code:", 16)
INN = Kind("inn", b"inn:", 32)
STAFF_RECOVERY = Kind("staff_recovery", b"staff recovery:", 32)


class DigestKey(Base):
    """Which pepper's hashes a kind's tables hold now."""

    __tablename__ = "digest_keys"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, server_default="1")


def chain(peppers: Keyring, kind: Kind, text: bytes) -> list[bytes]:
    """The hashes of a text under the first pepper, the first two, and so on to the newest.

    Raises:
        KeyError: a pepper is missing.
    """
    found = [_hash_message(peppers.key(FIRST), kind, text)]
    for number in range(FIRST + 1, peppers.newest + 1):
        found.append(_hash_message(peppers.key(number), kind, found[-1]))
    return found


def of(peppers: Keyring, kind: Kind, text: bytes, number: int) -> bytes:
    """The hash of a text under one pepper, the one in use.

    Raises:
        KeyError: a pepper is missing.
    """
    return carried(peppers, kind, _hash_message(peppers.key(FIRST), kind, text), FIRST, number)


def carried(peppers: Keyring, kind: Kind, digest: bytes, before: int, after: int) -> bytes:
    """A stored hash under pepper `before`, brought to pepper `after`."""
    for number in range(before + 1, after + 1):
        digest = _hash_message(peppers.key(number), kind, digest)
    return digest


def _hash_message(pepper: bytes, kind: Kind, message: bytes) -> bytes:
    return hmac.digest(pepper, kind.label + message, hashlib.sha256)[: kind.size]
