"""Checkpoints: a change of a covered row is detected, and a range is closed only when no row can be added."""

import asyncio

import pytest
from sqlalchemy import text

from backend.core.db.database import Database
from payouts import audit, checkpoints, ledger, merkle_tree
from payouts.ledger import Cause
from tests.payouts.conftest import as_superuser, empty
from tests.payouts.owner import EARNED, Owner

ADDED = """
    INSERT INTO movements (id, wallet_id, wallet_seq, amount, pending_after, available_after, held_after, cause_id,
        kind, from_place, to_place, cause) OVERRIDING SYSTEM VALUE
    SELECT {}, id, -1, 1, 0, 1, 0, -1, 1, 1, 3, 1 FROM wallets"""


@pytest.fixture
async def sealed(ledger_db: Database, owner: Database, agent: Owner):
    """Nine movements under three checkpoints."""
    for _ in range(9):
        await agent.earn(100)
    await create(ledger_db, max_rows=4)
    yield agent
    await empty(owner)


async def create(
    db: Database, *, max_rows: int = 50_000, wait_seconds: float = 5
) -> list[checkpoints.CheckpointHeader]:
    return [
        seal async for seal in checkpoints.create_checkpoints(db.engine, wait_seconds=wait_seconds, max_rows=max_rows)
    ]


async def test_checkpoints_have_limited_rows_and_form_chain(sealed: Owner):
    made = await checkpoints.all_checkpoints(sealed.db.engine)

    assert [seal.rows for seal in made] == [4, 4, 1]
    assert [seal.previous for seal in made] == [checkpoints.NO_PREVIOUS_HASH, made[0].hash, made[1].hash]
    assert list(checkpoints.broken_links(made)) == []


async def test_checkpoints_stay_valid_after_new_movements(sealed: Owner, owner: Database):
    await sealed.earn(100)
    again = await create(sealed.db)

    assert [seal.rows for seal in again] == [1]
    assert await audit.find_faults(owner.engine) == []


async def test_checkpoint_without_new_movements_is_not_created(sealed: Owner):
    assert await create(sealed.db) == []


async def test_checkpoint_of_empty_ledger_is_not_created(pay: Database):
    assert await create(pay) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE movements SET at = at + interval '1 microsecond' WHERE id = {}",
        "UPDATE movements SET cause_id = cause_id + 1000000 WHERE id = {}",
        "DELETE FROM movements WHERE id = {}",
        "UPDATE movements SET id = DEFAULT WHERE id = {}",
    ],
)
async def test_audit_names_range_of_changed_row(sealed: Owner, owner: Database, change: str):
    first, second, _ = await checkpoints.all_checkpoints(owner.engine)
    await as_superuser(owner, change.format(second.upto))

    faults = [fault for fault in await audit.find_faults(owner.engine) if "sealed" in fault]

    assert len(faults) == 1
    assert faults[0].startswith(f"movements {first.upto + 1} to {second.upto} are not what was sealed on ")


async def test_audit_names_changed_row(sealed: Owner, owner: Database):
    _, second, _ = await checkpoints.all_checkpoints(owner.engine)
    await as_superuser(owner, f"UPDATE movements SET leg = 7 WHERE id = {second.upto - 1}")  # noqa: S608

    faults = [fault for fault in await audit.find_faults(owner.engine) if "sealed" in fault]

    assert len(faults) == 1
    assert faults[0].endswith(f": changed {second.upto - 1}")


@pytest.mark.parametrize("column", ["root", "secret", "leaves", "hash"])
async def test_audit_finds_changed_part_of_checkpoint(sealed: Owner, owner: Database, column: str):
    *_, last = await checkpoints.all_checkpoints(owner.engine)
    await as_superuser(owner, f"UPDATE seals SET {column} = sha256('forged') WHERE upto = {last.upto}")  # noqa: S608

    faults = await audit.find_faults(owner.engine)

    assert [fault.split(" on ")[0] for fault in faults] == [
        f"movements {last.upto} to {last.upto} are not what was sealed"
    ]


