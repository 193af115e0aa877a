"""Which product a line means: each rule, and above all when none may be sure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.receipts.matching import Catalogue, Entry, Match

WHITE = Entry(
    product_id=1,
    brand="Оптима",
    names=("Розетка двухместная с заземлением белая 16А 250В", "Double socket with earth white 16A"),
    articles=("РА16-374",),
    gtin="4606419014681",
)
BLACK = Entry(2, "Оптима", ("Розетка двухместная с заземлением чёрная 16А 250В",), ("РА16-375",), None)
SINGLE = Entry(3, "Оптима", ("Розетка одноместная с заземлением белая 16А 250В",), ("РА16-274",), None)
OTHER = Entry(4, "Нордлайт", ("Розетка двухместная с заземлением белая 16А 250В",), ("NL-2201",), None)
SHORT = Entry(5, "Оптима", ("Кабель-канал 24х18 мм 2 м",), ("24518",), None)


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
def test_a_line_that_tells_one_product_is_credited(catalogue, name, how, product):
    match = catalogue.match(name)

    assert (match.product_id, match.how, match.sure) == (product, how, True)


@pytest.mark.parametrize(
    "name",
    [
        "Розетка Оптима с з/к 2-мест.",  # white or black
        "Розетка Оптима белая с з/к",  # single or double
        "Розетка Оптима РА16-374 черная",  # the article says white
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
def test_a_line_that_could_mean_another_product_goes_to_a_person(catalogue, name):
    assert not catalogue.match(name).sure


def test_a_gtin_goes_before_all_words(catalogue):
    match = catalogue.match("ТОВАР 1", "04606419014681")

    assert match == Match(1, "gtin", 1.0, sure=True, candidates=((1, 1.0),))


def test_a_gtin_before_the_name_counts_too(catalogue):
    assert catalogue.match("4606419014681 РОЗ.").how == "gtin"


@pytest.mark.parametrize("name", ["Розетка Нордлайт", "Розетка Оптима черная"])
def test_a_gtin_whose_line_says_otherwise_goes_to_a_person(catalogue, name):
    match = catalogue.match(name, "4606419014681")

    assert (match.product_id, match.sure) == (1, False)


def test_another_gtin_speaks_against_a_product_that_has_one(catalogue):
    assert not catalogue.match("Розетка Оптима РА16-374 белая", "4660043858820").sure


def test_a_line_cut_inside_an_article_is_not_taken_for_the_shorter_one():
    pair = [
        Entry(1, "Оптима", ("Розетка белая",), ("РА16-37",), None),
        Entry(2, "Оптима", ("Розетка",), ("РА16-374",), None),
    ]

    match = Catalogue(pair).match("Розетка с заземл. ОПТИМА РА16-37")

    assert not match.sure


def test_the_reviewer_sees_five_candidates_at_most_the_best_first(catalogue):
    match = catalogue.match("Розетка Оптима")

    scores = [score for _, score in match.candidates]
    assert 1 < len(scores) <= 5
    assert match.candidates[0][0] == match.product_id


def test_two_products_alike_in_all_are_never_told_apart():
    twins = [Entry(number, "Оптима", ("Розетка белая",), ("РА16-374",), "4606419014681") for number in (1, 2)]
    catalogue = Catalogue(twins)

    assert not catalogue.match("Розетка Оптима белая РА16-374").sure
    assert not catalogue.match("Розетка", "4606419014681").sure


def test_an_empty_catalogue_matches_nothing():
    assert Catalogue(()).match("Розетка", "4606419014681") == Match(None, "none", 0.0, sure=False, candidates=())


@given(name=st.text(alphabet=st.sampled_from('РОАраоPAxх 0123456789./-*"[]ВбелчернIP,½٣'), max_size=60))
def test_no_wording_breaks_the_matching(catalogue, name):
    match = catalogue.match(name)

    assert 0 <= match.score <= 1
    assert match.product_id is not None or not match.sure
