"""Reads the first sheet of an XLSX (ECMA-376, part 1, chapter 18) row by row.

The file is hostile until proven otherwise: what it says it unpacks to is bounded before anything is read (and is not
believed beyond that), a document type is refused, so there are no entities to expand, and a text or a table of texts
beyond its limit ends the reading. Only the shared texts are held in memory.
"""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import IO, Protocol
from xml.parsers import expat

BLOCK, DIRECTORY = 65536, 262_144
END_OF_DIRECTORY = 22 + 65535  # the record and the longest comment
TEXT_LENGTH, COLUMNS = 32_767, 64  # Excel's own limit for a cell; more columns than any product file has
SHARED = "xl/sharedStrings.xml"


class SheetUnreadable(Exception):
    """The file is not the XLSX it seems to be, or goes beyond the limits."""


def rows(file: IO[bytes], *, most_bytes: int, most_texts: int) -> Iterator[tuple[int, list[str]]]:
    """Row numbers and the texts of their cells; rows that are not in the file are left out.

    Raises:
        SheetUnreadable: see there.
    """
    _check_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(part.file_size for part in archive.infolist()) > most_bytes:
                raise SheetUnreadable("unpacked it is too large")
            yield from _rows(archive, most_texts)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError) as error:
        raise SheetUnreadable("the archive is damaged") from error
    except (expat.ExpatError, ValueError, IndexError) as error:
        raise SheetUnreadable("a part of it is damaged") from error


def _check_directory(file: IO[bytes]) -> None:
    """A workbook has some twenty parts; half a million would fill the memory before anybody looked at one."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - END_OF_DIRECTORY))
    tail = file.read()
    file.seek(0)
    record = tail[tail.rfind(b"PK\x05\x06") :][:16]
    if len(record) < 16 or int.from_bytes(record[12:], "little") > DIRECTORY:
        raise SheetUnreadable("the archive has no directory, or too long a one")


def _rows(archive: zipfile.ZipFile, most_texts: int) -> Iterator[tuple[int, list[str]]]:
    path = _first_sheet(archive)
    texts = _Texts(most_texts)
    if SHARED in archive.namelist():
        for _ in _parsed(archive, SHARED, texts):
            pass
    sheet = _Sheet(texts.found)
    for _ in _parsed(archive, path, sheet):
        yield from sheet.rows
        sheet.rows.clear()


def _first_sheet(archive: zipfile.ZipFile) -> str:
    book, relations = _Elements("sheet"), _Elements("Relationship")
    for path, elements in (("xl/workbook.xml", book), ("xl/_rels/workbook.xml.rels", relations)):
        for _ in _parsed(archive, path, elements):
            pass
    wanted = next(value for name, value in book.found[0].items() if name.endswith("relationships id"))
    target = next(row["Target"] for row in relations.found if row["Id"] == wanted)
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


class _Handler(Protocol):
    def start(self, name: str, attributes: dict[str, str]) -> None: ...
    def data(self, text: str) -> None: ...
    def end(self, name: str) -> None: ...


def _parsed(archive: zipfile.ZipFile, path: str, handler: _Handler) -> Iterator[None]:
    """Feed a part to a handler; comes back after each block, so that what was found can be taken."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _no_document_type
    parser.StartElementHandler = lambda name, attributes: handler.start(name.rpartition(" ")[2], attributes)
    parser.CharacterDataHandler = handler.data
    parser.EndElementHandler = lambda name: handler.end(name.rpartition(" ")[2])
    with archive.open(path) as part:
        while block := part.read(BLOCK):
            parser.Parse(block, False)
            yield
    parser.Parse(b"", True)
    yield


def _no_document_type(*_: object) -> None:
    raise SheetUnreadable("no workbook has a document type")


class _Elements:
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


class _Texts:
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


class _Sheet:
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
    number = 0
    for letter in reference.rstrip("0123456789")[:3]:
        number = number * 26 + ord(letter) - ord("A") + 1
    if number < 1:
        raise ValueError(reference)
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
