"""Clawback by return receipts. A return does not name its sale, so the sale is found by its goods."""

import functools
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.earning import fraud_rules
from backend.earning.receipts.awards.clawbacks import ReturnedLine, take_back
from backend.earning.receipts.awards.signals import flag_line
from backend.earning.receipts.matching import wording_key
from scanning.receipts.document import Document, Line

WINDOW = timedelta(days=60)
# Lines that were bought in the same shop before and are not fully returned.
RETURNABLE_LINES = text("""
    SELECT l.id, l.name, l.quantity, l.sum, l.gtin, l.serial, c.account_id, o.fp
    FROM receipt_claims c JOIN receipt_lines l ON l.receipt_id = c.receipt_id JOIN receipts o ON o.id = c.receipt_id
    WHERE c.seller_inn = :seller AND c.bought_at BETWEEN :since AND :until
        AND l.state IN ('paid', 'review') AND l.returned_quantity < l.quantity
    ORDER BY c.bought_at DESC, l.id
""")
# A return whose sale was found before a crash does not flag other sales.
RETURN_IS_USED = text("""
    SELECT count(*) FROM receipt_line_returns WHERE country = :country AND identity = :identity AND n = :n
""")
# Returns that an agent sent before their sale was verified.
EARLIER_RETURNS = text("""
    SELECT d.document FROM receipts r JOIN receipt_documents d ON d.country = r.country AND d.identity = r.identity
    WHERE r.account_id = :account AND r.operation = 2 AND r.reason = 'is_return'
        AND d.document ->> 'seller_inn' = :seller AND d.document ->> 'operation' = '2'
""")


class ReturnableLine(NamedTuple):
    """A line of a sale, in the order of the columns of RETURNABLE_LINES."""

    id: int
    name: str
    quantity: Decimal
    sum: int
    gtin: str | None
    serial: str | None
    account_id: int
    fp: int | None


async def claw_back_return(db: Database, document: Document, sender: int, decide_by: datetime) -> int:
    """Claw back the points of returned goods, line by line. Idempotent. Returns the number of lines changed.

    A unit's serial number, or a correction that names its receipt, identifies the sale. Otherwise shop, wording and
    unit price must be equal and the sale must be the sender's own. Sales of other agents are only flagged, because a
    return of similar goods could take another agent's points.
    """
    if document.seller_inn is None:
        return 0
    rows = await db.rows(RETURNABLE_LINES, seller=document.seller_inn, since=document.at - WINDOW, until=document.at)
    sold = [ReturnableLine(*row) for row in rows]
    changed = 0
    for line in document.lines:
        candidates = [row for row in sold if _is_same_goods(row, line, document)]
        mine = [row for row in candidates if row.account_id == sender or _names_sale(row, line, document)]
        returned = ReturnedLine("RU", f"{document.fn}:{document.fd}", line.n, line.quantity)
        changed += await _claw_back_line(db, returned, mine)
        if candidates and not mine:
            await _flag_lines(db, returned, candidates, decide_by)
    return changed


async def claw_back_earlier_returns(db: Database, sale: Document, sender: int, decide_by: datetime) -> None:
    """Apply the sender's own earlier returns to a sale that is verified after them. Idempotent."""
    for row in await db.rows(EARLIER_RETURNS, account=sender, seller=sale.seller_inn):
        await claw_back_return(db, msgspec.convert(row.document, Document, strict=False), sender, decide_by)


def _is_same_goods(row: ReturnableLine, line: Line, document: Document) -> bool:
    if line.serial is not None and row.serial is not None:
        return row.serial == line.serial and row.gtin == line.gtin
    if document.corrects is not None and document.corrects.fp is not None and document.corrects.fp != row.fp:
        return False
    return wording_key(row.name) == wording_key(line.name[:200]) and round(row.sum / row.quantity) == round(
        line.sum / line.quantity
    )


def _names_sale(row: ReturnableLine, line: Line, document: Document) -> bool:
    """Whether the document identifies the sale: a serial number does only if the sale has one too."""
    return None not in (line.serial, row.serial) or (document.corrects is not None and document.corrects.fp is not None)


async def _claw_back_line(db: Database, returned: ReturnedLine, candidates: Sequence[ReturnableLine]) -> int:
    changed = 0
    for row in candidates:
        amount = await db.transaction(functools.partial(take_back, line_id=row.id, returned=returned))
        changed += amount is not None
    return changed


async def _flag_lines(
    db: Database, returned: ReturnedLine, candidates: Sequence[ReturnableLine], decide_by: datetime
) -> None:
    signal = fraud_rules.unclear_return(returned.identity)

    async def flag(session: AsyncSession, line_id: int) -> None:
        key = {"country": returned.country, "identity": returned.identity, "n": returned.n}
        if not await session.scalar(RETURN_IS_USED, key):
            await flag_line(session, line_id, signal, decide_by)

    for row in candidates:
        await db.transaction(functools.partial(flag, line_id=row.id))
