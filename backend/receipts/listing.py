"""An agent's receipts, by page and one by one."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import text

from backend.database import Database
from backend.errors import NotFound
from backend.programmes.explain import Versions
from backend.receipts.schemas import ReceiptOut, receipt_out

_COLUMNS = """
    r.id, r.key, r.country, r.identity, r.fp, r.at, r.total, r.operation, r.state, r.reason, r.sent_at, r.decide_by,
    r.decided_at, r.tries, r.photo, r.answered_at, d.document ->> 'seller' AS shop
    FROM receipts r LEFT JOIN receipt_claims c ON c.receipt_id = r.id
    LEFT JOIN receipt_documents d ON d.country = c.country AND d.identity = c.identity
"""
PAGE = text(f"""
    SELECT {_COLUMNS} WHERE r.account_id = :account AND r.id < :before ORDER BY r.id DESC LIMIT :most
""")
ONE = text(f"SELECT {_COLUMNS} WHERE r.account_id = :account AND r.key = :key")
BY_ID = text(f"SELECT {_COLUMNS} WHERE r.account_id = :account AND r.id = ANY(:ids)")
LINES = text("""
    SELECT l.receipt_id, l.n, l.name, l.quantity, l.sum, l.state, l.reason, l.amount AS line_amount, l.returned,
        a.programme_id, a.version_id, a.base, a.gross, a.amount, a.matures_on, a.expires_on,
        a.matures_on > (now() AT TIME ZONE g.timezone)::date AS waits
    FROM receipt_lines l LEFT JOIN accruals a ON l.state = 'paid' AND a.cause = l.cause AND a.cause_id = l.cause_id
    LEFT JOIN programmes g ON g.id = a.programme_id
    WHERE l.receipt_id = ANY(:ids) ORDER BY l.receipt_id, l.n, l.brand_id
""")


class ReceiptUnknown(NotFound):
    """You have sent no such receipt."""


async def page(
    db: Database, versions: Versions, account_id: int, before: int | None, most: int
) -> tuple[list[ReceiptOut], int | None]:
    """A page of receipts, newest first, and where the next one begins."""
    rows = await db.rows(PAGE, account=account_id, before=before or 2**62, most=most + 1)
    shown = await shown_out(db, versions, rows[:most])
    return shown, rows[most - 1].id if len(rows) > most else None


async def one(db: Database, versions: Versions, account_id: int, key: UUID) -> ReceiptOut:
    """A receipt by the id that the phone gave it.

    Raises:
        ReceiptUnknown: the account has none under this id.
    """
    rows = await db.rows(ONE, account=account_id, key=key)
    if not rows:
        raise ReceiptUnknown
    (found,) = await shown_out(db, versions, rows)
    return found


async def by_id(db: Database, account_id: int, ids: Iterable[int]) -> dict[int, Any]:
    """Rows of an account's receipts, by our own ids."""
    wanted = list(ids)
    rows = await db.rows(BY_ID, account=account_id, ids=wanted) if wanted else []
    return {row.id: row for row in rows}


async def shown_out(db: Database, versions: Versions, rows: list[Any]) -> list[ReceiptOut]:
    """Receipts with their lines."""
    lines: dict[int, list[Any]] = {row.id: [] for row in rows}
    for line in await db.rows(LINES, ids=list(lines)) if rows else []:
        lines[line.receipt_id].append(line)
    known = await versions.load(line.version_id for those in lines.values() for line in those)
    return [receipt_out(row, lines[row.id], known) for row in rows]
