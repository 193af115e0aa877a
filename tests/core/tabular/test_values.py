"""What a cell may hold: a value, or what a spreadsheet left instead of one."""

import pytest

from backend.core.http.errors import DomainError
from backend.core.tabular import lost_zeros, values
from backend.core.tabular.cells import Cell

ERRORS = [
    "#N/A",
    "#REF!",
    "#NAME?",
    "#VALUE!",
    "#DIV/0!",
    "#NUM!",
    "#NULL!",
    "#SPILL!",
    "#CALC!",
    "#GETTING_DATA",
    "#Н/Д",
    "#ССЫЛКА!",
    "#ИМЯ?",
    "#ЗНАЧ!",
    "#ДЕЛ/0!",
    "#ЧИСЛО!",
    "#ПУСТО!",
    "#ПЕРЕНОС!",
    "#NV",
    "#BEZUG!",
    "#WERT!",
    "#ZAHL!",
    "#NOM?",
    "#VALEUR!",
    "#NOMBRE!",
    "#NUL!",
    "#N/D",
    "#¡REF!",
    "#¿NOMBRE?",
    "#¡VALOR!",
    "#¡DIV/0!",
    "#¡NUM!",
    "#¡NULO!",
    "#RIF!",
    "#NOME?",
    "#VALORE!",
    "#NULLO!",
    "#N/D!",
    "#ADR!",
    "#NAZWA?",
    "#ARG!",
    "#DZIEL/0!",
    "#LICZBA!",
    "#ZERO!",
    "#YOK",
    "#BAŞV!",
    "#AD?",
    "#DEĞER!",
    "#SAYI/0!",
    "#SAYI!",
    "#BOŞ!",
    "#ПОСИЛАННЯ!",
    "#ЗНАЧЕННЯ!",
    "#ДІЛ/0!",
    "#ІМ'Я?",
    "#NÚM!",
    "#SAKNAS!",
    "#ÉRTÉK!",
    "#ZÉRÓOSZTÓ!",
    "#HIÁNYZIK",
    "Err:502",
    "Ошибка:508",
    "######",
    "\u200b#Н/Д",
    "#N/A\u2060",
]


def refused(read, cell):
    with pytest.raises(DomainError) as refusal:
        read(cell)
    return refusal.value.code


@pytest.mark.parametrize("text", ERRORS)
@pytest.mark.parametrize("read", [values.code, values.text, values.number, values.day])
def test_spreadsheet_error_is_refused_in_any_language(text, read):
    assert refused(read, Cell(text)) == refused(read, Cell(text, "text")) == "cell_error_invalid"


@pytest.mark.parametrize("text", ["#1", "#хит!", "№5", "#sale", "A#1!", "# 5", "#5/8", "Ошибка: нет", "C#", "#A-17"])
def test_text_with_a_hash_is_no_error(text):
    assert values.text(Cell(text)) == text


@pytest.mark.parametrize(
    "text",
    ["4,6E+12", "4.60712E+12", "4,60712e+12", "1E+05", "4.6e12", "-1,5E-07", "4,6Е+12", "5.E+12", "4,6E+12\u200b"],
)
def test_shortened_number_is_no_code(text):
    assert refused(values.code, Cell(text)) == refused(values.code, Cell(text, "text")) == "shortened_number_invalid"


@pytest.mark.parametrize(
    "text",
    ["12E5", "E12", "1E5", "4.6", "A4,6E+12", "5E-", "10E-2X", "007", "1-2", "10/2", "1.2.24", "10-20-30", "40/40/20"],
)
def test_code_like_shortened_number_is_accepted(text):
    assert values.code(Cell(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "02.янв",
        "янв.26",
        "2-Jan",
        "Jan-02",
        "01.02.2026",
        "2026-02-01",
        "2/1/2026",
        "1 май",
        "01.02.2026 0:00",
        "2/1/2026 12:00:00 AM",
        "2026-2-1 00:00:00.000",
        "2/1/26",
        "01.02.26",
        "1 февраля 2026 г.",
        "01.02.2026\u200b",
    ],
)
def test_day_is_no_code(text):
    assert refused(values.code, Cell(text)) == "date_cell_invalid"


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (Cell("", "formula"), "formula_invalid"),
        (Cell("", "merged"), "merged_cell_invalid"),
        (Cell("", "broken"), "encoding_invalid"),
        (Cell("", "error"), "cell_error_invalid"),
        (Cell("2026-01-01", "date"), "date_cell_invalid"),
        (Cell("1", "flag"), "number_format_invalid"),
        (Cell("12", "number", None), "number_format_invalid"),
        (Cell("1.2345678901234567E19", "number", None), "shortened_number_invalid"),
    ],
)
def test_cell_without_code_is_refused_with_reason(cell, code):
    assert refused(values.code, cell) == code


