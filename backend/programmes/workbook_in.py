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
from functools import lru_cache
from typing import IO, Protocol
from xml.parsers import expat

from backend.programmes.workbook_parts import Elements, Sheet, SheetUnreadable, Texts

BLOCK, DIRECTORY = 65536, 262_144
END_OF_DIRECTORY = 22 + 65535  # the record and the longest comment
SHARED = "xl/sharedStrings.xml"


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
    # By NotImplementedError zipfile says that a part is packed in a way that it does not know.
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
    texts = Texts(most_texts)
    if SHARED in archive.namelist():
        for _ in _parsed(archive, SHARED, texts):
            pass
    sheet = Sheet(texts.found)
    for _ in _parsed(archive, path, sheet):
        yield from sheet.rows
        sheet.rows.clear()


def _first_sheet(archive: zipfile.ZipFile) -> str:
    book, relations = Elements("sheet"), Elements("Relationship")
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
    parser.StartElementHandler = lambda name, attributes: handler.start(_local(name), attributes)
    parser.CharacterDataHandler = handler.data
    parser.EndElementHandler = lambda name: handler.end(_local(name))
    with archive.open(path) as part:
        while block := part.read(BLOCK):
            parser.Parse(block, False)
            yield
    parser.Parse(b"", True)
    yield


@lru_cache(64)
def _local(name: str) -> str:
    """A name without its namespace, of which there are two (transitional and strict)."""
    return name.rpartition(" ")[2]


def _no_document_type(*_: object) -> None:
    raise SheetUnreadable("no workbook has a document type")
