"""Limits are read by their keys, whatever the table of counters held when a query was planned."""

from sqlalchemy import text

from backend.core.db.database import Database

# A plan of a moment at which every window had ended expects that none is open.
ENDED = text("""
    INSERT INTO counters SELECT 'ended:' || n, 1, now() - interval '1 minute' FROM generate_series(1, 5000) AS n
""")
OPEN = text("""
    INSERT INTO counters SELECT 'open:' || n, 1, now() + interval '1 minute' FROM generate_series(1, 5000) AS n
""")
FETCHED = text("SELECT idx_tup_fetch + seq_tup_read AS rows FROM pg_stat_xact_user_tables WHERE relname = 'counters'")
WINDOWS = '[["none:1", 10, 60], ["none:2", 10, 60], ["none:3", 10, 60], ["none:4", 10, 60]]'
MUST_WAIT = text(f"SELECT scans_wait_seconds(0, '{WINDOWS}')".replace(":", r"\:"))


async def test_open_windows_are_read_by_key_with_stale_plan(owner: Database):
    await owner.rows(ENDED)
    await owner.rows(text("ANALYZE counters"))

    async with owner.begin() as session:
        for _ in range(10):  # the sixth call makes the plan that is kept
            await session.execute(MUST_WAIT)
        await session.execute(OPEN)
        before = (await session.execute(FETCHED)).scalar_one()
        await session.execute(MUST_WAIT)

        assert (await session.execute(FETCHED)).scalar_one() - before < 10
