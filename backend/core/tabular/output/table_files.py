"""Writes a table as CSV or XLSX piece by piece, so that it can be sent while it is still being read."""

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal, Protocol
from xml.sax.saxutils import escape

from backend.core.language import Language
from backend.core.tabular.csv_rows import FORMULA, GUARD, unguarded
from backend.core.tabular.workbook.shared_strings import escaped

Cell = str | int | Decimal
Format = Literal["csv", "xlsx"]

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
XLSX = f"{SPREADSHEET}.sheet"
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
SHEET = "xl/worksheets/sheet1.xml"
# The least that a workbook is made of (ECMA-376), but for its one sheet.
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{SPREADSHEET}.sheet.main+xml"/>'
    f'<Override PartName="/{SHEET}" ContentType="{SPREADSHEET}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">'
    '<sheets><sheet name="1" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


class TableFile(Protocol):
    """A file in the making: each call gives the bytes that can be sent by now."""

    def rows(self, rows: Iterable[Sequence[Cell]]) -> bytes: ...
    def end(self) -> bytes: ...


class CsvFile:
    """UTF-8 with its mark, or a spreadsheet takes Cyrillic for something else."""

    def __init__(self, *, separator: str, point: str) -> None:
        self.point = point
        self.text = io.StringIO()
        self.text.write("\ufeff")
        self.writer = csv.writer(self.text, delimiter=separator)

    def rows(self, rows: Iterable[Sequence[Cell]]) -> bytes:
        self.writer.writerows([self._format_cell(cell) for cell in row] for row in rows)
        return self.end()

    def end(self) -> bytes:
        found = self.text.getvalue().encode()
        self.text.seek(0)
        self.text.truncate()
        return found

    def _format_cell(self, cell: Cell) -> str:
        if isinstance(cell, Decimal):
            return f"{cell:.2f}".replace(".", self.point)
        if isinstance(cell, int):
            return str(cell)
        # OWASP, CSV injection: spreadsheet programs execute text that begins like a formula.
        return GUARD + cell if cell[:1] and cell[0] in FORMULA + GUARD else cell


def csv_file(language: Language) -> CsvFile:
    """A CSV as a Russian spreadsheet expects it: semicolons, and a comma in decimals; as all others do in English."""
    return CsvFile(separator=";", point=",") if language == "ru" else CsvFile(separator=",", point=".")


class Workbook:
    """An XLSX with one sheet. Texts are typed as texts: none of them is a formula, and a number keeps its noughts."""

    def __init__(self) -> None:
        self.pipe = _Pipe()
        self.archive = zipfile.ZipFile(self.pipe, "w", zipfile.ZIP_DEFLATED)
        for name, content in PARTS.items():
            self.archive.writestr(name, DECLARATION + content)
        self.sheet = self.archive.open(SHEET, "w")
        self.sheet.write(f'{DECLARATION}<worksheet xmlns="{MAIN}"><sheetData>'.encode())

    def rows(self, rows: Iterable[Sequence[Cell]]) -> bytes:
        self.sheet.write("".join(f"<row>{''.join(map(_xlsx_cell, row))}</row>" for row in rows).encode())
        return self.pipe.read_parts()

    def end(self) -> bytes:
        self.sheet.write(b"</sheetData></worksheet>")
        self.sheet.close()
        self.archive.close()
        return self.pipe.read_parts()


def _xlsx_cell(cell: Cell) -> str:
    if cell == "":
        return "<c/>"
    if isinstance(cell, str):
        # Texts have the type of texts, so only one from which the import would remove a guard needs another guard.
        text = escape(escaped(GUARD + cell if unguarded(cell) != cell else cell))
        return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
    return f"<c><v>{cell}</v></c>"


def table_file(kind: Format, language: Language) -> TableFile:
    """An empty file of a format; a CSV has the separators that spreadsheets of the language expect."""
    return Workbook() if kind == "xlsx" else csv_file(language)


class _Pipe:
    """A write-only file without seek, for an archive."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, part: bytes, /) -> int:
        self.parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Everything is here already."""

    def close(self) -> None:
        """Nothing is open."""

    def read_parts(self) -> bytes:
        """What was written since the last time."""
        found = b"".join(self.parts)
        self.parts.clear()
        return found
