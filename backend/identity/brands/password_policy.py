"""The password policy of staff: no common password, no pattern, not the e-mail."""

import asyncio
import re
import unicodedata

from zxcvbn import zxcvbn

from backend.core.http.errors import Invalid

# Guesses that the common lists and patterns of zxcvbn need, as a power of ten. Sentences need 13, `January2026!!` 8.5.
MIN_GUESSES_LOG10 = 9.0
# The time of an estimate grows much faster than the length: 2.5 s were measured at 48, 0.1 s at 24. Only the first
# symbols are estimated.
MOST_SYMBOLS = 24
RUSSIAN = "йцукенгшщзхъфывапролджэячсмитьбюё"
# The same keys in Latin: the lists know `пароль` as `gfhjkm`, and the keyboard's rows.
LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"
TO_LATIN = str.maketrans(RUSSIAN, LATIN)


class PasswordInvalid(Invalid):
    """This password is easy to guess. Use several unrelated words."""

    code = "password_invalid"


async def check_strength(password: str, *about: str) -> None:
    """Check that a password is hard to guess, even with the member's e-mail and brand known. It is
    estimated in a thread, within a tenth of a second.

    Raises:
        PasswordInvalid: it is not.
    """
    if await asyncio.to_thread(_guesses_log10, password, about) < MIN_GUESSES_LOG10:
        raise PasswordInvalid


def _guesses_log10(password: str, about: tuple[str, ...]) -> float:
    folded = _fold_text(password)
    plain = "".join(symbol for symbol in folded if symbol.isalnum())
    guessable = ["scanback", *(part for text in about for part in _split_parts(_fold_text(text)))]
    spellings = {text[:MOST_SYMBOLS] for text in (folded, plain, folded.translate(TO_LATIN), plain.translate(TO_LATIN))}
    return min((float(zxcvbn(text, user_inputs=guessable)["guesses_log10"]) for text in spellings if text), default=0.0)


def _fold_text(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _split_parts(text: str) -> list[str]:
    return [text, *(part for part in re.split(r"[^\w]+", text) if len(part) > 2)]
