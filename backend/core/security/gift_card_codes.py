"""Codes of own certificates: drawn, read as typed or scanned, known again by a keyed hash, and sealed."""

import hmac
import secrets

from backend.core.security import encryption
from backend.core.settings import Settings
from scanning import payload
from scanning.codes import symbols

SYMBOLS, GROUP = 19, 4  # 95 random bits; the check symbol makes it five groups of four
PURPOSE = b"scanback certificate codes"


def fresh() -> str:
    """A random code as people see it: `7K2M-QX9A-...`; its last symbol is a check (see scanning.codes.symbols)."""
    body = "".join(symbols.ALPHABET[byte % len(symbols.ALPHABET)] for byte in secrets.token_bytes(SYMBOLS))
    code = body + symbols.check_symbol(body)
    return "-".join(code[place : place + GROUP] for place in range(0, len(code), GROUP))


def link(base_url: str, code: str) -> str:
    """The address that a certificate's QR code holds; scanning.payload knows it for a certificate."""
    return f"{base_url.rstrip('/')}/G/{code}"


def fold(text: str) -> str:
    """A code the one way, from what was typed, or from one of our links. What is no code stays what it is."""
    return symbols.fold(_strip_link(text))


def _strip_link(text: str) -> str:
    if payload.is_link(text):
        found = payload.classify(text)
        text = found.value if found.kind == "certificate" else text
    return text[: payload.LONGEST]


def is_code(text: str) -> bool:
    """Whether a text can be a certificate's code at all: of its length, and without a slip of the finger."""
    code = fold(text)
    return len(code) == SYMBOLS + 1 and symbols.has_valid_check(code)


def digest(settings: Settings, text: str) -> bytes:
    """What a certificate is found by, however its code is spelled (HMAC-SHA-256 under the pepper)."""
    folded = fold(text).encode("utf-8", "surrogatepass")
    return hmac.digest(settings.pepper, b"certificate:" + folded, "sha256")


def older_digest(settings: Settings, text: str) -> bytes:
    """What a code in a stock was found by before `symbols.fold` knew quotes and marks around it."""
    folded = symbols.fold_v1(_strip_link(text)).encode("utf-8", "surrogatepass")
    return hmac.digest(settings.pepper, b"certificate:" + folded, "sha256")


def written(text: str) -> str:
    """A code as people see it, from any spelling of it: in groups of four."""
    code = fold(text)
    return "-".join(code[place : place + GROUP] for place in range(0, len(code), GROUP))


def seal(settings: Settings, owner: str, secret: str) -> bytes:
    """Encipher what only its owner may read; `owner` is `f"{account_id}:{key}"` of the order, an id and a UUID."""
    return encryption.encrypt(settings.master_keys, PURPOSE, owner.encode(), secret.encode())


def unseal(settings: Settings, owner: str, sealed: bytes) -> str:
    """Decipher what `seal` made.

    Raises:
        cryptography.exceptions.InvalidTag: it was made under another master key, or for another owner.
    """
    return encryption.decrypt(settings.master_keys, PURPOSE, owner.encode(), sealed).decode()


def stock_owner(offer_id: int) -> str:
    """Whose a code of the stock is until it is sold, and afterwards."""
    return f"stock:{offer_id}"