@pytest.mark.parametrize(
    "text", ["\u200bAB-1", "AB\u200d-1", "\ufeffAB-1", "\u202dAB-1\u202c", "AB-1\ufe0f", "\u2066AB-1\u2069", "A\xadB-1"]
)
def test_code_loses_invisible_characters(text):
    assert values.code(Cell(text)) == "AB-1"


def test_number_is_read_by_its_format():
    assert values.code(Cell("123", "number", "000123")) == "000123"


def test_date_cell_is_read_and_number_refused():
    assert values.day(Cell("2026-11-30", "date")) == "2026-11-30"
    assert refused(values.number, Cell("2026-11-30", "date")) == "date_cell_invalid"


@pytest.mark.parametrize(
    ("codes", "kind", "lost"),
    [
        (["00123", "456"], "number", {1}),
        (["00123", "00456", "789"], "loose", {2}),
        (["00123", "456"], "loose", set()),
        (["001", "0002", "3"], "number", set()),
        (["1", "12", "123"], "number", set()),
        (["00123", "A1"], "number", set()),
    ],
)
def test_number_among_zero_padded_codes_is_refused(codes, kind, lost):
    cells = [Cell(code, kind if code[0] != "0" else "text", code if kind == "number" else "") for code in codes]

    assert lost_zeros.found(cells) == lost


def test_code_shorter_than_nearly_all_is_refused():
    codes = [f"{n:010}" for n in range(2_000_000_000, 2_000_000_012)]

    assert lost_zeros.out_of_form([*codes, "12345678"]) == {12}
    assert lost_zeros.out_of_form([f"CODE-{n}" for n in range(100)]) == set()


def test_codes_ending_in_zeros_are_rounded():
    assert lost_zeros.rounded(["1234567890123400", "9876543210987600", "ABC"]) == {0, 1}
    assert lost_zeros.rounded(["1234567890123450", "1234567890123457", "1234567890123451"]) == set()


@pytest.mark.parametrize("text", ["nan", "NULL", "None", "undefined", "[object Object]", "#ref!", "#Value!", "#ИМЯ"])
@pytest.mark.parametrize("read", [values.code, values.text, values.number])
def test_placeholder_of_a_program_is_refused(text, read):
    assert refused(read, Cell(text)) == "cell_error_invalid"


@pytest.mark.parametrize("read", [values.code, values.text, values.number])
def test_truth_of_a_workbook_is_only_a_flag(read):
    assert refused(read, Cell("1", "flag")) == "number_format_invalid"
    assert values.flag(Cell("1", "flag")) == "1"


def test_percentage_or_foreign_money_is_no_number():
    assert refused(values.number, Cell("0.45", "unit")) == "unit_invalid"
    assert refused(values.code, Cell("45", "unit")) == refused(values.text, Cell("45", "unit"))


@pytest.mark.parametrize("text", ["4607123456789.0", "123456.00"])
def test_code_with_a_fraction_is_refused(text):
    assert refused(values.code, Cell(text)) == refused(values.code, Cell(text, "text")) == "number_format_invalid"


@pytest.mark.parametrize(
    ("shown", "digits"),
    [
        ("1 234", "1234"),
        ("12,345,678", "12345678"),
        ("1'234", "1234"),
        ("123.0", "123"),
        ("1 234.00", "1234"),
        ("1234", None),
        ("1 23", None),
        ("1,234 567", None),
        ("A 123", None),
        ("1.5", None),
    ],
)
def test_digits_of_displayed_number_are_found(shown, digits):
    assert lost_zeros.ungrouped(shown) == digits
