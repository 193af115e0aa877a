"""Reads the first visible sheet of a workbook row by row. The file is hostile until proven otherwise."""

import zipfile
import zlib
from collections.abc import Iterator
from typing import IO
from xml.parsers import expat

from backend.core.tabular.cells import Source, TableRow
from backend.core.tabular.workbook.formats import NumberFormat, Styles
from backend.core.tabular.workbook.limits import FORMATS, Limits, SheetUnreadable
from backend.core.tabular.workbook.part_paths import Elements, Package, check_directory
from backend.core.tabular.workbook.shared_strings import Texts
from backend.core.tabular.workbook.sheet import Book, Merges, Range, Sheet
from backend.core.tabular.workbook.xml import parsed

NAMED_SHEETS = 20  # that were not read, in a report
YES = ("1", "true", "on")


class Workbook:
    """One file: what it is, and its rows; those that are not in the file are left out."""

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        check_directory(file)
        with _damage():
            self.package = Package(zipfile.ZipFile(file), limits.unpacked_bytes)
            self.path, self.source, self.book = self._open_book(limits)

    def rows(self) -> Iterator[list[TableRow]]:
        """The rows in handfuls.

        Raises:
            SheetUnreadable: see there.
        """
        with _damage():
            sheet = Sheet(self.book, self._merged_ranges())
            with self.package.open(self.path) as part:
                for _ in parsed(part, sheet):
                    yield sheet.rows
                    sheet.rows = []

    def _open_book(self, limits: Limits) -> tuple[str, Source, Book]:
        path = self.package.workbook()
        sheets, settings, computing = Elements("sheet"), Elements("workbookPr"), Elements("calcPr")
        for handler in (sheets, settings, computing):
            self.package.read(path, handler)
        relations = {row.id: row for row in self.package.relations(path)}
        visible = [row for row in sheets.rows if row.get("state", "visible") == "visible"] or sheets.rows
        tables = [row for row in visible if relations[_relation_id(row)].kind == "worksheet"]
        name, *others = [row.get("name", "")[:100] for row in tables]
        book = Book(
            self._read_shared_strings(path, limits.texts),
            self._read_formats(path),
            any(row.get("date1904", "").lower() in YES for row in settings.rows),
            any(row.get("fullCalcOnLoad", "").lower() in YES for row in computing.rows),
        )
        source = Source("xlsx", sheet=name, other_sheets=others[:NAMED_SHEETS])
        return relations[_relation_id(tables[0])].path, source, book

    def _find_part(self, path: str, kind: str) -> str | None:
        """The part of a kind that a workbook points at; the usual one without a relationship, none for a wrong one."""
        paths = [row.path for row in self.package.relations(path) if row.kind == kind and self.package.has(row.path)]
        usual = path.rpartition("/")[0] + f"/{kind}.xml"
        return paths[0] if paths else usual if self.package.has(usual) else None

    def _read_shared_strings(self, path: str, limit: int) -> list[str]:
        texts = Texts(limit)
        if part := self._find_part(path, "sharedStrings"):
            self.package.read(part, texts)
        return texts.found

    def _read_formats(self, path: str) -> list[NumberFormat]:
        styles = Styles(FORMATS)
        if part := self._find_part(path, "styles"):
            self.package.read(part, styles)
        return styles.formats()

    def _merged_ranges(self) -> list[Range]:
        """The sheet is parsed for them only if it contains the word: they come after the rows."""
        merges, before = Merges(), b""
        with self.package.open(self.path) as part:
            while block := part.read(65_536):
                if b"mergeCell" in before + block or block.startswith((b"\xff\xfe", b"\xfe\xff")):
                    self.package.read(self.path, merges)
                    break
                before = block[-16:]
        return merges.found


class _damage:  # noqa: N801 - used as a statement
    """Every error of the libraries about a damaged file is one refusal."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        # zipfile raises NotImplementedError for an unknown compression method, RuntimeError for an encrypted part.
        archive = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
        part = (expat.ExpatError, ValueError, LookupError, ArithmeticError, UnicodeError)
        if isinstance(error, archive):
            raise SheetUnreadable("the archive is damaged") from error
        if isinstance(error, part):
            raise SheetUnreadable("a part of it is damaged") from error


def _relation_id(sheet: dict[str, str]) -> str:
    """The relationship of a sheet: `r:id` in one of the two namespaces."""
    return next((value for name, value in sheet.items() if name.endswith("relationships id")), "")