async def test_python_computes_same_checkpoint_as_sql(sealed: Owner, owner: Database):
    for made in await owner.rows(text("SELECT * FROM seals")):
        assert made.root == merkle_tree.root_hash(made.leaves)
        assert made.hash == merkle_tree.checkpoint_hash(made.previous, made.root, made.upto, made.rows)


async def test_audit_finds_added_row(sealed: Owner, owner: Database):
    await sealed.earn(1, Cause(EARNED, 10**9))
    with pytest.raises(ledger.CauseRepeated):
        await sealed.earn(1, Cause(EARNED, 10**9))  # it draws an id that stays unused
    await sealed.earn(100)
    (last,) = await create(sealed.db)
    await as_superuser(owner, ADDED.format(last.upto - 1))

    faults = [fault for fault in await audit.find_faults(owner.engine) if "sealed" in fault]

    assert len(faults) == 1
    assert faults[0].endswith(": 3 rows, not 2")


async def test_audit_finds_replaced_checkpoint(sealed: Owner, owner: Database):
    _, second, _ = await checkpoints.all_checkpoints(owner.engine)
    await as_superuser(owner, f"UPDATE seals SET hash = sha256('forged') WHERE upto = {second.upto}")  # noqa: S608

    faults = await audit.find_faults(owner.engine)

    assert [fault.split(" ")[0] for fault in faults] == ["the", "movements"]


async def test_audit_finds_removed_first_checkpoint(sealed: Owner, owner: Database):
    first, *_ = await checkpoints.all_checkpoints(owner.engine)
    await as_superuser(owner, f"DELETE FROM seals WHERE upto = {first.upto}")  # noqa: S608

    faults = await audit.find_faults(owner.engine)

    assert any("names a seal before it" in fault for fault in faults)


async def test_checkpoint_waits_for_open_transaction(pay: Database, agent: Owner):
    slow = Owner(pay, owner_id=2, today=agent.today)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def earn_slowly() -> None:
        async with pay.begin() as session:
            earn = "SELECT id FROM ledger_earn(ledger_open(2, 7, :day), 10, 1, 99, :day, :day, '9999-12-31')"
            await session.execute(text(earn), {"day": slow.today})
            begun.set()
            await go_on.wait()

    running = asyncio.create_task(earn_slowly())
    await begun.wait()
    await agent.earn(100)  # a higher id than the one that is not committed yet
    with pytest.raises(checkpoints.TransactionStillOpen):
        await create(pay, wait_seconds=0.3)
    go_on.set()
    await running

    assert [seal.rows for seal in await create(pay)] == [2]


async def test_checkpoint_does_not_wait_for_reader(pay: Database, agent: Owner):
    await agent.earn(100)

    async with pay.begin() as session:
        await session.execute(text("SELECT count(*) FROM movements"))
        made = await create(pay, wait_seconds=1)

    assert [seal.rows for seal in made] == [1]


async def test_concurrent_checkpoints_form_one_chain(pay: Database, agent: Owner):
    for _ in range(20):
        await agent.earn(100)

    made = await asyncio.gather(*(create(pay, max_rows=3) for _ in range(5)))

    assert sum(seal.rows for some in made for seal in some) == 20
    assert list(checkpoints.broken_links(await checkpoints.all_checkpoints(pay.engine))) == []


async def test_hash_does_not_depend_on_session_settings(pay: Database, agent: Owner, owner: Database):
    await agent.earn(100)
    (made,) = await create(pay)

    async with owner.begin() as session:
        await session.execute(text("SET LOCAL timezone = 'Asia/Vladivostok'"))
        await session.execute(text("SET LOCAL datestyle = 'German'"))
        again = await session.scalar(
            text("SELECT h.hash FROM seals s, ledger_hash(0, s.upto, s.previous, s.secret) AS h")
        )

    assert again == made.hash


async def test_checkpoint_ends_at_the_given_id(pay: Database, agent: Owner):
    for _ in range(3):
        await agent.earn(100)
    ids = [row.id for row in await pay.rows(text("SELECT id FROM movements ORDER BY id"))]

    seal = await pay.call(text("SELECT upto, rows FROM ledger_seal(:upto, 100)"), upto=ids[1])

    assert (seal.upto, seal.rows) == (ids[1], 2)
