"""Bearer tokens of agents, staff and tills: how they are made, spelled, hashed and read from a request."""

import base64
import hashlib
import secrets
import zlib
from typing import Any

from litestar.connection import ASGIConnection

from backend.errors import Unauthenticated


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
