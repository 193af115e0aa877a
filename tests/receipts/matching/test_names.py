"""A shop's wording made plain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.receipts.matching import key
from backend.receipts.matching.articles import gtin14, inside, is_telling
from backend.receipts.matching.names import article_key, brand_keys, unlead


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Розетка  ОПТИМА", "розетка оптима"),
        ("Биоpяженка", "Биоряженка"),
        ("TД Вимос", "ТД Вимос"),
        ("Розетка 2-х мест.. белая", "Розетка 2-х мест. белая"),
        ("Канал 24х18", "Канал 24×18"),
        ("Плинтус 2,5 м", "плинтус 2.5 м"),
    ],
)
def test_wordings_that_differ_only_in_typing_have_one_key(one, other):
    assert key(one) == key(other)


@pytest.mark.parametrize(("one", "other"), [('Кран 1/2"', "Кран 12"), ("Труба 2.5", "Труба 25"), ("А 16", "А 10")])
def test_wordings_of_different_sizes_keep_different_keys(one, other):
    assert key(one) != key(other)


@given(st.text())
def test_a_key_is_its_own_key(name):
    assert key(key(name)) == key(name)


@pytest.mark.parametrize("article", ["РА16-374", "PA16-374", "pa16 374", "РA16374"])
def test_an_article_is_one_in_both_alphabets_and_with_any_separators(article):
    assert article_key(article) == "pa16374"


@pytest.mark.parametrize("text", ["16а", "220b", "25mm", "ip44", "3x15", "e27", "374", "a60", "cba", ""])
def test_a_measure_or_a_short_text_is_no_article(text):
    assert not is_telling(text)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Розетка Оптима РА16-374 белая", ["pa16374"]),
        ("Розетка Оптима РА16 374 белая", ["pa16374"]),
        ("Розетка Оптима РА16-374-Ч", []),
        ("Розетка Оптима РА16-374Ч", []),
        ("Рамка для РА16-374", []),
        ("Розетка 16А", []),
    ],
)
def test_an_article_is_found_only_where_it_stands_alone(name, found):
    assert list(inside(name, {"pa16374", "16a"}.__contains__)) == found


@pytest.mark.parametrize(
    ("text", "padded"),
    [
        ("4606419014681", "04606419014681"),
        ("04606419014681", "04606419014681"),
        (" 46064190 ", ""),
        ("4606419014680", ""),
        ("2000000000008", ""),
        ("0000000000000", ""),
        ("٤٦٠٦٤١٩٠١٤٦٨١", ""),
        (None, ""),
    ],
)
def test_a_gtin_has_a_right_check_digit_and_is_no_shops_own(text, padded):
    assert gtin14(text) == padded


@pytest.mark.parametrize(
    ("name", "digits", "rest"),
    [
        ("*3492277 NEST вода", "3492277", "NEST вода"),
        ("4660043858820 СЫРОК", "4660043858820", "СЫРОК"),
        ("[622240], Розетка", "", "Розетка"),
        ("1/1 105615* Кран", "105615", "Кран"),
        ("1/2 кран", "", "1/2 кран"),
        ("** Лампа", "", "Лампа"),
    ],
)
def test_what_a_shop_puts_before_a_name_is_taken_off(name, digits, rest):
    assert unlead(name) == (digits, rest)


def test_a_maker_is_one_in_both_alphabets():
    assert brand_keys("Оптима") & brand_keys("OPTIMA")
