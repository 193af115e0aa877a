"""The fraud rules about receipts: pure functions over counts. docs/fraud-rules.md numbers all rules."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

VERSION = 1  # of all rules, stored with each signal
LARGE_AMOUNT = "large_by_hand"
UNCLEAR_RETURN = "unclear_return"
# Findings that may be wrong: they can run in shadow, and reviewers can overturn them.
FALLIBLE_RULES = ("receipt_velocity", "cashier_pattern", "till_share", "two_places")


class FoundSignal(msgspec.Struct, frozen=True):
    """What a rule found: its points, and the figures that it saw."""

    rule: str
    points: int
    inputs: dict[str, Any]


class ReceiptCounts(msgspec.Struct, frozen=True):
    """What is counted around the purchase on a receipt, the receipt included."""

    day: int  # the agent's receipts within a day before and after
    hour: int  # within an hour
    shop: int  # of one shop within ten minutes
    quick: int  # of one till within a week, sent at once after the sale
    own: int  # of one till on that day
    numbers: int  # all receipts of that till on that day, by their numbers


class ReceiptThresholds(msgspec.Struct, frozen=True):
    """Counts from which, or above which, a rule finds something (backend/core/numbers.toml)."""

    day: int
    hour: int
    shop: int
    quick: int
    share_percent: int
    min_own: int  # fewer receipts of an agent do not describe a till


def receipt_signals(
    counts: ReceiptCounts, thresholds: ReceiptThresholds, till: str, *, is_quick: bool
) -> list[FoundSignal]:
    """What the rules 7 to 9 find about a receipt."""
    found = (
        receipt_velocity(counts, thresholds),
        cashier_pattern(counts, thresholds, till, is_quick=is_quick),
        till_share(counts, thresholds, till),
    )
    return [signal for signal in found if signal is not None]


def receipt_velocity(counts: ReceiptCounts, thresholds: ReceiptThresholds) -> FoundSignal | None:
    """Rule 7: too many purchases of an agent within a day, an hour, or ten minutes of one shop."""
    if counts.day <= thresholds.day and counts.hour <= thresholds.hour and counts.shop <= thresholds.shop:
        return None
    return FoundSignal("receipt_velocity", 20, {"day": counts.day, "hour": counts.hour, "shop": counts.shop})


def cashier_pattern(
    counts: ReceiptCounts, thresholds: ReceiptThresholds, till: str, *, is_quick: bool
) -> FoundSignal | None:
    """Rule 8: receipts of one till that are sent at once, again and again, as only its cashier could."""
    if not is_quick or counts.quick < thresholds.quick:
        return None
    return FoundSignal("cashier_pattern", 40, {"till": till, "quick": counts.quick})


def till_share(counts: ReceiptCounts, thresholds: ReceiptThresholds, till: str) -> FoundSignal | None:
    """Rule 9: a large share of a till's receipts of a day goes to one agent."""
    if counts.own < thresholds.min_own or counts.own * 100 <= counts.numbers * thresholds.share_percent:
        return None
    return FoundSignal("till_share", 60, {"till": till, "receipts": counts.own, "of": counts.numbers})


def unclear_return(identity: str) -> FoundSignal:
    """Rule 10: another agent sent a return of such goods."""
    return FoundSignal(UNCLEAR_RETURN, 10, {"return": identity})


def large_amount(amount: int, above: int) -> FoundSignal | None:
    """Rule 14: a reviewer's own reading of a receipt pays more than one person may release."""
    return FoundSignal(LARGE_AMOUNT, 20, {"amount": amount, "above": above}) if amount > above else None


def points_of(signals: Sequence[FoundSignal], shadow: Collection[str]) -> int:
    """The sum of the points. Rules in shadow have none."""
    return sum(signal.points for signal in signals if signal.rule not in shadow)
