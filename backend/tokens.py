"""Bearer tokens of agents, staff and tills: how they are made, spelled, hashed and read from a request."""

import base64
import hashlib
import secrets
import time
import zlib
from typing import Any, Generic, TypeVar

from litestar.connection import ASGIConnection

from backend.errors import Unauthenticated

Caller = TypeVar("Caller")
# A route whose own statements ask whether the caller is still let in; the door need not.
ASKS_ITSELF = {"asks_itself": True}
MOST_KNOWN = 50_000


class Known(Generic[Caller]):
    """Whose tokens are. That never changes, so a process may remember it for some time; whether a token still lets its
    owner in does, and all else about him, so the statements that follow ask it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._callers: dict[bytes, tuple[Caller, float]] = {}

    def get(self, digest: bytes) -> Caller | None:
        """Whose token it is, if it came by lately."""
        caller, until = self._callers.get(digest, (None, 0.0))
        return caller if until > time.monotonic() else None

    def add(self, digest: bytes, caller: Caller) -> None:
        """Remember; when there is no room, forget all, which costs each of them one trip."""
        if len(self._callers) >= MOST_KNOWN:
            self._callers.clear()
        self._callers[digest] = (caller, time.monotonic() + self._seconds)


def token(prefix: str) -> str:
    """A bearer token: the prefix, 256 random bits in base64url, four characters of checksum."""
    body = f"{prefix}_{secrets.token_urlsafe(32)}"
    return body + _checksum(body)


def is_token(text: str, prefix: str) -> bool:
    """Whether a text can be a token at all; a mistyped one costs the database nothing."""
    return len(text) == len(prefix) + 48 and text.startswith(prefix + "_") and _checksum(text[:-4]) == text[-4:]


def _checksum(body: str) -> str:
    return base64.urlsafe_b64encode(zlib.crc32(body.encode("utf-8", "replace")).to_bytes(4, "big"))[:4].decode()


def digest(text: str) -> bytes:
    """SHA-256 of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def bearer(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The token of an Authorization header (RFC 6750).

    Raises:
        Unauthenticated: there is none.
    """
    scheme, _, found = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not found:
        raise Unauthenticated
    return found.strip()
