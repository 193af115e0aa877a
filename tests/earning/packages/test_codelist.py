"""Lists of codes that others printed: reading the file, and which codes are refused for what."""

import io
import random
import string

import pytest

from backend.core.tabular.reader import FileUnreadable
from backend.earning.packages.code_lists.code_file import CodeColumnMissing, CodeFile
from backend.earning.packages.code_lists.code_list import (
    CodeRow,
    SequenceDetector,
    check_code,
    is_guessable,
    is_two_columns,
    is_unit_in_two_columns,
    marking_check,
    refuse_damaged,
)
from scanning.codes import package
from tests.core.tabular.workbooks import book, row, text_cell

GTIN = "04600439931256"
TAIL = "\x1d91EE08\x1d92" + "x" * 44


def rows(content, judge=check_code):
    content = content if isinstance(content, bytes) else content.encode()
    is_ambiguous = is_two_columns if judge is check_code else is_unit_in_two_columns
    return [tuple(row) for row in CodeFile(io.BytesIO(content), judge, is_ambiguous).rows()]


@pytest.mark.parametrize(
    "content",
    [
        "QX7-TTK2-9ZPA\nQX7-9F4M-22LD\n",
        "QX7-TTK2-9ZPA\r\nQX7-9F4M-22LD",
        "\ufeffcode\nQX7-TTK2-9ZPA\nQX7-9F4M-22LD\n",
        "sku;Code;box\nA;QX7-TTK2-9ZPA;1\nB;QX7-9F4M-22LD;1\n",
        'sku,code\n"a, b",QX7-TTK2-9ZPA\nB,"QX7-9F4M-22LD"\n',
        "code\tsku\nQX7-TTK2-9ZPA\tA\nQX7-9F4M-22LD\tB\n",
        '"QX7-TTK2-9ZPA"\n"QX7-9F4M-22LD"\n',
        "\n  QX7-TTK2-9ZPA  \n\n   \nQX7-9F4M-22LD\n\n",
    ],
)
def test_files_in_all_formats_are_read(content):
    found = rows(content)

    assert [(code, reason) for _, code, reason in found] == [("QX7-TTK2-9ZPA", None), ("QX7-9F4M-22LD", None)]


@pytest.mark.parametrize(
    "content",
    [
        "Код;Товар\nQX7-TTK2-9ZPA;Розетка\n",
        "Codes,Product\nQX7-TTK2-9ZPA,Socket\n",
        "sep=;\r\ncode;note\r\nQX7-TTK2-9ZPA;x\r\n",
        "Товар|КОД\nРозетка|QX7-TTK2-9ZPA\n",
        "Серийный номер\nQX7-TTK2-9ZPA\n",
        '"note","code"\r"two\nlines","QX7-TTK2-9ZPA"\r',
        "Код;Товар\nQX7-TTK2-9ZPA;Розетка\n".encode("cp1251"),
        "code\tnote\nQX7-TTK2-9ZPA\tx\n".encode("utf-16"),
        "\u200bQX7-TTK2-9ZPA\u2060\n",
    ],
)
def test_list_is_read_by_its_code_header(content):
    assert [(code, reason) for _, code, reason in rows(content)] == [("QX7-TTK2-9ZPA", None)]


@pytest.mark.parametrize(
    "content",
    [
        "Товар;Примечание\nQX7-TTK2-9ZPA;x\n",
        "Batch of cards\nQX7-TTK2-9ZPA\n",
        "Batch 2026-11\nQX7-TTK2-9ZPA\n",
        "Партия 15\nQX7-TTK2-9ZPA\n",
        "code,code\nQX7,QX7\n",
        "Номенклатура\nQ",
        "НОМЕНКЛАТУРА\nQX7-TTK2-9ZPA\n",
        "PRODUCTCODES\nQX7-TTK2-9ZPA\n",
    ],
)
def test_list_under_unknown_headers_is_refused(content):
    with pytest.raises(CodeColumnMissing):
        rows(content)


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("head", ["", "code\n"])
def test_second_column_without_header_is_refused(separator, head):
    found = rows(f"{head}QX7-TTK2-9ZPA{separator}Socket\nQX7-9F4M-22LD\n")

    assert [(code, reason) for _, code, reason in found] == [("", "second_column"), ("QX7-9F4M-22LD", None)]


