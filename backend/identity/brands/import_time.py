"""Limits of the time that imports take, by member of staff and by network."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.identity.brands.authentication import Member

HOUR = 3600  # seconds


@asynccontextmanager
async def charge_time(
    db: Database, settings: Settings, member: Member, network: str, now: datetime
) -> AsyncIterator[None]:
    """Count the milliseconds of the block, also where it raises.

    Raises:
        TooManyRequests: imports of this hour have used up the time of the member or the network.
    """
    seconds = {
        f"import_ms:member:{member.staff_id}": settings.numbers.at("import_seconds_per_hour", now.date()),
        f"import_ms:network:{network}": settings.numbers.at("import_seconds_per_hour_per_network", now.date()),
    }
    for key, limit in seconds.items():
        await rate_limits.check_limit(db, key, limit=limit * 1000)
    begun = time.monotonic()
    try:
        yield
    finally:
        milliseconds = max(1, round((time.monotonic() - begun) * 1000))
        for key in seconds:
            await db.rows(rate_limits.COUNT_REQUEST, key=key, seconds=HOUR, add=milliseconds)
