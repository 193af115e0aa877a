"""What the worker does by the clock."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import text

from backend.core.storage.store import create_store
from backend.operations import scheduled_jobs
from backend.programmes.rules.rule import FixedAmount, Rule
from payouts import checkpoints
from tests.worker.local_worker import until, working


@pytest.fixture
def at_work(settings, tmp_path):
    return msgspec.structs.replace(settings, data=tmp_path)


def waiting_rule() -> Rule:
    return Rule(ways=frozenset({"package"}), amount=FixedAmount(100), hold_days=2, lifetime_days=30)


async def test_worker_matures_due_points(db, world, owner, at_work):
    account = await world.account()
    (code,) = await world.codes(1, rule=waiting_rule())
    await world.scan(account, code)
    async with owner.begin() as session:
        await session.execute(text("UPDATE lots SET matures_on = matures_on - 2"))
        await session.execute(text("UPDATE wallets SET due_on = due_on - 2"))

    async with working(at_work, count=2):
        wallet = await until(lambda: db.rows(text("SELECT pending, available FROM wallets WHERE pending = 0")))

    assert wallet == [(0, 100)]
    movements = await db.rows(text("SELECT kind FROM movements ORDER BY wallet_seq"))
    assert [row.kind for row in movements] == [1, 2]


async def test_catching_up_many_wallets_locks_each_briefly(db, world, owner):
    account = await world.account()
    codes = await world.codes(3)
    await world.scan(account, codes[0])
    programme = (await db.call(text("SELECT book_id FROM wallets"))).book_id
    async with owner.begin() as session:
        await session.execute(
            text("""
            WITH w AS (INSERT INTO wallets (owner_id, book_id, due_on)
                SELECT -n, :book, current_date - 1 FROM generate_series(1, 3000) AS n RETURNING id)
            INSERT INTO lots (wallet_id, amount, remaining, matures_on, expires_on, pending)
            SELECT id, 100, 100, current_date - 9, current_date - 1, false FROM w"""),
            {"book": programme},
        )
        # What these lots hold was earned, as far as the books can tell.
        await session.execute(
            text("""
            INSERT INTO movements (wallet_id, wallet_seq, amount, pending_after, available_after, held_after, cause_id,
                lot_id, kind, from_place, to_place, cause)
            SELECT w.id, 1, 100, 0, 100, 0, -w.id, l.id, 1, 1, 3, 9 FROM wallets w JOIN lots l ON l.wallet_id = w.id
            WHERE w.owner_id < 0""")
        )
        await session.execute(text("UPDATE wallets SET available = 100, seq = 1 WHERE owner_id < 0"))

    longest = 0.0

    async def read_wallet() -> None:
        nonlocal longest
        while True:
            begun = asyncio.get_running_loop().time()
            await db.rows(text("SELECT FROM wallets WHERE owner_id < 0 ORDER BY random() LIMIT 1 FOR UPDATE"))
            longest = max(longest, asyncio.get_running_loop().time() - begun)

    looking = asyncio.create_task(read_wallet())
    await scheduled_jobs.bring_wallets(db=db)
    looking.cancel()

    left = await db.call(text("SELECT count(*) AS n FROM wallets WHERE due_on < current_date"))
    assert left.n == 0
    assert longest < 0.5


def test_each_programme_has_its_own_day():
    now = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)

    days = scheduled_jobs.group_by_day(
        [(1, "Europe/Moscow"), (2, "Asia/Vladivostok"), (3, "Europe/Kaliningrad"), (4, "UTC")], now
    )

    assert days == {date(2026, 11, 23): [1, 2], date(2026, 11, 22): [3, 4]}


@pytest.mark.parametrize(
    ("hour", "hours_ago", "due"),
    [(2, None, True), (12, None, True), (2, 23, True), (2, 1, False), (12, 23, False), (12, 31, True)],
)
def test_ledger_is_audited_nightly_or_at_start(hour, hours_ago, due):
    now = datetime(2026, 11, 22, hour, 17, tzinfo=UTC)
    last = None if hours_ago is None else now - timedelta(hours=hours_ago)

    assert scheduled_jobs.is_due(last, now) is due


async def test_worker_seals_and_proves_periodically(db, world, at_work):
    account = await world.account()
    for code in await world.codes(2):
        await world.scan(account, code)

    await scheduled_jobs.seal_movements(settings=at_work, files=create_store(at_work))
    await scheduled_jobs.prove_books(db=db, settings=at_work, files=create_store(at_work))
    await scheduled_jobs.prove_books(db=db, settings=at_work, files=create_store(at_work))

    assert [seal.rows for seal in await checkpoints.all_checkpoints(db.engine)] == [2]
    assert await db.rows(text("SELECT faults FROM books_checks")) == [([],)]


async def test_failed_proof_is_stored_as_an_alert(db, world, owner, at_work):
    account = await world.account()
    (code,) = await world.codes(1)
    await world.scan(account, code)
    change = text("UPDATE wallets SET available = available + :by")
    async with owner.begin() as session:
        await session.execute(change, {"by": 1})

    await scheduled_jobs.prove_books(db=db, settings=at_work, files=create_store(at_work))

    (check,) = await db.rows(text("SELECT faults FROM books_checks"))
    # The wallet does not follow from its movements, nor from its lots, nor its programme's sums from all of them.
    assert len(check.faults) == 3
    async with owner.begin() as session:
        await session.execute(change, {"by": -1})


async def test_only_expired_rows_are_deleted(db):
    await db.rows(
        text("INSERT INTO counters SELECT 'old:' || n, 1, now() - interval '2 days' FROM generate_series(1, 2500) AS n")
    )
    await db.rows(text("INSERT INTO counters VALUES ('new', 1, now() + interval '1 hour'), ('just', 1, now())"))
    await db.rows(text("INSERT INTO day_caps VALUES (1, 1, current_date - 9, 5), (1, 1, current_date, 5)"))
    await db.rows(
        text(
            "INSERT INTO job_failures (job_id, task, attempt, error, at) "
            "VALUES (1, 't', 0, '', now() - interval '40 days'), (2, 't', 0, '', now())"
        )
    )

    await scheduled_jobs.sweep(db=db)

    left = await db.call(
        text("""
        SELECT (SELECT array_agg(key ORDER BY key) FROM counters) AS counters, (SELECT count(*) FROM day_caps) AS caps,
            (SELECT array_agg(job_id) FROM job_failures) AS failures""")
    )
    assert (left.counters, left.caps, left.failures) == (["just", "new"], 1, [2])


async def test_job_failure_is_deleted_after_a_month(db, owner):
    await db.rows(
        text("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('q', 'old'), ('q', 'new'), ('q', 'todo')")
    )
    for state in ("doing", "failed"):
        await db.rows(text(f"UPDATE procrastinate_jobs SET status = '{state}' WHERE task_name <> 'todo'"))  # noqa: S608
    await db.rows(
        text(
            "UPDATE procrastinate_events SET at = now() - interval '40 days' "
            "WHERE job_id IN (SELECT id FROM procrastinate_jobs WHERE task_name <> 'new')"
        )
    )

    await scheduled_jobs.sweep(db=db)

    left = await db.rows(text("SELECT task_name FROM procrastinate_jobs ORDER BY id"))
    assert [row.task_name for row in left] == ["new", "todo"]


async def test_checkpoint_during_open_transaction_is_postponed(db, world, at_work, monkeypatch):
    monkeypatch.setattr(scheduled_jobs, "SEAL_WAIT_SECONDS", 0.1)
    account = await world.account()
    (code,) = await world.codes(1)
    await world.scan(account, code)
    async with db.begin() as session:
        await session.execute(text("SELECT pg_current_xact_id()"))
        await scheduled_jobs.seal_movements(settings=at_work, files=create_store(at_work))

    assert await checkpoints.all_checkpoints(db.engine) == []
