"""Card numbers, tokens and recovery codes: how they are made, spelled and hashed. Pure but for the dice."""

import base64
import hashlib
import hmac
import secrets
import zlib

from stdnum import luhn

from scanning import symbols

RECOVERY_SYMBOLS = 20  # 100 bits, and one symbol more that catches typing errors


def card_number() -> str:
    """16 digits: 15 at random and Luhn's (ISO/IEC 7812-1, annex B). Public; it opens nothing."""
    body = str(secrets.randbelow(9 * 10**14) + 10**14)
    return body + str(luhn.calc_check_digit(body))


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


def recovery_code() -> str:
    """A recovery code as a person writes it down: XXXXX-XXXXX-XXXXX-XXXXXC."""
    body = "".join(secrets.choice(symbols.ALPHABET) for _ in range(RECOVERY_SYMBOLS))
    code = body + symbols.check_symbol(body)
    return "-".join((code[:5], code[5:10], code[10:15], code[15:]))


def recovery_digest(text: str, pepper: bytes) -> bytes | None:
    """The keyed hash of a recovery code in any spelling; None where the check symbol shows a typing error."""
    code = symbols.fold(text)
    if len(code) != RECOVERY_SYMBOLS + 1 or not symbols.has_valid_check(code):
        return None
    return hmac.digest(pepper, b"recovery:" + code.encode("ascii"), "sha256")
