"""Amounts are written as CLDR writes them, only faster."""

from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from backend.language import language, money

CODES = st.sampled_from(["ru", "en"])
# Beyond this a float, which CLDR's own way would need, has no room for the hundredths.
AMOUNTS = st.integers(-(10**13), 10**13)


@given(AMOUNTS, CODES)
def test_roubles_are_written_as_cldr_does(amount, code):
    token = language.set(code)
    try:
        assert money(amount, "RUB") == format_currency(amount / 100, "RUB", locale=code)
    finally:
        language.reset(token)


@given(AMOUNTS, CODES)
def test_points_are_written_as_cldr_does(amount, code):
    token = language.set(code)
    try:
        assert money(amount, "PTS").startswith(format_decimal(amount, locale=code) + " ")
    finally:
        language.reset(token)
