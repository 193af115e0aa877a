"""The texts of a workbook: shared ones (18.4), and what a cell's own text is made of."""

import re

from backend.core.tabular.workbook.limits import TEXT_LENGTH, SheetUnreadable

# ECMA-376 22.9.2.19: a sign that XML cannot hold, as `_x000D_`; `_x005F_` is the underscore of one that is meant so.
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_LIKE_ONE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def unescaped(text: str) -> str:
    """A text with its escapes read. Two halves of a sign are one; a half alone becomes U+FFFD, which is refused."""
    if "_x" not in text:
        return text
    read = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return read.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def escaped(text: str) -> str:
    """A text of ours whose own `_x000D_` must stay one, and whose signs that XML cannot hold are written so."""
    text = _LIKE_ONE.sub("_x005F_", text) if "_x" in text else text
    return text.replace("\ufffe", "_xFFFE_").replace("\uffff", "_xFFFF_")


class Pieces:
    """The text of a cell in the making, piece by piece."""

    def __init__(self) -> None:
        self.open = False
        self.seen = False
        self.parts: list[str] = []
        self.length = 0

    def begin(self, *, is_wanted: bool) -> None:
        """A new element: whether its text counts."""
        self.open = is_wanted
        self.seen |= is_wanted

    def add(self, text: str) -> None:
        if not self.open:
            return
        self.length += len(text)
        if self.length > TEXT_LENGTH:
            raise SheetUnreadable("a cell is too long")
        self.parts.append(text)

    def take(self) -> str:
        found = "".join(self.parts)
        self.parts, self.length, self.seen = [], 0, False
        return found


class Texts:
    """The shared texts: all pieces of a rich one, without the readings of Japanese names (rPh)."""

    def __init__(self, limit: int) -> None:
        self.found: list[str] = []
        self.limit = limit
        self.pieces = Pieces()
        self.reading = False

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 - what the parser calls
        if name == "rPh":
            self.reading = True
        self.pieces.begin(is_wanted=name == "t" and not self.reading)

    def data(self, text: str) -> None:
        self.pieces.add(text)

    def end(self, name: str) -> None:
        self.pieces.open = False
        if name == "rPh":
            self.reading = False
        if name == "si":
            self.found.append(unescaped(self.pieces.take()))
            if len(self.found) > self.limit:
                raise SheetUnreadable("it has too many texts")
