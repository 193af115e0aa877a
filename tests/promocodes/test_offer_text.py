"""What a promo rule offers, in one line."""

import pytest

from backend.language import language
from backend.programmes.rules import Fixed, Percent, Promo, Rule
from backend.promocodes.offer_text import offer_text


def told(promo, lang, currency="RUB", **fields):
    token = language.set(lang)
    try:
        return offer_text(Rule(ways=frozenset({"promo"}), amount=Fixed(100), promo=promo, **fields), currency)
    finally:
        language.reset(token)


@pytest.mark.parametrize(
    ("promo", "english", "russian"),
    [
        (Promo(Percent(500)), "5% off", "Скидка 5\xa0%"),
        (Promo(Percent(1250)), "12.5% off", "Скидка 12,5\xa0%"),
        (Promo(Fixed(30000)), "300\xa0RUB off", "Скидка 300\xa0₽"),
        (Promo(Fixed(30050)), "300.50\xa0RUB off", "Скидка 300,50\xa0₽"),
        (
            Promo(Percent(500), most=50000, minimum=100000),
            "5% off, from 1,000\xa0RUB, at most 500\xa0RUB",
            "Скидка 5\xa0%, от 1\xa0000\xa0₽, не больше 500\xa0₽",
        ),
        (
            Promo(Percent(500), excluded=frozenset({7})),
            "5% off, on chosen products",
            "Скидка 5\xa0%, на выбранные товары",
        ),
    ],
)
def test_an_offer_is_told_in_the_callers_language(promo, english, russian):
    assert told(promo, "en") == english
    assert told(promo, "ru") == russian


def test_a_programme_that_counts_in_points_still_takes_off_roubles():
    assert told(Promo(Fixed(30000)), "en", "PTS", products=frozenset({1})) == "300\xa0RUB off, on chosen products"


def test_a_rule_without_a_promo_offers_nothing():
    with pytest.raises(ValueError, match="promo"):
        offer_text(Rule(ways=frozenset({"package"}), amount=Fixed(100)), "RUB")
