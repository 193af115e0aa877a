"""Words of promo codes: requested by agents, or drawn at random."""

import secrets
from pathlib import Path

from backend.core.http.errors import Invalid
from backend.earning.promocodes.words import code_parser
from backend.earning.promocodes.words.forbidden import is_forbidden
from backend.programmes.rules.rule import Promo
from scanning import normalization, payload
from scanning.codes import package, symbols

DRAWN_LENGTH = 8  # symbols, including the check symbol at the end


class RequestedWordLength(Invalid):
    """A code of this offer has {shortest} to {longest} letters and digits."""

    code = "wish_length"


class RequestedWordForbidden(Invalid):
    """This word cannot be a code. Think of another one."""

    code = "wish_forbidden"


def parse_requested_word(word: str, promo: Promo, extra: Path | None) -> tuple[str, str | None]:
    """The folded code of a requested word, and its spelling on cards if that differs from the code.

    Raises:
        RequestedWordLength: it is too short or too long for the offer.
        RequestedWordForbidden: it holds a forbidden word, or reads as a package code, a barcode or the like.
    """
    shown = normalization.remove_accents(normalization.strip_punctuation(word)).upper()
    spelled = code_parser.parse_code(shown)
    if (
        spelled is None
        or len(shown) > code_parser.LONGEST
        or is_forbidden(spelled.code, extra)
        or _reads_as_another_code(spelled.code)
    ):
        raise RequestedWordForbidden
    if not promo.shortest <= len(spelled.code) <= promo.longest:
        raise RequestedWordLength(shortest=promo.shortest, longest=promo.longest)
    return spelled.code, None if shown == spelled.code else shown


def draw_random_code(extra: Path | None) -> str:
    """A random code with a check symbol, one of 32**7, from the system's source of secrets."""
    while True:
        body = "".join(secrets.choice(symbols.ALPHABET) for _ in range(DRAWN_LENGTH - 1))
        code = body + symbols.check_symbol(body)
        if not is_forbidden(code, extra) and not _reads_as_another_code(code):
            return code


def _reads_as_another_code(code: str) -> bool:
    """Whether tills or phones would read the code as a barcode, marking code or package code."""
    if len(code) == package.LENGTH and symbols.has_valid_check(code):
        return True
    return payload.classify(code).kind not in ("unknown", "package")
