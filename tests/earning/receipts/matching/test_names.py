"""A shop's wording made plain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.earning.receipts.matching import wording_key
from backend.earning.receipts.matching.articles import find_articles, is_identifying, normalize_gtin
from backend.earning.receipts.matching.names import article_key, brand_keys, maker_name, maker_spellings, split_lead


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
    assert wording_key(one) == wording_key(other)


@pytest.mark.parametrize(("one", "other"), [('Кран 1/2"', "Кран 12"), ("Труба 2.5", "Труба 25"), ("А 16", "А 10")])
def test_wordings_of_different_sizes_keep_different_keys(one, other):
    assert wording_key(one) != wording_key(other)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("ООО «Оптима»", "Оптима"),
        ('ООО "ТД Оптима"', "Оптима"),
        ("АО НПО Оптима-Свет", "Оптима-Свет"),
        ("Optima Ltd.", "Optima"),
        ("O'Neil's", "O'Neil's"),
        ("Оптима", "Оптима"),
        ("ООО", "ООО"),
        ("«»", "«»"),
    ],
)
def test_maker_is_named_without_its_legal_form(name, plain):
    assert maker_name(name) == plain


@pytest.mark.parametrize("name", ["А", "16", "", "«Б»", "***"])
def test_maker_of_one_character_is_ignored(name):
    assert maker_spellings(name) == frozenset()


@given(st.text())
def test_wording_key_is_idempotent(name):
    assert wording_key(wording_key(name)) == wording_key(name)


@pytest.mark.parametrize("article", ["РА16-374", "PA16-374", "pa16 374", "РA16374"])
def test_article_ignores_alphabet_and_separators(article):
    assert article_key(article) == "pa16374"


@pytest.mark.parametrize("text", ["16а", "220b", "25mm", "ip44", "3x15", "e27", "374", "a60", "cba", ""])
def test_measure_or_short_text_is_no_article(text):
    assert not is_identifying(text)


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
def test_article_inside_another_is_not_found(name, found):
    assert list(find_articles(name, {"pa16374", "16a"}.__contains__)) == found


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
def test_gtin_requires_check_digit_and_no_shop_prefix(text, padded):
    assert normalize_gtin(text) == padded


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
def test_shop_prefix_is_split_from_name(name, digits, rest):
    assert split_lead(name) == (digits, rest)


def test_maker_ignores_alphabet():
    assert brand_keys("Оптима") & brand_keys("OPTIMA")
