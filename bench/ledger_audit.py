"""Audits a ledger of ten million movements and prints the duration: `python -m bench.ledger_audit`.

One wallet gets half a year of movements through the ledger's functions. Set-based SQL then copies it, so that the
ledger has every kind of movement: pending, holds, settlements, releases, expiry and debts. The movements of a wallet
are far apart in the table, as those of years are.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import psutil
from sqlalchemy import text

from backend.cli.server.migration import migrate
from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.core.storage.folder import Folder
from backend.operations import ledger_audit
from local_postgres import server as postgres_server
from payouts import ledger
from payouts.ledger import Cause, WalletKey

BEGAN = date(2026, 1, 1)
CAUSE_STEP = 2**32  # between the causes of one wallet and the next
MAX_SECONDS = 60
COPY = """
    SET LOCAL session_replication_role = replica;
    CREATE TEMP TABLE w ON COMMIT DROP AS SELECT * FROM wallets;
    CREATE TEMP TABLE l ON COMMIT DROP AS SELECT *, row_number() OVER (ORDER BY id) AS n FROM lots;
    CREATE TEMP TABLE m ON COMMIT DROP AS SELECT *, row_number() OVER (ORDER BY id) AS n FROM movements;
    CREATE TEMP TABLE u ON COMMIT DROP AS
        SELECT m.n AS movement, l.n AS lot, u.amount
        FROM lot_uses u JOIN m ON m.id = u.movement_id JOIN l ON l.id = u.lot_id;
    DELETE FROM lot_uses; DELETE FROM movements; DELETE FROM lots; DELETE FROM wallets;
    INSERT INTO wallets (id, owner_id, book_id, pending, available, held, floor, seq, due_on) OVERRIDING SYSTEM VALUE
        SELECT k, k, book_id, pending, available, held, floor, seq, due_on FROM w, generate_series(1, {wallets}) AS k;
    INSERT INTO lots (id, wallet_id, amount, remaining, matures_on, expires_on, pending) OVERRIDING SYSTEM VALUE
        SELECT (n - 1) * {wallets} + k, k, amount, remaining, matures_on, expires_on, pending
        FROM l, generate_series(1, {wallets}) AS k ORDER BY n, k;
    INSERT INTO movements (id, wallet_id, wallet_seq, amount, pending_after, available_after, held_after, cause_id,
            lot_id, reverses, at, kind, from_place, to_place, cause, leg) OVERRIDING SYSTEM VALUE
        SELECT (m.n - 1) * {wallets} + k, k, wallet_seq, m.amount, pending_after, available_after, held_after,
            CASE WHEN cause = 0 THEN (c.n - 1) * {wallets} + k ELSE cause_id + k * {apart} END,
            (l.n - 1) * {wallets} + k, (r.n - 1) * {wallets} + k, at, kind, from_place, to_place, cause, leg
        FROM m LEFT JOIN l ON l.id = m.lot_id LEFT JOIN l c ON c.id = m.cause_id
            LEFT JOIN (SELECT id, n FROM m) r ON r.id = m.reverses, generate_series(1, {wallets}) AS k
        ORDER BY m.n, k;
    INSERT INTO lot_uses (movement_id, lot_id, amount)
        SELECT (movement - 1) * {wallets} + k, (lot - 1) * {wallets} + k, amount
        FROM u, generate_series(1, {wallets}) AS k ORDER BY movement, k;
    INSERT INTO accruals (cause, cause_id, account_id, programme_id, version_id, base, gross, amount, matures_on,
            expires_on)
        SELECT m.cause, m.cause_id, m.wallet_id, 1, 1, 0, m.amount, m.amount, l.matures_on, l.expires_on
        FROM movements m JOIN lots l ON l.id = m.lot_id WHERE m.kind = 1 ORDER BY m.id;
    SELECT setval('movements_id_seq', (SELECT max(id) FROM movements))
"""


async def create_wallet(db: Database) -> int:
    """Create half a year of movements of one wallet, and return their number."""
    for number in range(25):
        today = BEGAN + timedelta(days=7 * number)
        key = WalletKey(1, 1, today)
        waits = timedelta(days=14 if number % 3 == 0 else 0)
        async with db.begin() as session:
            earned = Cause(1, number + 1)
            matures_on = today + waits
            await ledger.earn(
                session, key, 100 + number, earned, matures_on=matures_on, expires_on=matures_on + timedelta(days=60)
            )
            if number % 5 == 4:
                wallet = await ledger.hold(session, key, 90, Cause(2, number))
                await ledger.settle(session, key, 60, Cause(2, number))
                await ledger.release(session, key, 30, Cause(2, number))
            if number % 10 == 9:
                wallet = await ledger.claw_back(session, key, 40, earned, Cause(3, number))
                await ledger.hold(session, key, wallet.available, Cause(4, number))
    return int((await db.call(text("SELECT count(*) AS n FROM movements"))).n)


async def copy_wallet(db: Database, wallets: int) -> None:
    """Replace the wallet by copies of it."""
    async with db.begin() as session:
        for statement in COPY.format(wallets=wallets, apart=CAUSE_STEP).split(";\n"):
            await session.execute(text(statement))
    for table in ("wallets", "lots", "movements", "lot_uses", "accruals"):
        await db.rows(text(f"VACUUM ANALYZE {table}"))  # as autovacuum would have


@contextlib.asynccontextmanager
async def installation() -> AsyncIterator[Settings]:
    """A temporary database with the current schema."""
    with (
        tempfile.TemporaryDirectory(prefix="scanback-ledger-") as folder,
        postgres_server.throwaway(fast=True) as server,
    ):
        migrate(server.url)
        yield Settings.from_env({"SCANBACK_DATA": folder, "DATABASE_URL": server.url})


def database_cpu_seconds() -> float:
    """CPU seconds of the database: its running processes and those that have ended."""
    return sum(sum(process.cpu_times()[:4]) for process in psutil.Process().children(recursive=True))


async def main(movements: int) -> bool:
    """Create the ledger, its checkpoints and an audit."""
    async with installation() as settings:
        db, files = Database(settings.database_url, pool_size=1, role=""), Folder(Path(settings.data) / "files")
        begun = time.perf_counter()
        each = await create_wallet(db)
        await copy_wallet(db, movements // each)
        await db.close()
        print(
            f"{movements // each} wallets of {each} movements made in {time.perf_counter() - begun:.0f} s", flush=True
        )
        begun = time.perf_counter()
        await ledger_audit.seal(settings, files, wait_seconds=60)
        print(f"sealed in {time.perf_counter() - begun:.1f} s", flush=True)
        used = database_cpu_seconds()
        found = await ledger_audit.prove(settings, files)
        used = database_cpu_seconds() - used
        for fault in found.faults:
            print(fault)
        ok = not found.faults and found.seconds <= MAX_SECONDS
        print(
            f"{'ok  ' if ok else 'MISS'} {found.movements:,} movements, {found.sealed:,} sealed, proved in "
            f"{found.seconds} s (<= {MAX_SECONDS}), {used:.0f} s of CPU"
        )
    return ok


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--movements", type=int, default=10_000_000)
    sys.exit(0 if asyncio.run(main(parser.parse_args().movements)) else 1)
