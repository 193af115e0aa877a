"""Changes of a known value by spreadsheets and encodings, which the sender of the file did not intend."""

import contextlib
import re
from collections.abc import Iterator
from decimal import Decimal

from backend.core.tabular import damage
from scanning import normalization

_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_WRITTEN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:[.,][0-9]*[1-9])?")  # as a spreadsheet writes a number again
_BLANKS = re.compile(r"\s+")
_TRUTHS = frozenset(["TRUE", "FALSE", "ИСТИНА", "ЛОЖЬ"])
_BEYOND_ASCII = re.compile("[^ -~]")
_LOST = re.compile("[?\ufffd]")
# In which a file is saved and then read; Windows, the Mac, DOS and Unix each had a Cyrillic encoding.
_SAVED = ("utf-8", "cp1251", "cp1252", "cp866", "koi8-r", "mac-cyrillic", "iso-8859-5")
_READ = ("cp1251", "cp1252", "cp866", "koi8-r", "mac-cyrillic", "iso-8859-5", "latin-1")


def is_damaged(before: str, now: str) -> bool:
    """Whether a program that misread `before` makes `now` of it: 7 of 007, 01.фев of 1-2."""
    if before == now:
        return False
    if damage.is_day(now) and not damage.is_day(before):
        return any(sign.isdigit() for sign in before)
    if {before.upper(), now.upper()} <= _TRUTHS:
        return True
    return _is_number_again(before, now) or _is_in_another_encoding(before, now)


def is_cut(before: str, now: str) -> bool:
    """Whether only the beginning of a value is left."""
    return len(now) < len(before) and before.startswith(now)


def before_misreading(text: str) -> Iterator[str]:
    """What a text was, if it is UTF-8 that a program read as another encoding."""
    for name in () if text.isascii() else _READ:
        with contextlib.suppress(UnicodeError):
            yield text.encode(name).decode("utf-8")


def mask(text: str) -> str:
    """A text whose letters beyond ASCII were lost, as they are in an encoding that has none of them."""
    return _BEYOND_ASCII.sub("?", text)


def is_same_line(before: str, now: str) -> bool:
    """Whether two texts are displayed alike: blanks of another kind, more of them, none at the ends."""
    return normalization.remove_invisible(before).split() == normalization.remove_invisible(now).split()


def _is_number_again(before: str, now: str) -> bool:
    bare = _BLANKS.sub("", before)
    if not (_NUMBER.fullmatch(bare) and _WRITTEN.fullmatch(now)):
        return False
    meant, written = Decimal(bare.replace(",", ".")), Decimal(now.replace(",", "."))
    return f"{meant:.14e}" == f"{written:.14e}"


def _is_in_another_encoding(before: str, now: str) -> bool:
    if before.isascii():
        return False
    for saved in _SAVED:
        content = before.encode(saved, "replace")
        if _LOST.search(now) and content.decode(saved) == now:
            return True
        if any(content.decode(name, "replace").split() == now.split() for name in _READ if name != saved):
            return True
    return False
