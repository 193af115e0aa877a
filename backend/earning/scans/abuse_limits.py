"""Limits against guessing codes: where made-up codes are counted, and when they stop an account."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.earning.packages.service import CodeLookup, RefusedCode
from backend.earning.scans.outcomes import ScanRecord
from backend.identity.accounts.authentication import Agent

HOUR, DAY = 3600, 86400  # seconds
DELAY_STEP_SECONDS, MAX_DELAY_SECONDS = 0.1, 2.0  # for each typing error beyond the limit, and in all
MISSED_REASONS = ("unknown", "unlisted", "serial_unclear")
# Accounts are free to create: those younger than an hour are stopped at this part of a network's window.
NEW_ACCOUNT_DIVISOR = 2

# The key of a window; how many made-up codes stop the account (None: alarm only); for how many seconds those of a scan
# count (None: they are counted elsewhere); how many stop an account younger than an hour (None: as many).
GuessWindow = tuple[str, int | None, int | None, int | None]


def account_windows(agent: Agent, settings: Settings, now: datetime) -> list[GuessWindow]:
    """Fraud rule 1: the windows of made-up codes, the account's own first. Misses are counted by count_misses."""
    limit, day = settings.numbers.at, now.date()
    network = limit("wrong_codes_per_hour_per_network", day)
    return [
        (f"wrong:account:{agent.account_id}", limit("wrong_codes_per_hour_per_account", day), HOUR, None),
        (f"wrong:device:{agent.device_id}", limit("wrong_codes_per_day_per_device", day), DAY, None),
        (f"wrong:network:{agent.network}", network, HOUR, network // NEW_ACCOUNT_DIVISOR),
        (f"missed:account:{agent.account_id}", limit("missed_codes_per_hour_per_account", day), None, None),
    ]


def slot_windows(slots: set[int | None]) -> list[GuessWindow]:
    """The windows of made-up codes by slot. They stop no account; they warn of an attack on the slot's key."""
    return [(f"wrong:slot:{slot}", None, HOUR, None) for slot in sorted(slot for slot in slots if slot is not None)]


def count_guessed_codes(records: Sequence[ScanRecord]) -> int:
    """The number of unknown codes in a request. A request with any is checked against the windows item by item."""
    return sum(record.reason == "unknown_code" or record.reason in MISSED_REASONS for record in records)


async def delay_typing_errors(
    db: Database, settings: Settings, agent: Agent, read: Sequence[CodeLookup | RefusedCode], now: datetime
) -> None:
    """Count typing errors; beyond the limit each delays the response. They never count as guessing (rule 2)."""
    typed = sum(isinstance(row, RefusedCode) and row.reason == "typing_error" for row in read)
    if not typed:
        return
    limit = settings.numbers.at("typing_errors_per_hour", now.date())
    counted = await db.call(rate_limits.COUNT_REQUEST, key=f"typing:{agent.account_id}", seconds=HOUR, add=typed)
    if counted.total > limit:
        await asyncio.sleep(min(MAX_DELAY_SECONDS, (counted.total - limit) * DELAY_STEP_SECONDS))


async def count_misses(db: Database, agent: Agent, rows: Sequence[Any]) -> None:
    """Count unknown texts. A code printed elsewhere has no check symbol, so a guess at one looks like any other text.
    Ordinary use produces few of them."""
    missed = sum(row.reason in MISSED_REASONS and not row.replayed for row in rows)
    if missed:
        await db.rows(rate_limits.COUNT_REQUEST, key=f"missed:account:{agent.account_id}", seconds=HOUR, add=missed)
