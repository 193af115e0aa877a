"""Made-up codes: where they are counted, when they stop an account."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from backend import limits
from backend.accounts.door import Agent
from backend.database import Database
from backend.packages.service import Lookup, Unread
from backend.settings import Settings

HOUR, DAY = 3600, 86400  # seconds
SLOWER_SECONDS, SLOWEST_SECONDS = 0.1, 2.0  # by each typing error beyond the limit, and at the most
MISSES = ("unknown", "unlisted")

# A window's key, how many stop the account (none: it is an alarm only), the seconds that those of a scan count for
# (none: they count elsewhere).
Window = tuple[str, int | None, int | None]


def windows(agent: Agent, settings: Settings, now: datetime) -> list[Window]:
    """Fraud rule 1: where made-up codes are counted, the account's own first; misses are counted elsewhere."""
    most, day = settings.numbers.at, now.date()
    return [
        (f"wrong:account:{agent.account_id}", most("wrong_codes_per_hour_per_account", day), HOUR),
        (f"wrong:device:{agent.device_id}", most("wrong_codes_per_day_per_device", day), DAY),
        (f"wrong:network:{agent.network}", most("wrong_codes_per_hour_per_network", day), HOUR),
        (f"missed:account:{agent.account_id}", most("missed_codes_per_hour_per_account", day), None),
    ]


def alarms(slots: set[int | None]) -> list[Window]:
    """Where made-up codes of a slot are counted: that stops nobody, but somebody may be after its key."""
    return [(f"wrong:slot:{slot}", None, HOUR) for slot in sorted(slot for slot in slots if slot is not None)]


async def slow_down(
    db: Database, settings: Settings, agent: Agent, read: Sequence[Lookup | Unread], now: datetime
) -> None:
    """Count typing errors; beyond the limit each makes the answer wait. They never count as guessing (rule 2)."""
    typed = sum(isinstance(row, Unread) and row.reason == "typing_error" for row in read)
    if not typed:
        return
    most = settings.numbers.at("typing_errors_per_hour", now.date())
    counted = await db.call(limits.COUNT, key=f"typing:{agent.account_id}", seconds=HOUR, add=typed)
    if counted.total > most:
        await asyncio.sleep(min(SLOWEST_SECONDS, (counted.total - most) * SLOWER_SECONDS))


async def count_misses(db: Database, agent: Agent, rows: Sequence[Any]) -> None:
    """Count texts that are nobody's code: a code printed elsewhere has no check symbol, so a guess at one looks like
    any other text. An honest phone meets few of them."""
    missed = sum(row.reason in MISSES and not row.replayed for row in rows)
    if missed:
        await db.rows(limits.COUNT, key=f"missed:account:{agent.account_id}", seconds=HOUR, add=missed)
