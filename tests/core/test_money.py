"""Amounts are formatted like CLDR does, but faster."""

from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from backend.core.language import language, money

CODES = st.sampled_from(["ru", "en"])
# Beyond this a float, which CLDR formatting would need, loses the hundredths.
AMOUNTS = st.integers(-(10**13), 10**13)


@given(AMOUNTS, CODES)
def test_roubles_are_formatted_like_cldr(amount, code):
    token = language.set(code)
    try:
        assert money(amount, "RUB") == format_currency(amount / 100, "RUB", locale=code)
    finally:
        language.reset(token)


@given(AMOUNTS, CODES)
def test_points_are_formatted_like_cldr(amount, code):
    token = language.set(code)
    try:
        assert money(amount, "PTS").startswith(format_decimal(amount, locale=code) + " ")
    finally:
        language.reset(token)
