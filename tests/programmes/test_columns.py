"""What headers and cells of a product file mean."""

import pytest

from backend.errors import Refusal
from backend.programmes import columns


def column(header):
    (found,) = [column for column in columns.of_headers(["sku", header]) if column and column.field != "sku"]
    return found


def read(header, cell):
    return column(header).read(cell)


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("GTIN", "gtin"), ("штрихкод", "gtin"), (" Штрих-Код ", "gtin"), ("EAN13", "gtin"),
        ("Наименование", "name_ru"), ("name_en", "name_en"), ("Гарантия,  мес", "warranty_months"),
        ("Цена", "price"), ("price", "price"), ("Артикул", "articles"), ("Артикулы", "articles"),
        ("В архиве", "archived"),
    ],
)  # fmt: skip
def test_headers_are_known_in_both_languages(header, field):
    assert column(header).field == field


def test_an_article_is_the_sku_where_there_is_no_other():
    found = columns.of_headers(["Артикул", "Наименование"])

    assert [column.field for column in found] == ["sku", "name_ru"]


def test_strange_headers_are_passed_over():
    found = columns.of_headers(["sku", "Остаток"])

    assert found[1] is None


@pytest.mark.parametrize(
    ("headers", "code"),
    [(["name_ru"], "column_missing"), (["sku", "price", "Цена"], "columns_repeated"), ([""], "column_missing")],
)
def test_headers_that_cannot_be_right_are_refused(headers, code):
    with pytest.raises(Refusal) as refusal:
        columns.of_headers(headers)

    assert refusal.value.code() == code


@pytest.mark.parametrize(
    ("header", "cell", "value"),
    [
        ("price", "45000", 45000), ("price", "", None), ("price", "0", 0),
        ("Цена, руб", "450", 45000), ("Цена, руб", "450,5", 45050), ("Цена, руб", "450.50", 45050),
        ("Цена, руб", "1 234,50 ₽", 123450), ("Цена, руб", "1\u00a0234\u202f567", 123456700),
        ("Цена, руб", "99 руб.", 9900), ("Цена, руб", "", None),
        ("warranty_months", "24", 24), ("warranty_months", "", 0),
        ("aliases", "розетка | розетка с землёй|", ["розетка", "розетка с землёй"]), ("aliases", "a\nb", ["a", "b"]),
        ("aliases", "", []), ("archived", "ДА", True), ("archived", "", False), ("archived", "no", False),
        ("gtin", "", None), ("gtin", "46 00000 000015", "04600000000015"),
        ("name_ru", "Розетка\nдвойная", "Розетка двойная"), ("name_en", "", ""),
    ],
)  # fmt: skip
def test_a_cell_means_what_people_mean(header, cell, value):
    assert read(header, cell) == value


@pytest.mark.parametrize(
    ("header", "cell", "code"),
    [
        ("price", "450.00", "kopecks_invalid"), ("price", "-1", "kopecks_invalid"), ("price", "²", "kopecks_invalid"),
        ("price", "9999999999999", "kopecks_invalid"), ("Цена, руб", "1,234.50", "roubles_invalid"),
        ("Цена, руб", "1,234", "roubles_invalid"), ("Цена, руб", "сто", "roubles_invalid"),
        ("Цена, руб", "99999999999", "roubles_invalid"), ("Цена, руб", "1" * 500, "roubles_invalid"),
        ("warranty_months", "1201", "warranty_invalid"), ("warranty_months", "2 года", "warranty_invalid"),
        ("gtin", "4600000000014", "gtin_invalid"), ("gtin", "4,6E+12", "gtin_invalid"),
        ("name_ru", "", "cell_empty"), ("name_ru", "#N/A", "cell_unreadable"), ("name_ru", "a\0b", "cell_unreadable"),
        ("name_ru", "я" * 201, "cell_too_long"), ("aliases", "|".join("abcdefgh" * 7), "list_invalid"),
        ("aliases", "a" * 101, "list_invalid"), ("archived", "может быть", "flag_invalid"),
    ],
)  # fmt: skip
def test_a_cell_that_means_nothing_is_refused(header, cell, code):
    with pytest.raises(Refusal) as refusal:
        read(header, cell)

    assert refusal.value.code() == code


@pytest.mark.parametrize("sku", ["", "a|b", "/a", "a//b", ".a", "x" * 65, "a\n"])
def test_a_sku_that_would_not_survive_is_refused(sku):
    (found,) = columns.of_headers(["sku"])

    with pytest.raises(Refusal):
        found.read(sku)
