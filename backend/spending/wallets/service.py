"""Balances and movements of an agent, with the data of their explanations."""

from typing import Any

from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.errors import NotFound

# The day on which pending points mature comes from the lots.
WALLET_COLUMNS = """
    w.id, w.book_id AS programme_id, g.name AS programme, b.name AS brand, g.currency, w.available, w.pending, w.held,
    w.seq, w.due_on <= (now() AT TIME ZONE g.timezone)::date AS due, coalesce((SELECT json_agg(d) FROM (
        SELECT matures_on AS day, sum(remaining)::bigint AS amount FROM lots
        WHERE wallet_id = w.id AND pending AND remaining > 0
        GROUP BY matures_on ORDER BY matures_on LIMIT :waits) d), '[]') AS waiting
    FROM wallets w JOIN programmes g ON g.id = w.book_id JOIN brands b ON b.id = g.brand_id
"""
# OFFSET 0: a movement of another cause reads neither corrections nor orders.
MOVEMENT_COLUMNS = """
    m.id, m.wallet_id, m.amount, m.kind, m.from_place, m.to_place, m.pending_after, m.available_after, m.held_after,
    m.at, g.currency, a.version_id, a.base, a.gross, a.amount AS accrued, a.matures_on, a.expires_on,
    k.reason AS corrected, m.cause, m.cause_id, f.name_ru, f.name_en
    FROM movements m
    JOIN wallets w ON w.id = m.wallet_id JOIN programmes g ON g.id = w.book_id
    LEFT JOIN accruals a ON m.kind = 1 AND a.cause = m.cause AND a.cause_id = m.cause_id
    LEFT JOIN LATERAL (SELECT reason FROM corrections WHERE m.cause = 11 AND id = m.cause_id OFFSET 0) AS k ON true
    LEFT JOIN LATERAL (SELECT name_ru, name_en FROM offers JOIN orders o ON o.offer_id = offers.id
        WHERE m.cause = 8 AND o.id = m.cause_id OFFSET 0) AS f ON true
"""
WALLET_PAGE = text(f"""
    SELECT {WALLET_COLUMNS} WHERE w.owner_id = :account AND w.id > :after ORDER BY w.id LIMIT :most
""")
# The home screen in one round trip: the account, its wallets by newest movement, and their newest movements.
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
OWN_WALLET = text("SELECT id FROM wallets WHERE id = :wallet AND owner_id = :account")
MOVEMENT_PAGE = text(f"""
    SELECT m.wallet_seq, {MOVEMENT_COLUMNS} WHERE m.wallet_id = :wallet AND m.wallet_seq < :before
    ORDER BY m.wallet_seq DESC LIMIT :most
""")
DUE_WALLETS = text("""
    SELECT w.book_id, (now() AT TIME ZONE g.timezone)::date AS today
    FROM wallets w JOIN programmes g ON g.id = w.book_id
    WHERE w.owner_id = :account AND w.due_on <= (now() AT TIME ZONE g.timezone)::date
""")
OPEN_WALLET = text("SELECT ledger_open(:account, :book, :today)")


class WalletNotFound(NotFound):
    """There is no such wallet among yours."""

    code = "wallet_unknown"


async def home_row(db: Database, account_id: int, *, wallets: int, waits: int, movements: int) -> Any:
    """The data of the home screen; `wallets` and `last` are JSON."""
    parameters = {"account": account_id, "wallets": wallets, "waits": waits, "movements": movements}
    row = await db.call(HOME, **parameters)
    if row.due:
        await _update_due_wallets(db, account_id)
        row = await db.call(HOME, **parameters)
    return row


async def wallet_page(db: Database, account_id: int, after: int, most: int, waits: int = 50) -> list[Any]:
    """The wallets of an account after an id, ordered by id."""
    rows = await db.rows(WALLET_PAGE, account=account_id, after=after, most=most, waits=waits)
    if any(row.due for row in rows):
        await _update_due_wallets(db, account_id)
        rows = await db.rows(WALLET_PAGE, account=account_id, after=after, most=most, waits=waits)
    return rows


async def _update_due_wallets(db: Database, account_id: int) -> None:
    """Mature and expire due lots before a read, so that balances are current even if the worker has stopped."""
    for row in await db.rows(DUE_WALLETS, account=account_id):
        await db.rows(OPEN_WALLET, account=account_id, book=row.book_id, today=row.today)


async def movement_page(db: Database, account_id: int, wallet_id: int, before: int | None, most: int) -> list[Any]:
    """Movements of one wallet, newest first, before a sequence number.

    Raises:
        WalletNotFound: the caller has no such wallet.
    """
    if not await db.rows(OWN_WALLET, wallet=wallet_id, account=account_id):
        raise WalletNotFound
    return await db.rows(MOVEMENT_PAGE, wallet=wallet_id, before=2**62 if before is None else before, most=most)
