"""The one-line text of a promo rule's discount."""

import pytest

from backend.core.language import language
from backend.earning.promocodes.offer_text import offer_text
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo, Rule


def text_of(promo, lang, currency="RUB", **fields):
    token = language.set(lang)
    try:
        return offer_text(Rule(ways=frozenset({"promo"}), amount=FixedAmount(100), promo=promo, **fields), currency)
    finally:
        language.reset(token)


@pytest.mark.parametrize(
    ("promo", "english", "russian"),
    [
        (Promo(PercentAmount(500)), "5% off", "Скидка 5\xa0%"),
        (Promo(PercentAmount(1250)), "12.5% off", "Скидка 12,5\xa0%"),
        (Promo(FixedAmount(30000)), "300\xa0RUB off", "Скидка 300\xa0₽"),
        (Promo(FixedAmount(30050)), "300.50\xa0RUB off", "Скидка 300,50\xa0₽"),
        (
            Promo(PercentAmount(500), most=50000, minimum=100000),
            "5% off, from 1,000\xa0RUB, at most 500\xa0RUB",
            "Скидка 5\xa0%, от 1\xa0000\xa0₽, не больше 500\xa0₽",
        ),
        (
            Promo(PercentAmount(500), excluded=frozenset({7})),
            "5% off, on chosen products",
            "Скидка 5\xa0%, на выбранные товары",
        ),
    ],
)
def test_offer_text_is_in_the_callers_language(promo, english, russian):
    assert text_of(promo, "en") == english
    assert text_of(promo, "ru") == russian


def test_discount_of_programme_in_points_is_in_roubles():
    assert (
        text_of(Promo(FixedAmount(30000)), "en", "PTS", products=frozenset({1})) == "300\xa0RUB off, on chosen products"
    )


def test_rule_without_promo_raises():
    with pytest.raises(ValueError, match="promo"):
        offer_text(Rule(ways=frozenset({"package"}), amount=FixedAmount(100)), "RUB")
