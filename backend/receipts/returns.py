"""What a return receipt takes back. It does not name its sale, so the sale is found by the goods themselves."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text

from backend.database import Database
from backend.receipts.matching import key
from scanning.document import Document, Line

WINDOW = timedelta(days=60)
# Lines that were bought in the same shop before, and have something left to come back.
SOLD = text("""
    SELECT l.id, l.name, l.quantity, l.sum, l.gtin, l.serial, c.account_id, o.fp
    FROM receipt_claims c JOIN receipt_lines l ON l.receipt_id = c.receipt_id JOIN receipts o ON o.id = c.receipt_id
    WHERE c.seller_inn = :seller AND c.bought_at BETWEEN :since AND :until
        AND l.state IN ('paid', 'review') AND l.returned_quantity < l.quantity
    ORDER BY c.bought_at DESC, l.id
""")
TAKE_BACK = text("SELECT receipts_take_back(:line, :quantity, :country, :identity, :n) AS amount")
# A return that found its sale before we fell says nothing about others.
DOUBT = text("""
    SELECT receipts_doubt(:line, 'unclear_return', 10, CAST(:inputs AS jsonb), :decide_by)
    WHERE NOT EXISTS (SELECT FROM receipt_line_returns o WHERE o.country = 'RU' AND o.identity = :identity AND o.n = :n)
""")
# Returns that an agent sent before their sale was verified.
EARLY = text("""
    SELECT d.document FROM receipts r JOIN receipt_documents d ON d.country = r.country AND d.identity = r.identity
    WHERE r.account_id = :account AND r.operation = 2 AND r.reason = 'is_return'
        AND d.document ->> 'seller_inn' = :seller AND d.document ->> 'operation' = '2'
""")


async def take_back(db: Database, found: Document, sender: int, decide_by: datetime) -> int:
    """Take back what came back, line by line; safe to run again. Returns how many lines of sales were touched.

    A unit's serial number, or a correction that names its receipt, says for sure which sale it was. Else the shop, the
    wording and the price of one must be the same, and the sale the sender's own: of others reviewers are told, or
    anybody could take a stranger's bonus away with a return of the like.
    """
    if found.seller_inn is None:
        return 0
    sold = await db.rows(SOLD, seller=found.seller_inn, since=found.at - WINDOW, until=found.at)
    touched = 0
    for line in found.lines:
        candidates = [row for row in sold if _is_of(row, line, found)]
        mine = [row for row in candidates if row.account_id == sender or _is_named(row, line, found)]
        touched += await _take(db, found, line, mine)
        if candidates and not mine:
            await _doubt(db, candidates, found, line.n, decide_by)
    return touched


async def take_back_early(db: Database, sale: Document, sender: int, decide_by: datetime) -> None:
    """Take back what the sender's own returns say of a sale that was verified after them; safe to run again."""
    for row in await db.rows(EARLY, account=sender, seller=sale.seller_inn):
        await take_back(db, msgspec.convert(row.document, Document, strict=False), sender, decide_by)


def _is_of(row: Any, line: Line, found: Document) -> bool:
    if line.serial is not None and row.serial is not None:
        return bool(row.serial == line.serial and row.gtin == line.gtin)
    if found.corrects is not None and found.corrects.fp is not None and found.corrects.fp != row.fp:
        return False
    return key(row.name) == key(line.name[:200]) and round(row.sum / row.quantity) == round(line.sum / line.quantity)


def _is_named(row: Any, line: Line, found: Document) -> bool:
    """Whether the document itself names the sale: a serial does only where the sale has one to compare."""
    return None not in (line.serial, row.serial) or (found.corrects is not None and found.corrects.fp is not None)


async def _take(db: Database, found: Document, line: Line, candidates: Sequence[Any]) -> int:
    touched = 0
    for row in candidates:
        # How much of the return's line is left is counted there: it may have taken from a sale before we fell.
        (taken,) = await db.rows(TAKE_BACK, line=row.id, quantity=line.quantity, country="RU",
                                 identity=f"{found.fn}:{found.fd}", n=line.n)  # fmt: skip
        touched += taken.amount is not None
    return touched


async def _doubt(db: Database, candidates: Sequence[Any], found: Document, n: int, decide_by: datetime) -> None:
    identity = f"{found.fn}:{found.fd}"
    inputs = msgspec.json.encode({"return": identity}).decode()
    for row in candidates:
        await db.rows(DOUBT, line=row.id, inputs=inputs, decide_by=decide_by, identity=identity, n=n)
