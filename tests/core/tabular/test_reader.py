"""Tables that people upload, as they come."""

import contextlib
import io
import random
import struct
import tracemalloc
import zipfile

import openpyxl
import pytest

from backend.core.http.errors import DomainError
from backend.core.tabular import reader
from backend.core.tabular.output.table_files import PARTS
from backend.core.tabular.workbook.book import Workbook
from backend.core.tabular.workbook.limits import Limits, SheetUnreadable
from backend.programmes.products.columns import count_known_headers

LINES = [["sku", "name_ru"], ["A", "Розетка, двойная"], ["Б;1", 'Вилка "евро"']]


def rows(content, most_bytes=1_000_000, most_texts=1000):
    with reader.opened(io.BytesIO(content), Limits(most_bytes, most_texts), count_known_headers) as table:
        return [(row.line, [cell.text for cell in row.cells]) for row in table.rows]


def cells(content, **limits):
    return [found for _, found in rows(content, **limits)]


def csv_text(separator, quote='"'):
    return "\r\n".join(separator.join(f'"{cell.replace(quote, quote * 2)}"' for cell in line) for line in LINES)


def workbook(lines, **sheet):
    book = openpyxl.Workbook()
    for line in lines:
        book.active.append(line)
    for name, value in sheet.items():
        setattr(book.active, name, value)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def archive(parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in (PARTS | parts).items():
            packed.writestr(name, content)
    return file.getvalue()


def sheet(rows_xml, head=""):
    return archive({"xl/worksheets/sheet1.xml": f"{head}<worksheet><sheetData>{rows_xml}</sheetData></worksheet>"})


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_csv_in_any_usual_dialect_is_read(separator, encoding):
    assert cells(csv_text(separator).encode(encoding)) == LINES


def test_header_with_comma_preserves_semicolon_separator():
    assert cells("Код;Цена, руб\nA;1,50\n".encode()) == [["Код", "Цена, руб"], ["A", "1,50"]]


def test_lines_are_counted_as_an_editor_does():
    content = b'sku,name_ru\n\nA,"two\nlines"\n ,\nB,x\n'

    assert rows(content) == [(1, ["sku", "name_ru"]), (3, ["A", "two\nlines"]), (6, ["B", "x"])]


def test_guard_before_a_formula_is_removed():
    assert cells(b"sku\n'=1+1\n''x\n'x\n") == [["sku"], ["=1+1"], ["'x"], ["'x"]]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'sku,name_ru\nA,"never ends\n', "line_broken"),
        (b'sku\n"a"b\n', "line_broken"),
        (b"sku\n" + b"x" * 1_000_001, "line_broken"),
        (b"sku,price\n" + b"," * 20_000, "line_broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file_unreadable"),
        (b"sku\nA\0B\n", "file_unreadable"),
        (b"\xff\xfes", "file_unreadable"),
        (b"PK\x03\x04 and nothing more", "file_unreadable"),
    ],
)
def test_non_table_is_refused(content, code):
    with pytest.raises(DomainError) as refusal:
        rows(content)

    assert refusal.value.code == code


def test_workbook_numbers_are_read_as_displayed():
    lines = [["sku", "gtin", "price"], ["007", 4600000000015, 45.1], [12, None, 0.1 + 0.2], [True, "=1+1", 1e20]]

    found = cells(workbook(lines))

    assert found[:3] == [["sku", "gtin", "price"], ["007", "4600000000015", "45.1"], ["12", "", "0.3"]]
    # A formula without a computed value is present but empty; a number that is too large stays as it is.
    assert found[3] == ["1", "", "1e+20"]


def test_missing_rows_preserve_row_numbers():
    book = openpyxl.Workbook()
    book.active["A1"], book.active["A1048576"], book.active["XFD1048576"] = "sku", "last", "far"
    file = io.BytesIO()
    book.save(file)

    (_, first), (number, last) = rows(file.getvalue())
    assert (first, number, last[0]) == (["sku"], 1048576, "last")
    # Cells too far right are counted after the last column.
    assert len(last) == 257


def test_only_first_sheet_is_read():
    book = openpyxl.Workbook()
    book.active.append(["sku"])
    book.create_sheet("other").append(["x"])
    file = io.BytesIO()
    book.save(file)

    assert cells(file.getvalue()) == [["sku"]]


