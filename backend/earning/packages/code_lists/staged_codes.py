"""Adds the staged rows of a file to a batch's list. A code is in one list of all batches.

The table `staged` has the line of each row, its code as it is stored, and the stored form of earlier releases. Codes
are written in the order of their keys, so that two imports of the same codes do not deadlock.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.earning.packages.code_lists.code_list import Reason
from backend.earning.packages.models import Batch

MAX_NAMED_ROWS = 1_000  # refused rows; further ones are only counted
CREATE_STAGED = text("CREATE TEMPORARY TABLE staged (line bigint, code bytea, older bytea) ON COMMIT DROP")
# An older list has the hashes of an earlier folding of some codes: these are the same codes.
USE_OLDER_FORM = text("UPDATE staged s SET code = s.older FROM imported_codes c WHERE c.digest = s.older")
INSERT_CODES = text("""
    INSERT INTO imported_codes (batch_id, digest) SELECT DISTINCT CAST(:batch AS bigint), code FROM staged ORDER BY code
    ON CONFLICT (digest) DO NOTHING
""")
# A unit that was claimed before it was listed keeps its number, and so its claim.
INSERT_UNITS = text("""
    INSERT INTO marked_units (batch_id, gtin, serial)
    SELECT DISTINCT CAST(:batch AS bigint), :gtin, convert_from(code, 'UTF8') AS serial FROM staged ORDER BY serial
    ON CONFLICT (gtin, serial) DO UPDATE SET batch_id = excluded.batch_id WHERE marked_units.batch_id IS NULL
""")
_CHECK_ROWS = """
    CREATE TEMPORARY TABLE checked_rows ON COMMIT DROP AS
    SELECT s.line, s.first,
        CASE WHEN s.line > s.first THEN 'repeated' WHEN c.batch_id <> :batch THEN 'taken' END AS reason
    FROM (SELECT line, code, min(line) OVER (PARTITION BY code) AS first FROM staged) s
"""
CHECK_CODES = text(f"{_CHECK_ROWS} JOIN imported_codes c ON c.digest = s.code")
CHECK_UNITS = text(f"{_CHECK_ROWS} JOIN marked_units c ON c.gtin = :gtin AND c.serial = convert_from(s.code, 'UTF8')")
COUNT_CODES = text("SELECT count(*) FROM imported_codes WHERE batch_id = :batch")
COUNT_UNITS = text("SELECT count(*) FROM marked_units WHERE batch_id = :batch")
COUNT_ROWS = text("SELECT reason, count(*) AS rows FROM checked_rows GROUP BY reason ORDER BY reason")
REFUSED_ROWS = text("""
    SELECT line, reason, CASE reason WHEN 'repeated' THEN first END AS same_as FROM checked_rows
    WHERE reason IS NOT NULL ORDER BY line LIMIT :limit
""")


class RefusedLine(msgspec.Struct, frozen=True):
    """A refused row. `same_as` is the first line with the same code."""

    line: int
    reason: Reason
    same_as: int | None = None


class ListedRows(NamedTuple):
    """How many codes of the file the batch has now, how many it has in all, and the refused rows: `repeated` in the
    file, `taken` by another batch."""

    accepted: int
    total: int
    refused: Mapping[Reason, int]
    named: list[RefusedLine]


async def add_codes(session: AsyncSession, batch: Batch) -> ListedRows:
    """Add the staged codes to a batch's list."""
    await session.execute(USE_OLDER_FORM)
    await session.execute(INSERT_CODES, {"batch": batch.id})
    await session.execute(CHECK_CODES, {"batch": batch.id})
    total = await session.execute(COUNT_CODES, {"batch": batch.id})
    return await _listed_rows(session, total.scalar_one())


async def add_units(session: AsyncSession, batch: Batch, gtin: str) -> ListedRows:
    """Add the staged serial numbers of units of one product to a batch's list."""
    values = {"batch": batch.id, "gtin": gtin}
    await session.execute(INSERT_UNITS, values)
    await session.execute(CHECK_UNITS, values)
    total = await session.execute(COUNT_UNITS, {"batch": batch.id})
    return await _listed_rows(session, total.scalar_one())


async def _listed_rows(session: AsyncSession, total: int) -> ListedRows:
    counts: dict[Reason | None, int] = {row.reason: row.rows for row in await session.execute(COUNT_ROWS)}
    refused_rows = await session.execute(REFUSED_ROWS, {"limit": MAX_NAMED_ROWS})
    return ListedRows(
        accepted=counts.pop(None, 0),
        total=total,
        refused={reason: rows for reason, rows in counts.items() if reason is not None},
        named=[RefusedLine(row.line, row.reason, row.same_as) for row in refused_rows],
    )
