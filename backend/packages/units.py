"""Units of goods under state marking: which are known, and the numbers of those that are not listed."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import text

from backend.database import Database
from backend.packages.service import Lookup

# What packages_find says of a unit of a known product that is in no list: a rule may pay for it all the same.
UNLISTED = "unlisted"
NUMBERS = text("SELECT * FROM packages_units(CAST(:items AS jsonb))")


async def number(db: Database, units: Sequence[Lookup]) -> dict[int, int]:
    """The numbers of units by the `n` of each, given on first sight."""
    rows = await db.rows(NUMBERS, items=msgspec.json.encode(units).decode())
    return {row.n: row.id for row in rows}
