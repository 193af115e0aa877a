"""The part of an award that a return claws back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.earning.receipts.awards.line_awards import due_amount, round_quantity

QUANTITIES = st.decimals(min_value="0.001", max_value="99999999999.999", places=3)


@pytest.mark.parametrize(
    ("amount", "returned", "quantity", "due"),
    [
        (5400, "1", "2", 2700),
        (100, "1", "3", 33),
        (100, "2", "3", 66),
        (100, "3", "3", 100),
        (5400, "0.5", "1.5", 1800),
        (10**15 + 1, "99999999999.998", "99999999999.999", 999_999_999_999_990),
    ],
)
def test_due_amount_is_share_rounded_down(amount: int, returned: str, quantity: str, due: int):
    assert due_amount(amount, Decimal(returned), Decimal(quantity)) == due


@given(st.integers(1, 10**15), QUANTITIES)
def test_whole_return_takes_the_whole_award(amount: int, quantity: Decimal):
    assert due_amount(amount, quantity, quantity) == amount


@given(st.integers(1, 10**15), st.lists(QUANTITIES, min_size=2, max_size=5))
def test_due_amount_never_falls_with_more_returns(amount: int, parts: list[Decimal]):
    whole = sum(parts)
    returned = [sum(parts[: count + 1]) for count in range(len(parts))]

    due = [due_amount(amount, part, whole) for part in returned]

    assert due == sorted(due)
    assert due[-1] == amount


@pytest.mark.parametrize(("quantity", "stored"), [("1.0005", "1.001"), ("1.0004", "1.000"), ("2", "2.000")])
def test_quantity_is_rounded_to_a_thousandth(quantity: str, stored: str):
    assert str(round_quantity(Decimal(quantity))) == stored
