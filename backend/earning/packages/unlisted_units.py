"""Numbers of units of goods under state marking that are not listed."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import text

from backend.core.db.database import Database
from backend.earning.packages.service import CodeLookup

# packages_find: a unit of a known product that is in no list. A rule may credit it nevertheless.
UNLISTED = "unlisted"
# packages_find: the separator before a tail was lost, and no list has a serial that the text begins with. Such a unit
# could be credited twice.
UNCLEAR = "serial_unclear"
NUMBER_UNITS = text("SELECT * FROM packages_units(CAST(:items AS jsonb))")


async def number_units(db: Database, units: Sequence[CodeLookup]) -> dict[int, int]:
    """The numbers of units by the `n` of each; new units are stored."""
    rows = await db.rows(NUMBER_UNITS, items=msgspec.json.encode(units).decode())
    return {row.n: row.id for row in rows}