def test_row_longer_than_its_headers_is_refused():
    assert rows("note;code\na;b;QX7-TTK2-9ZPA\n") == [(2, "", "second_column")]


@pytest.mark.parametrize("tail", [";Socket", ",Socket"])
def test_ambiguous_marking_code_columns_are_refused(tail):
    bare, quoted = f"01{GTIN}215a'bC{tail}", f'"01{GTIN}215a\'b;C"'

    found = rows(f"{bare}\n{quoted}\n01{GTIN}215a'bD{TAIL}\n", marking_check(GTIN))

    assert found == [(1, "", "second_column"), (2, "5a'b;C", None), (3, "5a'bD", None)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [("1,23457E+15", "shortened_number_invalid"), ("#Н/Д", "cell_error_invalid"), ("02.01.2026", "date_cell_invalid")],
)
def test_damaged_cell_is_refused_with_reason(code, reason):
    assert rows(f'code;note\n"{code}";x\n') == [(2, "", reason)]


def test_list_of_a_workbook_is_read():
    content = book(row(text_cell("Товар"), text_cell("Код")) + row(text_cell("x"), text_cell("QX7-TTK2-9ZPA")))

    assert rows(content) == [(2, "QX7-TTK2-9ZPA", None)]


def test_rounded_codes_are_all_refused():
    accepted = [(n, f"12345678901234{n}00", None) for n in range(1, 4)]

    found = refuse_damaged([CodeRow(*one) for one in accepted])

    assert {row.reason for row in found} == {"shortened_number_invalid"}


def test_rows_are_numbered_as_an_editor_shows_them():
    found = rows("code\n\nQX7-TTK2-9ZPA\n\nQX7-9F4M-22LD\n")

    assert [line for line, _, _ in found] == [3, 5]


def test_marking_code_punctuation_is_no_column_separator():
    serial = """5,a"b;c%&'()*+"""
    quoted = '"' + f"01{GTIN}21{serial}{TAIL}".replace('"', '""') + '"'

    found = rows(f"01{GTIN}21{serial}{TAIL}\n{quoted}\n", marking_check(GTIN))

    assert found == [(1, serial, None), (2, serial, None)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (package.encode(bytes(16), 3, 7), "own_code"),
        ("https://ex.ru/c/" + package.encode(bytes(16), 3, 7), "own_code"),
        ("4600439931256", "other_kind"),
        (f"01{GTIN}215a'b{TAIL}", "other_kind"),
        ("https://ex.ru/p/SPRING-2026-XYZ", "other_kind"),
        ("t=20261122T1000&s=100.00&fn=9999078900004312&i=1&fp=2&n=1", "other_kind"),
        ("QX7TTK", "guessable"),
        ("48213057", "guessable"),
        ("AAAABBBBCCCCAAAABB", "guessable"),
        ("https://brand.example/check/QX7T", "guessable"),
        ("x" * 201, "too_long"),
        ("x" * 9000, "too_long"),
    ],
)
def test_unusable_code_is_refused_with_reason(code, reason):
    assert rows(code + "\nQX7-TTK2-9ZPA\n") == [(1, "", reason), (2, "QX7-TTK2-9ZPA", None)]


def test_undecodable_bytes_are_refused_in_their_row():
    assert rows(b"\xff\x98\nQX7-TTK2-9ZPA\n") == [(1, "", "unreadable"), (2, "QX7-TTK2-9ZPA", None)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_list_with_its_mark_is_read(encoding):
    assert rows("QX7-TTK2-9ZPA\n".encode(encoding)) == [(1, "QX7-TTK2-9ZPA", None)]


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le"])
def test_list_that_is_no_text_is_refused(encoding):
    with pytest.raises(FileUnreadable):
        rows("QX7-TTK2-9ZPA".encode(encoding))


def test_line_without_code_column_is_refused():
    assert rows("sku;code\nA\nB;QX7-TTK2-9ZPA\n") == [(2, "", "unreadable"), (3, "QX7-TTK2-9ZPA", None)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"01{GTIN}215a'bC", None),
        (f"(01){GTIN}(21)5a'bC", None),
        (f"]d201{GTIN}215a'bC{TAIL}", None),
        ("014600000000001521XYZ", "not_marking"),
        ("0104600000000015215a'bC", "other_product"),
        ("QX7-TTK2-9ZPA", "not_marking"),
        (GTIN, "not_marking"),
    ],
)
def test_marking_code_of_another_product_is_refused(text, reason):
    assert rows(text, marking_check(GTIN)) == [(1, "" if reason else "5a'bC", reason)]


