"""The proof of the books: wallets are the sum of their movements and of their lots, and the seals hold."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

# Each query returns the wallets or lots that are wrong, a few of them, and what is wrong about them.
CHECKS = {
    "a wallet is not the sum of its movements": """
        SELECT w.id FROM wallets w LEFT JOIN (
            SELECT wallet_id, count(*) AS n, max(wallet_seq) AS last,
                sum(CASE WHEN to_place = 2 THEN amount WHEN from_place = 2 THEN -amount ELSE 0 END) AS pending,
                sum(CASE WHEN to_place = 3 THEN amount WHEN from_place = 3 THEN -amount ELSE 0 END) AS available,
                sum(CASE WHEN to_place = 4 THEN amount WHEN from_place = 4 THEN -amount ELSE 0 END) AS held
            FROM movements GROUP BY wallet_id) m ON m.wallet_id = w.id
        WHERE (w.pending, w.available, w.held, w.seq, w.seq) IS DISTINCT FROM
            (coalesce(m.pending, 0), coalesce(m.available, 0), coalesce(m.held, 0), coalesce(m.n, 0),
                coalesce(m.last, 0))
        LIMIT 20""",
    "a wallet is not the sum of its lots": """
        SELECT w.id FROM wallets w LEFT JOIN (
            SELECT wallet_id, sum(remaining) FILTER (WHERE pending) AS pending,
                sum(remaining) FILTER (WHERE NOT pending) AS available
            FROM lots GROUP BY wallet_id) l ON l.wallet_id = w.id
        WHERE w.pending <> coalesce(l.pending, 0) OR w.available <> coalesce(l.available, 0) + w.floor
            OR (w.floor < 0 AND coalesce(l.available, 0) > 0)
        LIMIT 20""",
    "a movement's balances do not follow from the one before": """
        SELECT DISTINCT wallet_id FROM (
            SELECT wallet_id, wallet_seq,
                pending_after - CASE WHEN to_place = 2 THEN amount WHEN from_place = 2 THEN -amount ELSE 0 END
                    AS pending_before,
                available_after - CASE WHEN to_place = 3 THEN amount WHEN from_place = 3 THEN -amount ELSE 0 END
                    AS available_before,
                held_after - CASE WHEN to_place = 4 THEN amount WHEN from_place = 4 THEN -amount ELSE 0 END
                    AS held_before,
                lag(pending_after, 1, 0::bigint) OVER before AS pending,
                lag(available_after, 1, 0::bigint) OVER before AS available,
                lag(held_after, 1, 0::bigint) OVER before AS held
            FROM movements WINDOW before AS (PARTITION BY wallet_id ORDER BY wallet_seq)) m
        WHERE (pending_before, available_before, held_before) <> (pending, available, held)
        LIMIT 20""",
    "a lot is not what was earned into it": """
        SELECT l.id FROM lots l LEFT JOIN (
            SELECT lot_id, sum(amount) AS amount FROM movements WHERE kind = 1 GROUP BY lot_id) m ON m.lot_id = l.id
        WHERE l.amount <> coalesce(m.amount, 0) LIMIT 20""",
    "a lot has not what its uses left": """
        SELECT l.id FROM lots l LEFT JOIN (SELECT lot_id, sum(amount) AS amount FROM lot_uses GROUP BY lot_id) u
            ON u.lot_id = l.id
        WHERE l.remaining <> l.amount + coalesce(u.amount, 0) LIMIT 20""",
}  # fmt: skip


async def faults(engine: AsyncEngine) -> list[str]:
    """What is wrong with the books, in words; empty when they are right."""
    found = []
    async with engine.connect() as connection:
        for what, query in CHECKS.items():
            rows = (await connection.execute(text(query))).all()
            found += [f"{what}: {row[0]}" for row in rows]
    return found
