"""Encodings, separators and line ends are detected by evidence, and never mixed."""

import io

import pytest

from backend.core.http.errors import DomainError
from backend.core.tabular import reader
from backend.core.tabular.reader import Limits
from backend.programmes.products.columns import count_known_headers

HEAD = "Код;Наименование;Цена"
ROWS = ["A-1;Розетка двойная;450,50", "A-2;Вилка «Евро» №5;99", "A-3;Ёлочная гирлянда;1200"]


def opened(content):
    with reader.opened(io.BytesIO(content), Limits(0, 0), count_known_headers) as table:
        return table.source, [[(cell.text, cell.kind) for cell in row.cells] for row in table.rows]


def texts(content):
    return [[text for text, _ in row] for row in opened(content)[1]]


def expected(rows=ROWS, head=HEAD):
    return [line.split(";") for line in [head, *rows]]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251", "cp866", "koi8-r"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("head", [HEAD, "sku;name_ru;price_rub"])
def test_file_in_any_encoding_is_read(encoding, end, head):
    mark = {"utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}.get(encoding, "")
    # KOI-8 and the DOS page have no quotes of this kind.
    rows = [row.replace("«", '""').replace("»", '""') for row in ROWS] if encoding in ("cp866", "koi8-r") else ROWS
    rows = [row.replace('""', "").replace("№", "N") for row in rows] if encoding in ("cp866", "koi8-r") else rows

    found = texts((mark + end.join([head, *rows]) + end).encode(encoding))

    assert found == expected(rows, head)


@pytest.mark.parametrize("name", ["Труба", "ТРУБА", "труба", "Кран шаровой", "Щит", "ВИЛКА ЕВРО 220В"])
@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r"])
def test_one_name_determines_encoding(name, encoding):
    assert texts(f"sku,name_ru\nA,{name}\n".encode(encoding)) == [["sku", "name_ru"], ["A", name]]


@pytest.mark.parametrize("place", range(12, 60, 5))
def test_utf_8_with_broken_byte_stays_utf_8(place):
    content = bytearray("\n".join([HEAD, *ROWS]).encode())
    content[len(HEAD.encode()) + place] = 0xFF

    source, rows = opened(bytes(content))

    assert source.encoding == "utf-8"
    assert sum(kind == "broken" for row in rows for _, kind in row) in (0, 1, 2)
    assert rows[3] == [(text, "loose") for text in ROWS[2].split(";")]
    broken = [row for row in rows if any(kind == "broken" for _, kind in row)]
    assert len(broken) == 1 or len(rows) < 4 or bytes([0xFF]) not in bytes(content)


@pytest.mark.parametrize("others", ["cp1251", "cp866"])
def test_row_in_another_encoding_is_broken(others):
    content = "\n".join([HEAD, *ROWS]).encode() + "\nB;Труба;1\n".encode(others)

    _, rows = opened(content)

    assert [kind for _, kind in rows[4]] == ["loose", "broken", "loose"]
    assert not any(kind == "broken" for row in rows[:4] for _, kind in row)


def test_utf_8_row_in_windows_file_is_broken():
    content = "\n".join([HEAD, *ROWS]).encode("cp1251") + "\nB;Труба;1\n".encode()

    source, rows = opened(content)

    assert (source.encoding, [kind for _, kind in rows[4]]) == ("cp1251", ["loose", "broken", "loose"])


@pytest.mark.parametrize(
    "name", ["???????", "???? 220", "?????? NYM 3x2.5", "Роз\ufffdтка", "РўСЂСѓР±Р°", "Ð¢Ñ€ÑƒÐ±Ð°", "╨в╤А╤Г╨▒╨░"]
)
def test_mojibake_name_is_recognized(name):
    (_, row) = opened(f"sku,name_ru\nA,{name}\n".encode())[1]

    assert row[1][1] == "broken"


@pytest.mark.parametrize(
    "name", ["Кран Р±10", "Что??? Да", "Why???", "Ð", "Müller", "«Р»", "Сё", "220В±10%", "Ñandú", "╨ 40x20"]
)
def test_unusual_name_is_accepted(name):
    assert texts(f"sku,name_ru\nA,{name}\n".encode())[1] == ["A", name]


def test_western_encoding_breaks_only_its_row():
    _, rows = opened("sku,name_ru\nA,Café crème\nB,Socket\n".encode("cp1252"))

    assert [row[1][1] for row in rows] == ["loose", "broken", "loose"]


@pytest.mark.parametrize(
    "content", [b"\0\0", b"s\0\0\0k\0\0\0", b"\xd0\xcf\0\x01\0\x02sku\0", b"\xff\xfe\0\0s\0\0\0", b"\xff\xfes"]
)
def test_bytes_that_are_no_text_are_refused(content):
    with pytest.raises(DomainError) as refusal:
        opened(content)

    assert refusal.value.code == "file_unreadable"


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("said", [True, False])
def test_separator_is_stated_or_detected(separator, said):
    first = f"sep={separator}\r\n" if said else ""
    lines = "".join(separator.join(row) + "\r\n" for row in (["Код", "Наименование"], ["A", "Труба"]))

    source, rows = opened((first + lines).encode("cp1251"))

    assert source.delimiter == separator
    assert [[text for text, _ in row] for row in rows] == [["Код", "Наименование"], ["A", "Труба"]]


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;"])
def test_separator_line_is_counted_and_skipped(first):
    with reader.opened(io.BytesIO(f"{first}\nsku;price\nA;1\n".encode()), Limits(0, 0), count_known_headers) as table:
        assert [row.line for row in table.rows] == [2, 3]


def test_separator_that_is_named_wins_over_the_headers():
    assert texts(b"sep=;\nsku,price\n") == [["sku,price"]]


def test_header_of_two_lines_is_known():
    assert texts('Код;"Цена,\nруб"\nA;450,50\n'.encode()) == [["Код", "Цена,\nруб"], ["A", "450,50"]]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "mac-cyrillic", "iso-8859-5"])
@pytest.mark.parametrize("head", [HEAD, "sku;name_ru;price_rub"])
def test_rarer_encoding_without_mark_is_read(encoding, head):
    source, rows = opened("\r\n".join([head, *ROWS]).encode(encoding, "ignore"))

    assert source.encoding == encoding
    assert rows[3] == [(text, "loose") for text in ROWS[2].split(";")]


@pytest.mark.parametrize("sign", ["\v", "\f", "\x85", "\u2028", "\u2029", "\r", "\n\r"])
def test_lines_with_any_end_are_rows(sign):
    assert texts(sign.join(["sku;name_ru", "A;Труба", "B;Муфта"]).encode()) == [
        ["sku", "name_ru"],
        ["A", "Труба"],
        ["B", "Муфта"],
    ]


def test_long_file_with_unusual_line_ends_is_read():
    lines = ["sku;name_ru", *(f"A{number};Труба" for number in range(20_000))]

    assert texts("\u2028".join(lines).encode()) == [line.split(";") for line in lines]


def test_unusual_line_end_inside_a_cell_stays_there():
    assert texts("sku;name_ru\nA;Труба\u2028ПВХ\n".encode())[1] == ["A", "Труба\u2028ПВХ"]


@pytest.mark.parametrize("code", [b"QX7\xff9ZPA", b"48\xff213", b"QX7\xdf\xff9"])
def test_damaged_byte_among_digits_is_no_evidence(code):
    source, rows = opened(b"sku;name_ru\nA1;Socket\n" + code + b";Plug\n")

    assert (source.encoding, rows[2][0][1]) == ("utf-8", "broken")