@pytest.mark.parametrize("separator", ["<GS>", "\\u001d", "&#29;", "{GS}", "%1D", "^]", "\x1d\x1d", ""])
def test_marking_code_with_damaged_separators_is_accepted(separator):
    text = f"01{GTIN}215a&lt;bC" + TAIL.replace("\x1d", separator)

    assert rows(text, marking_check(GTIN)) == [(1, "5a<bC", None)]


def test_ambiguous_marking_tail_is_refused_or_resolved():
    first, glued, long = f"01{GTIN}215abcDEF", f"01{GTIN}215abcDEG93wxyz", f"01{GTIN}215abcDEH93wxyz9"

    assert rows(f"{glued}\n{first}\n", marking_check(GTIN)) == [(1, "", "serial_unclear"), (2, "5abcDEF", None)]
    assert rows(f"{first}\n{glued}\n", marking_check(GTIN)) == [(1, "5abcDEF", None), (2, "5abcDEG", None)]
    assert rows(f"{long}\n", marking_check(GTIN)) == [(1, "5abcDEH93wxyz9", None)]


@pytest.mark.parametrize(
    ("code", "guessable"),
    [("482130571946230", False), ("48213057194623", True), ("QX7TTK29ZP", False), ("QX7TTK29Z", True)],
)
def test_guessable_code_length_is_detected(code, guessable):
    assert is_guessable(code) is guessable


def test_sequential_codes_are_recognised():
    dice = random.Random(5)
    drawn = sorted("".join(dice.choices(string.digits, k=15)) for _ in range(20_000))

    counting, chance = SequenceDetector(), SequenceDetector()
    for number in range(1000):
        counting.watch(f"9000{number * 3:011}")
    for code in drawn:
        chance.watch(code)

    assert counting.found
    assert not chance.found


@pytest.mark.parametrize("sign", ["\v", "\f", "\x85", "\u2028", "\r"])
def test_list_with_any_line_end_is_read(sign):
    found = rows(sign.join(["code", "QX7-TTK2-9ZPA", "QX7-9F4M-22LD"]))

    assert [(code, reason) for _, code, reason in found] == [("QX7-TTK2-9ZPA", None), ("QX7-9F4M-22LD", None)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1. QX7TTK29ZPA4", "second_column"),
        ("QX7TTK29ZPA4 Кабель", "second_column"),
        ("Cable QX7TTK29ZPA4", "second_column"),
        ("QX7TTK29ZPA4 QX79F4M22LD7", "second_column"),
        ("QX7TTK29ZPA4 1", "second_column"),
        ("QX7TTK29ZPA4  16A", "second_column"),
        ("Всего 15000 кодов в файле", "second_column"),
        ("# выгрузка 01.02.2026", "second_column"),
        ("QX7TTK\x0729ZPA4", "unreadable"),
        ("482130571234567.0", "number_format_invalid"),
    ],
)
def test_line_with_more_than_a_code_is_refused(line, reason):
    assert rows(f"QX7-TTK2-9ZPA\n{line}\n") == [(1, "QX7-TTK2-9ZPA", None), (2, "", reason)]


@pytest.mark.parametrize("line", ['="QX7TTK29ZPA4"', "QX7TTK29ZPA4\t", '"QX7TTK29ZPA4"'])
def test_code_guarded_from_spreadsheet_is_read_plain(line):
    assert rows(f"{line}\nQX7-9F4M-22LD\n")[0] == (1, "QX7TTK29ZPA4", None)


@pytest.mark.parametrize("content", ["QX7T TK29 ZPA4\nQX79 F4M2 2LD7\n", "Q X7TTK29ZPA4\nQX X79F4M22LD7\n"])
def test_code_in_groups_is_accepted(content):
    assert [reason for _, _, reason in rows(content)] == [None, None]


@pytest.mark.parametrize("start", ["{\\rtf1\\ansi", "%PDF-1.4", "<html>", "<!DOCTYPE html>", '<?xml version="1.0"?>'])
def test_document_is_not_read_as_list(start):
    with pytest.raises(FileUnreadable):
        rows(f"{start}\nQX7-TTK2-9ZPA\n")
