"""Balances and movements of an agent, with what explains them."""

from typing import Any

from sqlalchemy import text

from backend.database import Database
from backend.errors import NotFound

# The lots say until when something is pending.
WALLET_COLUMNS = """
    w.id, w.book_id AS programme_id, g.name AS programme, b.name AS brand, g.currency, w.available, w.pending, w.held,
    w.seq, w.due_on <= (now() AT TIME ZONE g.timezone)::date AS due, coalesce((SELECT json_agg(d) FROM (
        SELECT matures_on AS day, sum(remaining)::bigint AS amount FROM lots
        WHERE wallet_id = w.id AND pending AND remaining > 0
        GROUP BY matures_on ORDER BY matures_on LIMIT :waits) d), '[]') AS waiting
    FROM wallets w JOIN programmes g ON g.id = w.book_id JOIN brands b ON b.id = g.brand_id
"""
MOVEMENT_COLUMNS = """
    m.id, m.wallet_id, m.amount, m.kind, m.from_place, m.to_place, m.pending_after, m.available_after, m.held_after,
    m.at, g.currency, a.version_id, a.base, a.gross, a.amount AS accrued, a.matures_on, a.expires_on
    FROM movements m
    JOIN wallets w ON w.id = m.wallet_id JOIN programmes g ON g.id = w.book_id
    LEFT JOIN accruals a ON m.kind = 1 AND a.cause = m.cause AND a.cause_id = m.cause_id
"""
WALLETS = text(f"""
    SELECT {WALLET_COLUMNS} WHERE w.owner_id = :account AND w.id > :after ORDER BY w.id LIMIT :most
""")
# The home screen in one trip: the account, its wallets with the newest movement first, and their newest movements.
HOME = text(f"""
    WITH mine AS (
        SELECT l.id AS last, {WALLET_COLUMNS} LEFT JOIN movements l ON l.wallet_id = w.id AND l.wallet_seq = w.seq
        WHERE w.owner_id = :account ORDER BY l.id DESC NULLS LAST, w.id LIMIT :wallets + 1
    ), shown AS (SELECT * FROM mine ORDER BY last DESC NULLS LAST, id LIMIT :wallets),
    newest AS (
        SELECT m.id FROM shown CROSS JOIN LATERAL (
            SELECT id FROM movements WHERE wallet_id = shown.id ORDER BY wallet_seq DESC LIMIT :movements) m
        ORDER BY m.id DESC LIMIT :movements
    ), movement AS (SELECT {MOVEMENT_COLUMNS} WHERE m.id IN (SELECT id FROM newest) ORDER BY m.id DESC)
    SELECT card_number, pin_hash IS NOT NULL AS has_pin, spending_held_until,
        coalesce((SELECT json_agg(s ORDER BY last DESC NULLS LAST, id) FROM shown s), '[]')::text AS wallets,
        coalesce((SELECT json_agg(v ORDER BY id DESC) FROM movement v), '[]')::text AS last,
        (SELECT count(*) FROM mine) > :wallets AS more_wallets, coalesce((SELECT bool_or(due) FROM mine), false) AS due
    FROM accounts WHERE id = :account
""")  # noqa: S608 - our own columns
# One wallet, only if it is the caller's.
WALLET = text("SELECT id FROM wallets WHERE id = :wallet AND owner_id = :account")
PAGE = text(f"""
    SELECT m.wallet_seq, {MOVEMENT_COLUMNS} WHERE m.wallet_id = :wallet AND m.wallet_seq < :before
    ORDER BY m.wallet_seq DESC LIMIT :most
""")
DUE = text("""
    SELECT w.book_id, (now() AT TIME ZONE g.timezone)::date AS today
    FROM wallets w JOIN programmes g ON g.id = w.book_id
    WHERE w.owner_id = :account AND w.due_on <= (now() AT TIME ZONE g.timezone)::date
""")
OPEN = text("SELECT ledger_open(:account, :book, :today)")


class WalletUnknown(NotFound):
    """There is no such wallet among yours."""


async def home(db: Database, account_id: int, *, wallets: int, waits: int, movements: int) -> Any:
    """What the home screen shows; `wallets` and `last` are JSON."""
    asked = {"account": account_id, "wallets": wallets, "waits": waits, "movements": movements}
    row = await db.call(HOME, **asked)
    if row.due:
        await _bring_to_today(db, account_id)
        row = await db.call(HOME, **asked)
    return row


async def wallets(db: Database, account_id: int, after: int, most: int, waits: int = 50) -> list[Any]:
    """The wallets of an account from a place on, in the order of their numbers."""
    rows = await db.rows(WALLETS, account=account_id, after=after, most=most, waits=waits)
    if any(row.due for row in rows):
        await _bring_to_today(db, account_id)
        rows = await db.rows(WALLETS, account=account_id, after=after, most=most, waits=waits)
    return rows


async def _bring_to_today(db: Database, account_id: int) -> None:
    """Whoever looks sees today's balances, also where the worker has stopped."""
    for row in await db.rows(DUE, account=account_id):
        await db.rows(OPEN, account=account_id, book=row.book_id, today=row.today)


async def page(db: Database, account_id: int, wallet_id: int, before: int | None, most: int) -> list[Any]:
    """Movements of one wallet, newest first, from a place on.

    Raises:
        WalletUnknown: it is not the caller's.
    """
    if not await db.rows(WALLET, wallet=wallet_id, account=account_id):
        raise WalletUnknown
    return await db.rows(PAGE, wallet=wallet_id, before=2**62 if before is None else before, most=most)
