"""How a promo code is written: the word, the run behind a dot, and the links that carry them."""

import re
import unicodedata
from typing import NamedTuple
from urllib.parse import quote

from scanning import payload, symbols

SHORTEST, LONGEST = 3, 24  # symbols of a folded code, those of the brand's own lists among them
LAST_RUN = 99

# Folded letters and digits: Latin, and Cyrillic that looks like no Latin letter, our neighbours' among it.
LETTERS = r"0-9A-Z\u0400-\u042F\u0460-\u052F"
_CODE = re.compile(rf"[{LETTERS}]{{{SHORTEST},{LONGEST}}}")
_RUN = re.compile(r"[1-9][0-9]?", re.ASCII)


class Spelled(NamedTuple):
    """A code by its folded spelling, and the run by which it was shared: 0 for the bare code."""

    code: str
    run: int


def read(text: str) -> Spelled | None:
    """Read a typed code (`IVAN7`, `ivan-7.2`) or one of our links (`https://ex.ru/p/IVAN7.2`).

    None if the text cannot be one, whatever the table says.
    """
    if len(text) > payload.LONGEST:
        return None
    if "/" in text:
        found = payload.classify(text)
        return _typed(found.value) if found.kind == "promo" else None
    return _typed(text)


def fold(word: str) -> str:
    """The spelling under which a code is known: letters made of two characters composed, look-alikes folded."""
    return symbols.fold(unicodedata.normalize("NFC", word))


def write(code: str, run: int = 0) -> str:
    """A code with its run, as it stands in links and QR codes."""
    return f"{code}.{run}" if run else code


def link(base_url: str, code: str, run: int = 0) -> str:
    """The short link of a code's run."""
    return f"{base_url.rstrip('/')}/p/{quote(write(code, run))}"


def _typed(text: str) -> Spelled | None:
    word, dot, run = text.strip().partition(".")
    if dot and not _RUN.fullmatch(run):
        return None
    code = fold(word)
    return Spelled(code, int(run or 0)) if _CODE.fullmatch(code) else None
