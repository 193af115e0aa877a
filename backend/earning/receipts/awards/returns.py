"""Clawback by return receipts. A return does not name its sale, so the sale is found by its goods."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text

from backend.core.db.database import Database
from backend.earning.receipts.matching import wording_key
from scanning.document import Document, Line

WINDOW = timedelta(days=60)
# Lines that were bought in the same shop before and are not fully returned.
RETURNABLE_LINES = text("""
    SELECT l.id, l.name, l.quantity, l.sum, l.gtin, l.serial, c.account_id, o.fp
    FROM receipt_claims c JOIN receipt_lines l ON l.receipt_id = c.receipt_id JOIN receipts o ON o.id = c.receipt_id
    WHERE c.seller_inn = :seller AND c.bought_at BETWEEN :since AND :until
        AND l.state IN ('paid', 'review') AND l.returned_quantity < l.quantity
    ORDER BY c.bought_at DESC, l.id
""")
TAKE_BACK = text("SELECT receipts_take_back(:line, :quantity, :country, :identity, :n) AS amount")
# A return whose sale was found before a crash does not flag other sales.
FLAG_LINE = text("""
    SELECT receipts_doubt(:line, 'unclear_return', 10, CAST(:inputs AS jsonb), :decide_by)
    WHERE NOT EXISTS (SELECT FROM receipt_line_returns o WHERE o.country = 'RU' AND o.identity = :identity AND o.n = :n)
""")
# Returns that an agent sent before their sale was verified.
EARLIER_RETURNS = text("""
    SELECT d.document FROM receipts r JOIN receipt_documents d ON d.country = r.country AND d.identity = r.identity
    WHERE r.account_id = :account AND r.operation = 2 AND r.reason = 'is_return'
        AND d.document ->> 'seller_inn' = :seller AND d.document ->> 'operation' = '2'
""")


async def claw_back_return(db: Database, document: Document, sender: int, decide_by: datetime) -> int:
    """Claw back the points of returned goods, line by line. Idempotent. Returns the number of lines changed.

    A unit's serial number, or a correction that names its receipt, identifies the sale. Otherwise shop, wording and
    unit price must be equal and the sale must be the sender's own. Sales of other agents are only flagged, because a
    return of similar goods could take another agent's points.
    """
    if document.seller_inn is None:
        return 0
    sold = await db.rows(RETURNABLE_LINES, seller=document.seller_inn, since=document.at - WINDOW, until=document.at)
    changed = 0
    for line in document.lines:
        candidates = [row for row in sold if _is_same_goods(row, line, document)]
        mine = [row for row in candidates if row.account_id == sender or _names_sale(row, line, document)]
        changed += await _claw_back_line(db, document, line, mine)
        if candidates and not mine:
            await _flag_lines(db, candidates, document, line.n, decide_by)
    return changed


async def claw_back_earlier_returns(db: Database, sale: Document, sender: int, decide_by: datetime) -> None:
    """Apply the sender's own earlier returns to a sale that is verified after them. Idempotent."""
    for row in await db.rows(EARLIER_RETURNS, account=sender, seller=sale.seller_inn):
        await claw_back_return(db, msgspec.convert(row.document, Document, strict=False), sender, decide_by)


def _is_same_goods(row: Any, line: Line, document: Document) -> bool:
    if line.serial is not None and row.serial is not None:
        return bool(row.serial == line.serial and row.gtin == line.gtin)
    if document.corrects is not None and document.corrects.fp is not None and document.corrects.fp != row.fp:
        return False
    return wording_key(row.name) == wording_key(line.name[:200]) and round(row.sum / row.quantity) == round(
        line.sum / line.quantity
    )


def _names_sale(row: Any, line: Line, document: Document) -> bool:
    """Whether the document identifies the sale: a serial number does only if the sale has one too."""
    return None not in (line.serial, row.serial) or (document.corrects is not None and document.corrects.fp is not None)


async def _claw_back_line(db: Database, document: Document, line: Line, candidates: Sequence[Any]) -> int:
    changed = 0
    for row in candidates:
        # The SQL function counts what is left of the return's line: it may have clawed back a part before a crash.
        (result,) = await db.rows(
            TAKE_BACK,
            line=row.id,
            quantity=line.quantity,
            country="RU",
            identity=f"{document.fn}:{document.fd}",
            n=line.n,
        )
        changed += result.amount is not None
    return changed


async def _flag_lines(db: Database, candidates: Sequence[Any], document: Document, n: int, decide_by: datetime) -> None:
    identity = f"{document.fn}:{document.fd}"
    inputs = msgspec.json.encode({"return": identity}).decode()
    for row in candidates:
        await db.rows(FLAG_LINE, line=row.id, inputs=inputs, decide_by=decide_by, identity=identity, n=n)
