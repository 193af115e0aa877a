"""Queries for an agent's own receipts."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.errors import NotFound
from backend.earning.receipts.schemas import ReceiptOut, receipt_out
from backend.programmes.rules.explanation import RuleVersionCache

_COLUMNS = """
    r.id, r.key, r.country, r.identity, r.fp, r.at, r.total, r.operation, r.state, r.reason, r.sent_at, r.decide_by,
    r.decided_at, r.tries, r.photo, r.answered_at, d.document ->> 'seller' AS shop,
    CASE WHEN r.reason = 'differs' THEN (SELECT o.document FROM receipt_documents o
        WHERE o.country = r.country AND o.identity = r.identity) END AS found
    FROM receipts r LEFT JOIN receipt_claims c ON c.receipt_id = r.id
    LEFT JOIN receipt_documents d ON d.country = c.country AND d.identity = c.identity
"""
PAGE = text(f"""
    SELECT {_COLUMNS} WHERE r.account_id = :account AND r.id < :before ORDER BY r.id DESC LIMIT :limit
""")
RECEIPT_BY_KEY = text(f"SELECT {_COLUMNS} WHERE r.account_id = :account AND r.key = :key")
RECEIPTS_BY_ID = text(f"SELECT {_COLUMNS} WHERE r.account_id = :account AND r.id = ANY(:ids)")
LINES = text("""
    SELECT l.receipt_id, l.n, l.name, l.quantity, l.sum, l.state, l.reason, l.amount AS line_amount, l.returned,
        a.programme_id, a.version_id, a.base, a.gross, a.amount, a.matures_on, a.expires_on,
        l.returned_quantity, CASE WHEN l.reason = 'checked' THEN (SELECT array_agg(DISTINCT s.rule)
            FROM receipt_signals s
            WHERE s.receipt_id = l.receipt_id AND s.brand_id = l.brand_id AND NOT s.shadow) END AS rules,
        a.matures_on > (now() AT TIME ZONE g.timezone)::date AS waits,
        CASE WHEN a.cause IS NOT NULL THEN programmes_added(a.cause, a.cause_id) END AS additional
    FROM receipt_lines l LEFT JOIN accruals a ON l.state = 'paid' AND a.cause = l.cause AND a.cause_id = l.cause_id
    LEFT JOIN programmes g ON g.id = a.programme_id
    WHERE l.receipt_id = ANY(:ids) ORDER BY l.receipt_id, l.n, l.brand_id
""")
# What returns clawed back from their sender's own sales; sales of other agents are hidden.
RETURNED = text("""
    SELECT s.id, t.n, l.name, t.quantity, t.amount, g.currency
    FROM receipts s JOIN receipt_line_returns t ON t.country = s.country AND t.identity = s.identity
    JOIN receipt_lines l ON l.id = t.line_id JOIN receipts o ON o.id = l.receipt_id AND o.account_id = s.account_id
    LEFT JOIN accruals a ON a.cause = l.cause AND a.cause_id = l.cause_id
    LEFT JOIN programmes g ON g.id = a.programme_id
    WHERE s.id = ANY(:ids) ORDER BY s.id, t.n, t.id
""")


class ReceiptUnknown(NotFound):
    """You have sent no such receipt."""

    code = "receipt_unknown"


async def receipt_page(
    db: Database, versions: RuleVersionCache, account_id: int, before: int | None, limit: int
) -> tuple[list[ReceiptOut], int | None]:
    """A page of receipts, newest first, and the position of the next one."""
    rows = await db.rows(PAGE, account=account_id, before=before or 2**62, limit=limit + 1)
    items = await load_receipts(db, versions, rows[:limit])
    return items, rows[limit - 1].id if len(rows) > limit else None


async def get_receipt(db: Database, versions: RuleVersionCache, account_id: int, key: UUID) -> ReceiptOut:
    """A receipt by the phone's id.

    Raises:
        ReceiptUnknown: the account has no receipt with this id.
    """
    rows = await db.rows(RECEIPT_BY_KEY, account=account_id, key=key)
    if not rows:
        raise ReceiptUnknown
    (found,) = await load_receipts(db, versions, rows)
    return found


async def receipts_by_id(db: Database, account_id: int, ids: Iterable[int]) -> dict[int, Any]:
    """Rows of an account's receipts by their database ids."""
    numbers = list(ids)
    rows = await db.rows(RECEIPTS_BY_ID, account=account_id, ids=numbers) if numbers else []
    return {row.id: row for row in rows}


async def load_receipts(db: Database, versions: RuleVersionCache, rows: list[Any]) -> list[ReceiptOut]:
    """The wire form of receipt rows, with their lines."""
    lines: dict[int, list[Any]] = {row.id: [] for row in rows}
    for line in await db.rows(LINES, ids=list(lines)) if rows else []:
        lines[line.receipt_id].append(line)
    all_lines = [line for receipt_lines in lines.values() for line in receipt_lines]
    added = [row["version_id"] for line in all_lines for row in line.additional or ()]
    known_versions = await versions.load([*(line.version_id for line in all_lines), *added])
    returned = await _returns_by_receipt(db, [row.id for row in rows if row.reason == "is_return"])
    return [receipt_out(row, lines[row.id], known_versions, returned.get(row.id, ())) for row in rows]


async def _returns_by_receipt(db: Database, ids: list[int]) -> dict[int, list[Any]]:
    returns: dict[int, list[Any]] = {}
    for row in await db.rows(RETURNED, ids=ids) if ids else []:
        returns.setdefault(row.id, []).append(row)
    return returns
