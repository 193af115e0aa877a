"""Spelling of promo codes: the word, the run after a dot, and links with both."""

import re
from typing import NamedTuple
from urllib.parse import quote

from scanning import normalization, payload
from scanning.codes import symbols

SHORTEST, LONGEST = 3, 24  # symbols of a folded code, issued codes included
LAST_RUN = 99

# Folded letters and digits: Latin, and Cyrillic letters without a Latin look-alike, also of neighbouring languages.
LETTERS = r"0-9A-Z\u0400-\u042F\u0460-\u052F"
_CODE = re.compile(rf"[{LETTERS}]{{{SHORTEST},{LONGEST}}}")
_RUN = re.compile(r"[1-9][0-9]?", re.ASCII)


class SpelledCode(NamedTuple):
    """The folded spelling of a code, and the run by which it was shared: 0 for none."""

    code: str
    run: int


def parse_code(text: str) -> SpelledCode | None:
    """Parse a typed code (`IVAN7`, `ivan-7.2`) or one of our links (`https://ex.ru/p/IVAN7.2`).

    Returns None if the text cannot be a code; the database is not read.
    """
    if len(text) > payload.LONGEST:
        return None
    if payload.is_link(text):
        classified = payload.classify(text)
        return _parse_typed(classified.value) if classified.kind == "promo" else None
    return _parse_typed(text)


def code_with_run(code: str, run: int = 0) -> str:
    """A code with its run, as in links and QR codes."""
    return f"{code}.{run}" if run else code


def short_link(base_url: str, code: str, run: int = 0) -> str:
    """The short link of a code's run."""
    return f"{base_url.rstrip('/')}/p/{quote(code_with_run(code, run))}"


def _parse_typed(text: str) -> SpelledCode | None:
    word, dot, run = normalization.strip_punctuation(text).partition(".")
    if dot and not _RUN.fullmatch(run):
        return None
    code = symbols.fold(word)
    return SpelledCode(code, int(run or 0)) if _CODE.fullmatch(code) else None
