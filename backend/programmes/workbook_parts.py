"""What the parts of an XLSX say, taken from the events of an XML parser (ECMA-376, part 1, chapter 18)."""

from decimal import Decimal, InvalidOperation
from functools import lru_cache

TEXT_LENGTH, COLUMNS = 32_767, 64  # Excel's own limit for a cell; more columns than any product file has


class SheetUnreadable(Exception):
    """The file is not the XLSX it seems to be, or goes beyond the limits."""


class Elements:
    """The attributes of all elements of one name; few are expected."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.found: list[dict[str, str]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self.name:
            self.found.append(attributes)
            if len(self.found) > 1000:
                raise SheetUnreadable("too many sheets")

    def data(self, text: str) -> None:
        """Texts say nothing here."""

    def end(self, name: str) -> None:
        """Neither do ends."""


class Texts:
    """The shared texts (18.4): all pieces of a rich one, without the readings of Japanese names."""

    def __init__(self, most: int) -> None:
        self.found: list[str] = []
        self.most = most
        self.text = _Text()
        self.reading = False

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 - what expat calls
        if name == "rPh":
            self.reading = True
        self.text.open = name == "t" and not self.reading

    def data(self, text: str) -> None:
        self.text.add(text)

    def end(self, name: str) -> None:
        self.text.open = False
        if name == "rPh":
            self.reading = False
        if name == "si":
            self.found.append(self.text.take())
            if len(self.found) > self.most:
                raise SheetUnreadable("it has too many texts")


class Sheet:
    """The rows of a sheet (18.3): the number of each, and its cells in their columns."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.rows: list[tuple[int, list[str]]] = []
        self.number = 0
        self.cells: list[str] = []
        self.column = 0
        self.kind = "n"
        self.text = _Text()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            self.number = int(attributes.get("r", self.number + 1))
            self.cells, self.column = [], 0
        elif name == "c":
            self.column = _column(attributes["r"]) if "r" in attributes else self.column + 1
            self.kind = attributes.get("t", "n")
        self.text.open = name in ("v", "t")

    def data(self, text: str) -> None:
        self.text.add(text)

    def end(self, name: str) -> None:
        self.text.open = False
        if name == "c":
            self._put(self.text.take())
        elif name == "row":
            self.rows.append((self.number, self.cells))

    def _put(self, text: str) -> None:
        if not text or self.column > COLUMNS:
            return
        self.cells += [""] * (self.column - len(self.cells))
        if self.kind == "s":
            text = self.texts[int(text)]
        self.cells[self.column - 1] = _number(text) if self.kind == "n" else text


class _Text:
    """The text of a cell in the making."""

    def __init__(self) -> None:
        self.open = False
        self.parts: list[str] = []
        self.length = 0

    def add(self, text: str) -> None:
        if not self.open:
            return
        self.length += len(text)
        if self.length > TEXT_LENGTH:
            raise SheetUnreadable("a cell is too long")
        self.parts.append(text)

    def take(self) -> str:
        found = "".join(self.parts)
        self.parts, self.length = [], 0
        return found


def _column(reference: str) -> int:
    """The number of a column: A1 is in the first, AB7 in the twenty-eighth."""
    return _column_of(reference.rstrip("0123456789"))


@lru_cache(128)
def _column_of(letters: str) -> int:
    number = 0
    for letter in letters[:3]:
        number = number * 26 + ord(letter) - ord("A") + 1
    if number < 1:
        raise ValueError(letters)
    return number


def _number(text: str) -> str:
    """A number as people write it: 4.6E12 is 4600000000000, and 45.099999999999994 is 45.1."""
    if text.isdigit():
        return text
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    if not value.is_finite() or abs(value) >= 10**15:
        return text
    plain = f"{round(value, 9):f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
