"""Which product a line means: each rule, and above all when none may be sure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.earning.receipts.matching import Catalogue, CatalogueProduct, Match

WHITE = CatalogueProduct(
    product_id=1,
    brand="Оптима",
    names=("Розетка двухместная с заземлением белая 16А 250В", "Double socket with earth white 16A"),
    articles=("РА16-374",),
    gtin="4606419014681",
)
BLACK = CatalogueProduct(2, "Оптима", ("Розетка двухместная с заземлением чёрная 16А 250В",), ("РА16-375",), None)
SINGLE = CatalogueProduct(3, "Оптима", ("Розетка одноместная с заземлением белая 16А 250В",), ("РА16-274",), None)
OTHER = CatalogueProduct(4, "Нордлайт", ("Розетка двухместная с заземлением белая 16А 250В",), ("NL-2201",), None)
SHORT = CatalogueProduct(5, "Оптима", ("Кабель-канал 24х18 мм 2 м",), ("24518",), None)


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue((WHITE, BLACK, SINGLE, OTHER, SHORT))


@pytest.mark.parametrize(
    ("name", "how", "product"),
    [
        ("Розетка Оптима РА16-374 2-х мест.. белая. с з/к. 250В. 16А", "article", 1),
        ("РОЗЕТКА OПТИМA PA16/374", "article", 1),
        ("Розетка 2-мест с з/к РА16-375", "article", 2),
        ("Розетка ОПТИМА 2-мест черн. с з/к", "tokens", 2),
        ("[622240], РОЗ. ОПТИМА ОДИНАРН. БЕЛ. С/З", "tokens", 3),
        ("Розетка Нордлайт двухместная белая с з/к", "tokens", 4),
        ("Кабель-канал Оптима 24518 2м", "article", 5),
    ],
)
def test_line_with_one_product_is_credited(catalogue, name, how, product):
    match = catalogue.match(name)

    assert (match.product_id, match.how, match.sure) == (product, how, True)


@pytest.mark.parametrize(
    "name",
    [
        "Розетка Оптима с з/к 2-мест.",  # white or black
        "Розетка Оптима белая с з/к",  # single or double
        "Розетка Оптима РА16-374 черная",  # the article is white
        "Розетка Оптима РА16-374 2-мест. 10А",  # another ampere
        "Розетка Оптима 2-мест. серая с з/к",  # no such colour here
        "Розетка двухместная с заземлением белая 16А 250В",  # anybody's
        "Розетка Ставрон 2-мест. белая с з/к",  # another maker
        "Розетка Ставрон РА16-374 белая",  # another maker with the same article
        "Рамка для Оптима РА16-374",  # meant for it
        "Розетка Оптима Нордлайт 2-мест. белая",  # two makers
        "24518 Кабель-канал 24х18 2м",  # a shop's number that is an article by chance
        "Хлеб Бородинский 400г",
        "",
        "***",
    ],
)
def test_ambiguous_line_goes_to_review(catalogue, name):
    assert not catalogue.match(name).sure


HOUSE = (
    CatalogueProduct(
        product_id=1,
        brand="ООО «Дом электрики»",
        names=("Розетка двойная белая", "Socket", "котел газ KN24", "роз дв бел"),
        articles=("KN24", "GU10", "CR2032"),
        gtin=None,
        trade_marks=("Нордлайт", "Нордлайт Про"),
        exact=("роз дв бел",),
    ),
    CatalogueProduct(2, "ООО «Дом электрики»", ("Розетка двойная чёрная",), (), None, trade_marks=("Ставрон",)),
    CatalogueProduct(3, "ООО «Дом электрики»", ("Лампа GU10", "Батарейка CR2032 2шт"), (), None),
)


@pytest.mark.parametrize(
    ("name", "sure"),
    [
        ("Розетка двойная белая Нордлайт", True),
        ("Розетка двойная белая Nordlait", True),
        ("Розетка двойная белая Дом электрики", True),
        ("Розетка двойная белая Нордлайт Про", True),
        ("КОТЕЛ ГАЗ KN24", True),  # word for word, with the product's own article
        ("Роз. дв. бел.", True),  # signs do not count
        ("РОЗ ДВ БЕЛ", True),  # the brand's decision
        ("РОЗ ДВ БЕЛ Ставрон", False),
        ("Розетка двойная белая", False),  # anybody's
        ("Розетка двойная белая ООО", False),
        ("Розетка двойная белая Ставрон", False),  # the trade mark of other goods of the house
        ("Лампа GU10", False),  # a standard's name is no article
        ("Батарейка CR2032 2шт", False),
    ],
)
def test_line_with_any_trade_mark_is_matched(name, sure):
    match = Catalogue(HOUSE).match(name)

    assert match.sure is sure
    assert not sure or match.product_id == 1


def test_trade_mark_within_longer_one_does_not_match():
    pair = (
        CatalogueProduct(1, "", ("Розетка белая двойная",), (), None, trade_marks=("Оптима",)),
        CatalogueProduct(2, "", ("Розетка белая двойная",), (), None, trade_marks=("Оптима Про",)),
    )

    plain, longer = (Catalogue(pair).match(f"Розетка белая двойная {mark}") for mark in ("Оптима", "Оптима Про"))

    assert [(found.product_id, found.sure) for found in (plain, longer)] == [(1, True), (2, True)]


def test_gtin_precedes_words(catalogue):
    match = catalogue.match("ТОВАР 1", "04606419014681")

    assert match == Match(1, "gtin", 1.0, sure=True, candidates=((1, 1.0),))


def test_gtin_before_name_counts(catalogue):
    assert catalogue.match("4606419014681 РОЗ.").how == "gtin"


@pytest.mark.parametrize("name", ["Розетка Нордлайт", "Розетка Оптима черная"])
def test_gtin_with_contradicting_name_goes_to_review(catalogue, name):
    match = catalogue.match(name, "4606419014681")

    assert (match.product_id, match.sure) == (1, False)


def test_different_gtin_excludes_product(catalogue):
    assert not catalogue.match("Розетка Оптима РА16-374 белая", "4660043858820").sure


def test_truncated_article_does_not_match_shorter_one():
    pair = [
        CatalogueProduct(1, "Оптима", ("Розетка белая",), ("РА16-37",), None),
        CatalogueProduct(2, "Оптима", ("Розетка",), ("РА16-374",), None),
    ]

    match = Catalogue(pair).match("Розетка с заземл. ОПТИМА РА16-37")

    assert not match.sure


def test_candidates_are_five_best_first(catalogue):
    match = catalogue.match("Розетка Оптима")

    scores = [score for _, score in match.candidates]
    assert 1 < len(scores) <= 5
    assert match.candidates[0][0] == match.product_id


def test_identical_products_are_never_sure():
    twins = [
        CatalogueProduct(number, "Оптима", ("Розетка белая",), ("РА16-374",), "4606419014681") for number in (1, 2)
    ]
    catalogue = Catalogue(twins)

    assert not catalogue.match("Розетка Оптима белая РА16-374").sure
    assert not catalogue.match("Розетка", "4606419014681").sure


def test_empty_catalogue_matches_nothing():
    assert Catalogue(()).match("Розетка", "4606419014681") == Match(None, "none", 0.0, sure=False, candidates=())


@given(name=st.text(alphabet=st.sampled_from('РОАраоPAxх 0123456789./-*"[]ВбелчернIP,½٣'), max_size=60))
def test_arbitrary_wording_raises_no_error(catalogue, name):
    match = catalogue.match(name)

    assert 0 <= match.score <= 1
    assert match.product_id is not None or not match.sure
