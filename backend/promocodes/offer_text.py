"""What the buyer gets for a promo code, in a line for cards and pages."""

from babel.numbers import format_currency, format_percent

from backend.language import language, say
from backend.programmes.rules import Fixed, Percent, Rule


def offer_text(rule: Rule, currency: str) -> str:
    """Say what a promo rule takes off, in the caller's language: "5% off, from 1,000 RUB, at most 500 RUB".

    Baskets are paid in money: where the programme counts in points, in roubles.

    Raises:
        ValueError: the rule is no promo rule.
    """
    promo = rule.promo
    if promo is None:
        raise ValueError("a rule without `promo` offers a buyer nothing")
    paid_in = "RUB" if currency == "PTS" else currency
    parts = [say("{amount} off", amount=_discount(promo.discount, paid_in))]
    if promo.minimum is not None:
        parts.append(say("from {amount}", amount=_amount(promo.minimum, paid_in)))
    if promo.most is not None and not isinstance(promo.discount, Fixed):
        parts.append(say("at most {amount}", amount=_amount(promo.most, paid_in)))
    if rule.products is not None or promo.excluded or promo.own_goods:
        parts.append(say("on chosen products"))
    return ", ".join(parts)


def _discount(discount: Fixed | Percent, currency: str) -> str:
    if isinstance(discount, Fixed):
        return _amount(discount.value, currency)
    pattern = "#,##0.##\xa0%" if language.get() == "ru" else "#,##0.##%"
    return format_percent(discount.basis_points / 10_000, pattern, locale=language.get())


def _amount(kopecks: int, currency: str) -> str:
    """Whole roubles without kopecks: a card has little room."""
    pattern = "#,##0.00\xa0¤" if kopecks % 100 else "#,##0\xa0¤"
    return format_currency(kopecks / 100, currency, pattern, locale=language.get(), currency_digits=False)
