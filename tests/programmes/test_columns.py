"""Headers and cells of a product file."""

import pytest

from backend.core.http.errors import DomainError
from backend.programmes.products import columns


def column(header):
    (found,) = [column for column in columns.columns_of_headers(["sku", header]) if column and column.field != "sku"]
    return found


def read(header, cell):
    return column(header).read(cell)


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("GTIN", "gtin"),
        ("штрихкод", "gtin"),
        (" Штрих-Код ", "gtin"),
        ("EAN13", "gtin"),
        ("Наименование", "name_ru"),
        ("name_en", "name_en"),
        ("Гарантия,  мес", "warranty_months"),
        ("Цена", "price"),
        ("price", "price"),
        ("Цена\u200b,\xa0руб:", "price"),
        ('"price"', "price"),
        ("Артикул", "articles"),
        ("Артикулы", "articles"),
        ("В архиве", "archived"),
        ("Производитель", "maker"),
        ("Бренд", "trade_marks"),
        ("brand", "trade_marks"),
        ("Точные синонимы", "exact_aliases"),
    ],
)
def test_headers_in_both_languages_are_known(header, field):
    assert column(header).field == field


def test_article_without_sku_column_is_the_sku():
    found = columns.columns_of_headers(["Артикул", "Наименование"])

    assert [column.field for column in found] == ["sku", "name_ru"]


def test_unknown_headers_are_ignored():
    found = columns.columns_of_headers(["sku", "Остаток"])

    assert found[1] is None


@pytest.mark.parametrize(
    ("headers", "code"),
    [(["name_ru"], "column_missing"), (["sku", "price", "Цена"], "columns_repeated"), ([""], "column_missing")],
)
def test_ambiguous_or_missing_headers_are_refused(headers, code):
    with pytest.raises(DomainError) as refusal:
        columns.columns_of_headers(headers)

    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("header", "cell", "value"),
    [
        ("price", "45000", 45000),
        ("price", "", None),
        ("price", "0", 0),
        ("Цена, руб", "450", 45000),
        ("Цена, руб", "450,5", 45050),
        ("Цена, руб", "450.50", 45050),
        ("Цена, руб", "1 234,50 ₽", 123450),
        ("Цена, руб", "1\u00a0234\u202f567", 123456700),
        ("Цена, руб", "99 руб.", 9900),
        ("Цена, руб", "", None),
        ("warranty_months", "24", 24),
        ("warranty_months", "", 0),
        ("aliases", "розетка | розетка с землёй|", ["розетка", "розетка с землёй"]),
        ("aliases", "a\nb", ["a", "b"]),
        ("aliases", "", []),
        ("archived", "ДА", True),
        ("archived", "", False),
        ("archived", "no", False),
        ("gtin", "", None),
        ("gtin", "46 00000 000015", "04600000000015"),
        ("name_ru", "Розетка\nдвойная", "Розетка двойная"),
        ("name_en", "", ""),
    ],
)
def test_cell_in_usual_format_is_parsed(header, cell, value):
    assert read(header, cell) == value


@pytest.mark.parametrize(
    ("header", "cell", "code"),
    [
        ("price", "450.00", "kopecks_invalid"),
        ("price", "-1", "kopecks_invalid"),
        ("price", "²", "kopecks_invalid"),
        ("price", "9999999999999", "kopecks_invalid"),
        ("Цена, руб", "1,234.50", "roubles_invalid"),
        ("Цена, руб", "1,234", "roubles_invalid"),
        ("Цена, руб", "сто", "roubles_invalid"),
        ("Цена, руб", "99999999999", "roubles_invalid"),
        ("Цена, руб", "1" * 500, "roubles_invalid"),
        ("warranty_months", "1201", "warranty_invalid"),
        ("warranty_months", "2 года", "warranty_invalid"),
        ("gtin", "4600000000014", "gtin_invalid"),
        ("gtin", "4,6E+12", "gtin_invalid"),
        ("name_ru", "", "cell_empty"),
        ("name_ru", "a\0b", "cell_unreadable"),
        ("name_ru", "я" * 201, "cell_too_long"),
        ("aliases", "|".join("abcdefgh" * 7), "list_invalid"),
        ("aliases", "a" * 101, "list_invalid"),
        ("archived", "может быть", "flag_invalid"),
    ],
)
def test_cell_in_unknown_format_is_refused(header, cell, code):
    with pytest.raises(DomainError) as refusal:
        read(header, cell)

    assert refusal.value.code == code


@pytest.mark.parametrize("sku", ["", "a|b", "/a", "a//b", ".a", "x" * 65, "a\n"])
def test_sku_that_breaks_urls_is_refused(sku):
    (found,) = columns.columns_of_headers(["sku"])

    with pytest.raises(DomainError):
        found.read(sku)
