"""Fills the ledger with claims by set-based SQL, with the rows that the hot path writes, for measurements at size."""

import time

from sqlalchemy import text

from bench.stage import SLOT, Stage

FIRST = 2 * 10**10  # serials far from those of the other measurements
STEP = 500_000

# Each account's claims in one block: balances and sequence numbers follow from the previous ones, as in a real claim.
STATEMENTS = """
    CREATE TEMP TABLE fresh ON COMMIT DROP AS
    SELECT n, w.id AS wallet_id, w.owner_id AS account_id, w.seq, w.available,
        row_number() OVER (PARTITION BY w.id ORDER BY n) AS k,
        ({slot}::bigint << 37) | ({first} + n) AS cause_id
    FROM generate_series(CAST(:begin AS bigint), CAST(:end AS bigint)) AS n
    JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS all_of_them FROM wallets) w
        ON w.place = n % w.all_of_them;
    INSERT INTO accruals (cause, cause_id, account_id, programme_id, version_id, product_id, base, gross, amount,
        matures_on, expires_on)
    SELECT 1, cause_id, account_id, (SELECT id FROM programmes), (SELECT id FROM campaign_versions),
        (SELECT id FROM products), 0, 100, 100, current_date, current_date + 366 FROM fresh;
    INSERT INTO lots (wallet_id, amount, remaining, matures_on, expires_on, pending)
    SELECT wallet_id, 100 * count(*), 100 * count(*), current_date, current_date + 366, false
    FROM fresh GROUP BY wallet_id
    ON CONFLICT (wallet_id, expires_on, matures_on)
    DO UPDATE SET amount = lots.amount + excluded.amount, remaining = lots.remaining + excluded.remaining;
    INSERT INTO movements (wallet_id, wallet_seq, amount, pending_after, available_after, held_after, cause_id, lot_id,
        kind, from_place, to_place, cause)
    SELECT f.wallet_id, f.seq + k, 100, 0, f.available + 100 * k, 0, f.cause_id, l.id, 1, 1, 3, 1
    FROM fresh f JOIN lots l ON l.wallet_id = f.wallet_id AND l.expires_on = current_date + 366;
    INSERT INTO scans (account_id, id, n, digest, kind, status, cause, cause_id)
    SELECT account_id, gen_random_uuid(), 0, sha256(''), 'package', 'credited', 1, cause_id FROM fresh;
    UPDATE wallets w SET available = w.available + 100 * f.n, seq = w.seq + f.n,
        due_on = least(w.due_on, current_date + 366)
    FROM (SELECT wallet_id, count(*) AS n FROM fresh GROUP BY wallet_id) f WHERE f.wallet_id = w.id;
"""


async def claims(at: Stage, total: int) -> float:
    """Add claims up to a total, and return the seconds that it took."""
    begun = time.perf_counter()
    (existing,) = await at.db.call(text("SELECT count(*) FROM accruals"))
    parts = STATEMENTS.format(slot=SLOT, first=FIRST).split(";\n")
    for begin in range(existing, total, STEP):
        async with at.db.begin() as session:
            for part in parts:
                if part.strip():
                    values = {"begin": begin, "end": min(begin + STEP, total) - 1} if ":begin" in part else {}
                    await session.execute(text(part), values)
    # The planner's statistics and the visibility map, as autovacuum would leave them.
    for table in ("accruals", "movements", "lots", "scans", "wallets"):
        async with at.db.engine.connect() as connection:
            autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await autocommit.execute(text(f"VACUUM ANALYZE {table}"))
    return time.perf_counter() - begun
