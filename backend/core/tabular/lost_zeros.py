"""Numeric codes that have lost their leading zeros, recognized by the other rows of a table."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from backend.core.tabular import damage
from backend.core.tabular.cells import Cell
from backend.core.tabular.damage import EXACT_DIGITS

# So many codes of one length among so many of digits are a form, of which shorter ones are no part.
FORM_ROWS, FORM_SHARE = 10, 0.8
WITNESSES = 2  # with leading zeros, where numbers and texts are the same
LONGEST = 14  # digits of a code that is padded
TRUTHS = (("TRUE", "ИСТИНА"), ("FALSE", "ЛОЖЬ"))
_DECIMAL = re.compile(r"(\d+)[.,](\d+)")
_GROUPED = re.compile(r"([0-9]{1,3}(?:(?P<sign>[ ,.'])[0-9]{3})(?:(?P=sign)[0-9]{3})*|[0-9]+)(?:\.0+)?")
_ROUND = re.compile(r"([1-9]\d{0,2}?)(0{1,14})")


def found(cells: Sequence[Cell]) -> set[int]:
    """Places of codes that are shorter than those that begin with a zero, which all have one length."""
    with_zeros = [len(cell.text) for cell in cells if cell.kind != "number" and _is_padded(cell.text)]
    if len(set(with_zeros)) != 1:
        return set()
    length, is_sure = with_zeros[0], len(with_zeros) >= WITNESSES
    return {
        place
        for place, cell in enumerate(cells)
        if _is_bare(cell.text)
        and len(cell.text) < length
        and (is_sure or cell.kind == "number")
        and len(cell.shown or cell.text) < length
    }


def out_of_form(codes: Sequence[str]) -> set[int]:
    """Places of codes of digits that are shorter than nearly all others; for codes that were drawn, not counted."""
    lengths = Counter(len(code) for code in codes if code.isascii() and code.isdigit())
    if not lengths:
        return set()
    length, times = lengths.most_common(1)[0]
    if times < FORM_ROWS or times < FORM_SHARE * lengths.total():
        return set()
    return {place for place, code in enumerate(codes) if _is_bare(code) and len(code) < length}


def rounded(codes: Sequence[str]) -> set[int]:
    """Positions of long codes whose digits beyond the fifteenth are zeros, where that is so of most long ones."""
    long = [place for place, code in enumerate(codes) if len(code) > EXACT_DIGITS and code.isascii() and code.isdigit()]
    found = {place for place in long if damage.is_rounded(codes[place])}
    return found if 2 * len(found) > len(long) else set()


def padded(code: str) -> Iterator[str]:
    """What a code may have been before its zeros were lost."""
    if _is_bare(code):
        for length in range(len(code) + 1, LONGEST + 1):
            yield code.zfill(length)


def meant(code: str) -> Iterator[str]:
    """What a code may have been before a spreadsheet read it as a number or a boolean: 1E5, +7900, 1.50, TRUE."""
    if _is_bare(code):
        yield "+" + code
    if found := _ROUND.fullmatch(code):
        yield from (f"{found[1]}{sign}{len(found[2])}" for sign in ("E", "e", "E+", "E0", "E+0"))
    if found := _DECIMAL.fullmatch(code):
        yield from (f"{found[1]}{point}{found[2]}{zeros}" for point in ".," for zeros in ("", "0", "00"))
    elif _is_bare(code):
        yield from (f"{code}{point}{zeros}" for point in ".," for zeros in ("0", "00"))
    for english, russian in TRUTHS:
        if code == russian:
            yield from (english, english.lower(), english.title())


def ungrouped(code: str) -> str | None:
    """The digits of a number that is shown in groups of three or as a fraction: 1 234, 1,234 or 1234.0."""
    found = _GROUPED.fullmatch(code)
    digits = re.sub(r"[^0-9]", "", found[1]) if found else code
    return digits if digits != code else None


def has_leading_zeros(cells: Sequence[Cell]) -> bool:
    """Whether some code of these has leading zeros, so that the program that wrote the file preserved them."""
    return any(_is_padded(cell.text) for cell in cells if cell.kind != "number")


def _is_padded(text: str) -> bool:
    return len(text) > 1 and text[0] == "0" and text.isascii() and text.isdigit()


def _is_bare(text: str) -> bool:
    return text.isascii() and text.isdigit() and text[0] != "0"