def test_rich_texts_are_joined_and_readings_left_out():
    shared = "<sst><si><r><t>Роз</t></r><r><t>етка</t></r><rPh><t>x</t></rPh></si></sst>"
    content = archive(
        {
            "xl/sharedStrings.xml": shared,
            "xl/worksheets/sheet1.xml": '<worksheet><row><c t="s"><v>0</v></c></row></worksheet>',
        }
    )

    assert cells(content) == [["Розетка"]]


BOMBS = {
    "a document type": sheet("", head='<!DOCTYPE x [<!ENTITY a "b">]>'),
    "a flood of one cell": sheet('<row><c t="str"><v>' + "x" * 40_000 + "</v></c></row>"),
    "too many texts": archive({"xl/sharedStrings.xml": "<sst>" + "<si/>" * 2000 + "</sst>"}),
    "too many sheets": archive({"xl/workbook.xml": "<w>" + "<sheet/>" * 2000 + "</w>"}),
    "a text that is not there": sheet('<row><c t="s"><v>5</v></c></row>'),
    "a column that is none": sheet('<row><c r="11"><v>5</v></c></row>'),
    "XML that is none": sheet("<row>"),
    "no sheet": archive({"xl/workbook.xml": "<w/>"}),
    "too large when unpacked": archive({"xl/media/image.bin": b"\0" * 2_000_000}),
    "a cut archive": sheet("<row/>")[:-30],
}


@pytest.mark.parametrize("name", BOMBS)
def test_hostile_workbook_is_refused(name):
    with pytest.raises(DomainError) as refusal:
        rows(BOMBS[name])

    assert refusal.value.code == "file_unreadable"


def test_archive_with_false_size_is_read_up_to_that_size():
    content = bytearray(sheet("<row/>" * 100_000))
    for signature, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = content.find(signature, 0)
        while at >= 0:
            (size,) = struct.unpack_from("<I", content, at + place)
            if size > 500_000:
                struct.pack_into("<I", content, at + place, 1000)
            at = content.find(signature, at + 1)

    with pytest.raises(DomainError):
        rows(bytes(content), most_bytes=100_000)


def test_archive_with_too_many_parts_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for number in range(10_000):
            packed.writestr(str(number), b"")

    with pytest.raises(DomainError):
        rows(file.getvalue())


def test_random_damage_never_gets_beyond_a_refusal():
    dice = random.Random(7)
    whole = workbook([["sku", "name_ru"], *([f"A{n}", "Розетка"] for n in range(20))])
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(dice.randint(1, 8)):
            broken[dice.randrange(4, len(broken))] = dice.randrange(256)

        with contextlib.suppress(SheetUnreadable):
            list(Workbook(io.BytesIO(bytes(broken)), Limits(1_000_000, 1000)).rows())


def test_long_csv_is_read_in_constant_memory():
    content = b"sku,name_ru\n" + b"".join(b"A%d,Socket\n" % n for n in range(200_000))
    file = io.BytesIO(content)
    tracemalloc.start()

    with reader.opened(file, Limits(0, 0), count_known_headers) as table:
        count = sum(1 for _ in table.rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 200_001
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('="0012"', "0012"),
        ('"=""0012"""', "0012"),
        ("'0012", "0012"),
        ("'A12", "'A12"),
        ("''0012", "'0012"),
        ("'=A12", "=A12"),
        ("'1", "'1"),
    ],
)
def test_text_guarded_from_spreadsheet_is_read_plain(written, meant):
    assert cells(f"sku;name_ru\n{written};Труба\n".encode())[1] == [meant, "Труба"]


@pytest.mark.parametrize(
    "content",
    [
        'sku;name_ru;price\nA;"Труба;1\nB;Муфта";2\n',
        'sku;name_ru;price\nA;"Труба;1\nB;Кран;2\nC;Муфта";3\n',
        'sku;name_ru;price\nA;"Труба;1\nB;Кран;"\n',
        'sku;name_ru\nA;"Труба\nB;Муфта"\n',
    ],
)
def test_quotation_mark_that_swallows_rows_breaks_the_line(content):
    with pytest.raises(DomainError) as refusal:
        rows(content.encode())

    assert (refusal.value.code, refusal.value.detail()[:6]) == ("line_broken", "Line 2")


@pytest.mark.parametrize("cell", ["Труба\nПВХ", "Труба; муфта\nПВХ; сталь; медь", "Труба;\n\nПВХ"])
def test_quoted_line_break_in_a_text_is_read(cell):
    assert cells(f'sku;name_ru;price\nA;"{cell}";1\n'.encode())[1] == ["A", cell, "1"]
