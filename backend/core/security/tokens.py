"""Bearer tokens of agents, staff and tills: creation, format, hash, and the Authorization header."""

import base64
import hashlib
import secrets
import time
import zlib
from typing import Generic, TypeVar

from backend.core.http.errors import Unauthenticated
from backend.core.http.requests import HTTPConnection

Caller = TypeVar("Caller")
# Of routes whose own statements check whether the caller is still active, so that the guard need not.
CHECKS_CALLER_ITSELF = {"checks_caller_itself": True}
MAX_CACHED = 50_000


class TokenCache(Generic[Caller]):
    """The callers of tokens. The caller of a token never changes, so a process may cache it for some time. Whether the
    token is still active may change, so the statements that follow check that."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._callers: dict[bytes, tuple[Caller, float]] = {}

    def get(self, digest: bytes) -> Caller | None:
        """The caller of a token, if it is cached."""
        caller, until = self._callers.get(digest, (None, 0.0))
        return caller if until > time.monotonic() else None

    def add(self, digest: bytes, caller: Caller) -> None:
        """Cache a caller. A full cache is cleared, which costs one round trip a token."""
        if len(self._callers) >= MAX_CACHED:
            self._callers.clear()
        self._callers[digest] = (caller, time.monotonic() + self._seconds)


def token(prefix: str) -> str:
    """A bearer token: the prefix, 256 random bits in base64url, four characters of checksum."""
    body = f"{prefix}_{secrets.token_urlsafe(32)}"
    return body + _token_checksum(body)


def is_token(text: str, prefix: str) -> bool:
    """Whether a text has the form and checksum of a token, so that a mistyped one costs no query."""
    return len(text) == len(prefix) + 48 and text.startswith(prefix + "_") and _token_checksum(text[:-4]) == text[-4:]


def _token_checksum(body: str) -> str:
    return base64.urlsafe_b64encode(zlib.crc32(body.encode("utf-8", "replace")).to_bytes(4, "big"))[:4].decode()


def digest(text: str) -> bytes:
    """SHA-256 of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def bearer(connection: HTTPConnection) -> str:
    """The token of an Authorization header (RFC 6750).

    Raises:
        Unauthenticated: there is none.
    """
    scheme, _, credentials = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credentials:
        raise Unauthenticated
    return credentials.strip()
