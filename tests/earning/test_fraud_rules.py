"""The fraud rules about receipts, by counts on both sides of their thresholds."""

import pytest

from backend.earning import fraud_rules
from backend.earning.fraud_rules import FoundSignal, ReceiptCounts, ReceiptThresholds

THRESHOLDS = ReceiptThresholds(day=8, hour=3, shop=2, quick=10, share_percent=5, min_own=5)


def counts(**changed: int) -> ReceiptCounts:
    return ReceiptCounts(**{"day": 1, "hour": 1, "shop": 1, "quick": 0, "own": 1, "numbers": 1} | changed)


def rules(seen: ReceiptCounts, *, is_quick: bool = False) -> list[str]:
    return [found.rule for found in fraud_rules.receipt_signals(seen, THRESHOLDS, "till", is_quick=is_quick)]


@pytest.mark.parametrize(("name", "most"), [("day", 8), ("hour", 3), ("shop", 2)])
def test_velocity_is_found_above_each_threshold(name: str, most: int):
    assert rules(counts(**{name: most})) == []
    assert rules(counts(**{name: most + 1})) == ["receipt_velocity"]


def test_velocity_signal_has_points_and_counts():
    found = fraud_rules.receipt_velocity(counts(day=9, hour=2), THRESHOLDS)

    assert found == FoundSignal("receipt_velocity", 20, {"day": 9, "hour": 2, "shop": 1})


@pytest.mark.parametrize(
    ("quick", "is_quick", "expected"), [(9, True, []), (10, True, ["cashier_pattern"]), (10, False, [])]
)
def test_cashier_pattern_needs_quick_receipt_and_count(quick: int, is_quick: bool, expected: list[str]):
    assert rules(counts(quick=quick), is_quick=is_quick) == expected


@pytest.mark.parametrize(
    ("own", "numbers", "expected"),
    [(4, 4, []), (5, 100, []), (5, 99, ["till_share"]), (6, 100, ["till_share"])],
)
def test_till_share_needs_count_and_percentage(own: int, numbers: int, expected: list[str]):
    assert rules(counts(own=own, numbers=numbers)) == expected


def test_all_rules_are_found_in_their_order():
    seen = counts(day=9, quick=10, own=5, numbers=5)

    assert rules(seen, is_quick=True) == ["receipt_velocity", "cashier_pattern", "till_share"]


def test_large_amount_is_found_above_release_limit():
    assert fraud_rules.large_amount(5_400, 5_400) is None
    assert fraud_rules.large_amount(5_401, 5_400) == FoundSignal("large_by_hand", 20, {"amount": 5_401, "above": 5_400})


def test_unclear_return_names_the_return():
    assert fraud_rules.unclear_return("9999:17") == FoundSignal("unclear_return", 10, {"return": "9999:17"})


def test_points_leave_out_rules_in_shadow():
    found = [FoundSignal("receipt_velocity", 20, {}), FoundSignal("till_share", 60, {})]

    assert fraud_rules.points_of(found, frozenset()) == 80
    assert fraud_rules.points_of(found, {"till_share"}) == 20
    assert fraud_rules.points_of([], frozenset()) == 0
