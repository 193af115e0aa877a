"""The words of promo codes: those that agents wish for, and those that are drawn for them."""

import secrets
import unicodedata
from pathlib import Path

from backend.errors import Invalid
from backend.programmes.rules import Promo
from backend.promocodes import spelling
from backend.promocodes.forbidden import is_forbidden
from scanning import package, payload, symbols

DRAWN_LENGTH = 8  # symbols, the last of them the check


class WishLength(Invalid):
    """A code of this offer has {shortest} to {longest} letters and digits."""


class WishForbidden(Invalid):
    """This word cannot be a code. Think of another one."""


def read(wish: str, promo: Promo, extra: Path | None) -> tuple[str, str | None]:
    """The spelling under which a wished code is known, and how it is shown where that is another.

    Raises:
        WishLength: it is too short or too long for the offer. WishForbidden: it holds a forbidden word, or would be
        taken for a package code, a barcode or the like.
    """
    shown = unicodedata.normalize("NFC", wish).upper()
    found = spelling.read(shown)
    if found is None or is_forbidden(found.code, extra) or _looks_like_another(found.code):
        raise WishForbidden
    if not promo.shortest <= len(found.code) <= promo.longest:
        raise WishLength(shortest=promo.shortest, longest=promo.longest)
    return found.code, None if shown == found.code else shown


def draw(extra: Path | None) -> str:
    """A random code with a check symbol: one in 32**7, from the system's source of secrets."""
    while True:
        body = "".join(secrets.choice(symbols.ALPHABET) for _ in range(DRAWN_LENGTH - 1))
        code = body + symbols.check_symbol(body)
        if not is_forbidden(code, extra) and not _looks_like_another(code):
            return code


def _looks_like_another(code: str) -> bool:
    """Tills and phones read barcodes, marking and package codes, too."""
    if len(code) == package.LENGTH and symbols.has_valid_check(code):
        return True
    return payload.classify(code).kind not in ("unknown", "package")
