"""Balances and movements of an agent, with what explains them."""

from typing import Any

from sqlalchemy import text

from backend.database import Database
from backend.errors import NotFound

WALLETS = text("""
    SELECT w.id, w.pending, w.available, w.held, w.book_id AS programme_id, g.name AS programme, g.currency,
        b.name AS brand
    FROM wallets w JOIN programmes g ON g.id = w.book_id JOIN brands b ON b.id = g.brand_id
    WHERE w.owner_id = :account ORDER BY w.id LIMIT 50
""")
# One wallet, only if it is the caller's.
WALLET = text("SELECT id FROM wallets WHERE id = :wallet AND owner_id = :account")
# The lots say until when things are pending and what will expire first.
WAITING = text("""
    SELECT wallet_id, matures_on AS day, sum(remaining)::bigint AS amount FROM lots
    WHERE wallet_id = ANY(:wallets) AND pending AND remaining > 0
    GROUP BY wallet_id, matures_on ORDER BY matures_on LIMIT 20
""")
COLUMNS = """
    m.id, m.wallet_id, m.amount, m.kind, m.from_place, m.to_place, m.pending_after, m.available_after, m.held_after,
    m.at, g.currency, a.version_id, a.base, a.gross, a.amount AS accrued, a.matures_on, a.expires_on
    FROM movements m
    JOIN wallets w ON w.id = m.wallet_id JOIN programmes g ON g.id = w.book_id
    LEFT JOIN accruals a ON m.kind = 1 AND a.cause = m.cause AND a.cause_id = m.cause_id
"""
LATEST = text(f"""
    SELECT {COLUMNS} WHERE m.id IN (
        SELECT n.id FROM unnest(CAST(:wallets AS bigint[])) AS x (wallet) CROSS JOIN LATERAL (
            SELECT id FROM movements WHERE wallet_id = x.wallet ORDER BY wallet_seq DESC LIMIT :most) AS n)
    ORDER BY m.id DESC LIMIT :most
""")  # noqa: S608 - our own columns
PAGE = text(f"""
    SELECT m.wallet_seq, {COLUMNS} WHERE m.wallet_id = :wallet AND m.wallet_seq < :before
    ORDER BY m.wallet_seq DESC LIMIT :most
""")
HOME = text(
    "SELECT card_number, pin_hash IS NOT NULL AS has_pin, spending_held_until FROM accounts WHERE id = :account"
)


class WalletUnknown(NotFound):
    """There is no such wallet among yours."""


async def wallets(db: Database, account_id: int) -> list[Any]:
    """The wallets of an account."""
    return await db.rows(WALLETS, account=account_id)


async def waiting(db: Database, wallet_ids: list[int]) -> list[Any]:
    """What is pending, by the day on which it becomes available."""
    return await db.rows(WAITING, wallets=wallet_ids) if wallet_ids else []


async def latest(db: Database, wallet_ids: list[int], most: int) -> list[Any]:
    """The newest movements over all wallets."""
    return await db.rows(LATEST, wallets=wallet_ids, most=most) if wallet_ids else []


async def page(db: Database, account_id: int, wallet_id: int, before: int | None, most: int) -> list[Any]:
    """Movements of one wallet, newest first, from a place on.

    Raises:
        WalletUnknown: it is not the caller's.
    """
    if not await db.rows(WALLET, wallet=wallet_id, account=account_id):
        raise WalletUnknown
    return await db.rows(PAGE, wallet=wallet_id, before=before or 2**62, most=most)


async def home(db: Database, account_id: int) -> Any:
    """What the home screen shows of the account itself."""
    return await db.call(HOME, account=account_id)
