"""Seals: what was sealed cannot be changed unseen, and nothing is sealed that may still grow."""

import asyncio

import pytest
from sqlalchemy import text

from backend.database import Database
from payouts import books, ledger, seals, tree
from payouts.ledger import Cause
from tests.payouts.conftest import as_superuser, empty
from tests.payouts.owner import EARNED, Owner

ADDED = """
    INSERT INTO movements (id, wallet_id, wallet_seq, amount, pending_after, available_after, held_after, cause_id,
        kind, from_place, to_place, cause) OVERRIDING SYSTEM VALUE
    SELECT {}, id, -1, 1, 0, 1, 0, -1, 1, 1, 3, 1 FROM wallets"""


@pytest.fixture
async def sealed(ledger_db: Database, owner: Database, agent: Owner):
    """Nine movements under three seals."""
    for _ in range(9):
        await agent.earn(100)
    await close(ledger_db, most_rows=4)
    yield agent
    await empty(owner)


async def close(db: Database, *, most_rows: int = 50_000, wait_seconds: float = 5) -> list[seals.Seal]:
    return [seal async for seal in seals.close(db.engine, wait_seconds=wait_seconds, most_rows=most_rows)]


async def test_each_seal_covers_so_many_rows_and_follows_from_the_one_before(sealed: Owner):
    made = await seals.made(sealed.db.engine)

    assert [seal.rows for seal in made] == [4, 4, 1]
    assert [seal.previous for seal in made] == [seals.NOTHING_BEFORE, made[0].hash, made[1].hash]
    assert list(seals.broken_links(made)) == []


async def test_what_is_sealed_stays_so_when_more_is_added(sealed: Owner, owner: Database):
    await sealed.earn(100)
    again = await close(sealed.db)

    assert [seal.rows for seal in again] == [1]
    assert await books.faults(owner.engine) == []


async def test_nothing_new_makes_no_seal(sealed: Owner):
    assert await close(sealed.db) == []


async def test_an_empty_ledger_makes_no_seal(pay: Database):
    assert await close(pay) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE movements SET at = at + interval '1 microsecond' WHERE id = {}",
        "UPDATE movements SET cause_id = cause_id + 1000000 WHERE id = {}",
        "DELETE FROM movements WHERE id = {}",
        "UPDATE movements SET id = DEFAULT WHERE id = {}",
    ],
)
async def test_a_row_that_was_changed_or_removed_is_found_and_its_range_named(
    sealed: Owner, owner: Database, change: str
):
    first, second, _ = await seals.made(owner.engine)
    await as_superuser(owner, change.format(second.upto))

    faults = [fault for fault in await books.faults(owner.engine) if "sealed" in fault]

    assert len(faults) == 1
    assert faults[0].startswith(f"movements {first.upto + 1} to {second.upto} are not what was sealed on ")


async def test_a_row_that_was_changed_is_named(sealed: Owner, owner: Database):
    _, second, _ = await seals.made(owner.engine)
    await as_superuser(owner, f"UPDATE movements SET leg = 7 WHERE id = {second.upto - 1}")  # noqa: S608

    faults = [fault for fault in await books.faults(owner.engine) if "sealed" in fault]

    assert len(faults) == 1
    assert faults[0].endswith(f": changed {second.upto - 1}")


@pytest.mark.parametrize("column", ["root", "secret", "leaves", "hash"])
async def test_a_part_of_a_seal_that_was_changed_is_found(sealed: Owner, owner: Database, column: str):
    *_, last = await seals.made(owner.engine)
    await as_superuser(owner, f"UPDATE seals SET {column} = sha256('forged') WHERE upto = {last.upto}")  # noqa: S608

    faults = await books.faults(owner.engine)

    assert [fault.split(" on ")[0] for fault in faults] == [
        f"movements {last.upto} to {last.upto} are not what was sealed"
    ]


async def test_python_seals_as_sql_does(sealed: Owner, owner: Database):
    for made in await owner.rows(text("SELECT * FROM seals")):
        assert made.root == tree.root(made.leaves)
        assert made.hash == tree.seal(made.previous, made.root, made.upto, made.rows)


async def test_a_row_that_was_added_is_found(sealed: Owner, owner: Database):
    await sealed.earn(1, Cause(EARNED, 10**9))
    with pytest.raises(ledger.Repeated):
        await sealed.earn(1, Cause(EARNED, 10**9))  # it draws an id and leaves it unused
    await sealed.earn(100)
    (last,) = await close(sealed.db)
    await as_superuser(owner, ADDED.format(last.upto - 1))

    faults = [fault for fault in await books.faults(owner.engine) if "sealed" in fault]

    assert len(faults) == 1
    assert faults[0].endswith(": 3 rows, not 2")


async def test_seals_that_were_made_anew_no_longer_join(sealed: Owner, owner: Database):
    _, second, _ = await seals.made(owner.engine)
    await as_superuser(owner, f"UPDATE seals SET hash = sha256('forged') WHERE upto = {second.upto}")  # noqa: S608

    faults = await books.faults(owner.engine)

    assert [fault.split(" ")[0] for fault in faults] == ["the", "movements"]


async def test_a_removed_first_seal_is_found(sealed: Owner, owner: Database):
    first, *_ = await seals.made(owner.engine)
    await as_superuser(owner, f"DELETE FROM seals WHERE upto = {first.upto}")  # noqa: S608

    faults = await books.faults(owner.engine)

    assert any("says that there was one before it" in fault for fault in faults)


async def test_a_movement_that_may_still_appear_below_keeps_the_range_open(pay: Database, agent: Owner):
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
    with pytest.raises(seals.StillOpen):
        await close(pay, wait_seconds=0.3)
    go_on.set()
    await running

    assert [seal.rows for seal in await close(pay)] == [2]


async def test_a_reader_that_takes_its_time_keeps_nothing_open(pay: Database, agent: Owner):
    await agent.earn(100)

    async with pay.begin() as session:
        await session.execute(text("SELECT count(*) FROM movements"))
        made = await close(pay, wait_seconds=1)

    assert [seal.rows for seal in made] == [1]


async def test_many_who_seal_at_once_make_one_chain(pay: Database, agent: Owner):
    for _ in range(20):
        await agent.earn(100)

    made = await asyncio.gather(*(close(pay, most_rows=3) for _ in range(5)))

    assert sum(seal.rows for some in made for seal in some) == 20
    assert list(seals.broken_links(await seals.made(pay.engine))) == []


async def test_the_hash_does_not_hang_on_the_reader(pay: Database, agent: Owner, owner: Database):
    await agent.earn(100)
    (made,) = await close(pay)

    async with owner.begin() as session:
        await session.execute(text("SET LOCAL timezone = 'Asia/Vladivostok'"))
        await session.execute(text("SET LOCAL datestyle = 'German'"))
        again = await session.scalar(text("SELECT h.hash FROM seals s, "
                                          "ledger_hash(0, s.upto, s.previous, s.secret) AS h"))  # fmt: skip

    assert again == made.hash


async def test_nothing_is_sealed_beyond_the_mark(pay: Database, agent: Owner):
    for _ in range(3):
        await agent.earn(100)
    ids = [row.id for row in await pay.rows(text("SELECT id FROM movements ORDER BY id"))]

    seal = await pay.call(text("SELECT upto, rows FROM ledger_seal(:upto, 100)"), upto=ids[1])

    assert (seal.upto, seal.rows) == (ids[1], 2)
