"""A one-line description of a promo code's discount, for cards and pages."""

from babel.numbers import format_currency, format_percent

from backend.core.language import language, translate
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Rule


def offer_text(rule: Rule, currency: str) -> str:
    """The discount of a promo rule in the caller's language: "5% off, from 1,000 RUB, at most 500 RUB".

    Baskets are paid in money, so the currency of a programme in points is the rouble.

    Raises:
        ValueError: the rule has no `promo`.
    """
    promo = rule.promo
    if promo is None:
        raise ValueError("a rule without `promo` offers a buyer nothing")
    paid_in = "RUB" if currency == "PTS" else currency
    parts = [translate("{amount} off", amount=_discount_text(promo.discount, paid_in))]
    if promo.minimum is not None:
        parts.append(translate("from {amount}", amount=_money_text(promo.minimum, paid_in)))
    if promo.most is not None and not isinstance(promo.discount, FixedAmount):
        parts.append(translate("at most {amount}", amount=_money_text(promo.most, paid_in)))
    if rule.products is not None or promo.excluded or promo.own_goods:
        parts.append(translate("on chosen products"))
    return ", ".join(parts)


def _discount_text(discount: FixedAmount | PercentAmount, currency: str) -> str:
    if isinstance(discount, FixedAmount):
        return _money_text(discount.value, currency)
    pattern = "#,##0.##\xa0%" if language.get() == "ru" else "#,##0.##%"
    return format_percent(discount.basis_points / 10_000, pattern, locale=language.get())


def _money_text(kopecks: int, currency: str) -> str:
    """Whole roubles without kopecks: space on a card is small."""
    pattern = "#,##0.00\xa0¤" if kopecks % 100 else "#,##0\xa0¤"
    return format_currency(kopecks / 100, currency, pattern, locale=language.get(), currency_digits=False)
