"""Pallets and rolls: what a claim sees when parts of a batch are dispatched, recalled, revoked."""

import asyncio
import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, insert, select, text

from backend.core.db.events import Event
from backend.earning.packages import batches, ranges
from backend.earning.packages.batches import BatchRequest
from backend.earning.packages.models import Range
from backend.earning.packages.ranges import PositionRange
from backend.programmes.models import Accrual
from tests.make import World


@pytest.fixture
async def batch(db, world: World):
    """A batch of a hundred codes, printed, in a programme that pays 100 points a code."""
    programme = await world.programme()
    product = await world.product(programme.brand_id)
    await world.campaign(programme)
    async with db.begin() as session:
        made, _ = await batches.create_batch(
            session, programme.brand_id, uuid.uuid4(), BatchRequest(programme.id, product.sku, count=100)
        )
        await ranges.change_state(session, made, ranges.all_positions(made, "printed"))
    return made


async def change_state(db, batch, first, last, state, active_from=None):
    async with db.begin() as session:
        locked = await batches.lock_batch(session, batch.brand_id, batch.key)
        await ranges.change_state(session, locked, PositionRange(first, last, state, active_from))
        return locked.state


async def parts(db, batch):
    async with db.begin() as session:
        return [(row.first, row.last, row.state) for row in await ranges.list_ranges(session, batch, 0, 1000)]


async def scanned(world, batch, position, account=None):
    """What a claim of a position is answered: the reason, or the status where there is none."""
    answer = (await world.scan(account or await world.account(), world.codes_of(batch)[position - 1])).json()
    return answer.get("reason", answer["status"])


async def test_dispatched_pallet_pays_and_neighbours_do_not(db, world, batch):
    state = await change_state(db, batch, 11, 20, "active")

    assert state == "active"
    assert await parts(db, batch) == [(1, 10, "printed"), (11, 20, "active"), (21, 100, "printed")]
    assert [await scanned(world, batch, position) for position in (10, 11, 20, 21)] == [
        "not_active",
        "credited",
        "credited",
        "not_active",
    ]


async def test_claim_is_refused_with_reason_of_state(db, world, batch):
    await change_state(db, batch, 1, 40, "active")
    await change_state(db, batch, 11, 20, "revoked")
    await change_state(db, batch, 21, 30, "closed")
    await change_state(db, batch, 31, 40, "printed")

    replies = [await scanned(world, batch, position) for position in (1, 11, 21, 31, 41)]

    assert replies == ["credited", "revoked", "closed", "not_active", "not_active"]


async def test_planned_pallet_pays_from_its_date(db, world, batch):
    now = datetime.now(UTC)
    await change_state(db, batch, 1, 10, "active", now + timedelta(hours=1))
    await change_state(db, batch, 11, 20, "active", now - timedelta(seconds=1))

    assert await scanned(world, batch, 1) == "not_active"
    assert await scanned(world, batch, 11) == "credited"


async def test_recalled_codes_can_be_dispatched_again(db, world, batch):
    await change_state(db, batch, 1, 100, "active")
    await change_state(db, batch, 1, 10, "printed")
    before = await scanned(world, batch, 1)

    await change_state(db, batch, 1, 10, "active")

    assert before == "not_active"
    assert await scanned(world, batch, 1) == "credited"
    assert await parts(db, batch) == [(1, 100, "active")]


async def test_claim_before_revocation_stays(db, world, batch):
    await change_state(db, batch, 1, 100, "active")
    account = await world.account()
    await scanned(world, batch, 5, account)

    await change_state(db, batch, 1, 100, "revoked")

    assert await scanned(world, batch, 5, account) == "repeated"
    assert await scanned(world, batch, 5) == "revoked"
    assert (await world.home(account))["wallets"][0]["available"] == 100


async def test_spans_of_neighbouring_batches_stay_separate(db, world, batch):
    async with db.begin() as session:
        _, product = await batches.get_batch(session, batch.brand_id, batch.key)
        other, _ = await batches.create_batch(
            session, batch.brand_id, uuid.uuid4(), BatchRequest(batch.programme_id, product.sku, count=50)
        )
        await ranges.change_state(session, other, ranges.all_positions(other, "printed"))
    await change_state(db, batch, 51, 100, "active")
    await change_state(db, other, 1, 50, "active")

    assert other.first_serial == batch.first_serial + 100
    assert await parts(db, batch) == [(1, 50, "printed"), (51, 100, "active")]
    assert await parts(db, other) == [(1, 50, "active")]
    assert await scanned(world, batch, 50) == "not_active"


async def test_repeated_step_records_no_event(db, batch):
    await change_state(db, batch, 11, 20, "active")
    await change_state(db, batch, 11, 20, "active")

    async with db.begin() as session:
        events = (await session.scalars(select(Event.body).where(Event.kind == "batch.active"))).all()
    assert events == [{"batch": str(batch.key), "first": 11, "last": 20, "state": "active", "active_from": None}]


@pytest.mark.parametrize(("first", "last"), [(0, 10), (1, 101), (101, 200), (20, 10)])
async def test_positions_outside_the_batch_are_refused(db, batch, first, last):
    with pytest.raises(ranges.PositionsUnknown):
        await change_state(db, batch, first, last, "active")


async def test_forbidden_step_changes_nothing(db, batch):
    await change_state(db, batch, 1, 10, "revoked")

    with pytest.raises(ranges.StateForbidden) as refused:
        await change_state(db, batch, 5, 100, "generated")

    assert refused.value.detail() == "A code that is printed cannot become generated."
    assert await parts(db, batch) == [(1, 10, "revoked"), (11, 100, "printed")]


@pytest.mark.parametrize("state", ["printed", "revoked", "closed"])
async def test_only_active_codes_have_activation_time(db, batch, state):
    with pytest.raises(ranges.StartInvalid):
        await change_state(db, batch, 1, 10, state, datetime.now(UTC))


async def test_concurrent_range_changes_both_apply(db, batch):
    for round_number in range(5):
        base = round_number * 20
        await asyncio.gather(
            change_state(db, batch, base + 1, base + 10, "active"),
            change_state(db, batch, base + 6, base + 15, "revoked"),
            change_state(db, batch, base + 16, base + 20, "active"),
        )

    found = await parts(db, batch)
    positions = [position for first, last, _ in found for position in range(first, last + 1)]
    states = {position: state for first, last, state in found for position in range(first, last + 1)}
    assert positions == list(range(1, 101))
    for base in range(0, 100, 20):
        assert {states[base + position] for position in range(6, 16)} == {"revoked"}
        assert {states[base + position] for position in [*range(1, 6), *range(16, 21)]} == {"active"}


async def test_claims_during_revocation_pay_before_or_never(db, world, batch):
    await change_state(db, batch, 1, 100, "active")
    accounts = [await world.account() for _ in range(8)]
    order = random.Random(7).sample(range(1, 101), 100)
    under_way, revoked = asyncio.Event(), asyncio.Event()
    late = []

    async def claim(number):
        for left, position in reversed(list(enumerate(reversed(order[number::8])))):
            if left == 0:
                await revoked.wait()  # the last one comes too late
            begun_after = revoked.is_set()
            reply = await scanned(world, batch, position, accounts[number])
            if begun_after:
                late.append(reply)
            elif position in order[40:48]:
                under_way.set()

    async def revoke():
        await under_way.wait()
        await change_state(db, batch, 1, 100, "revoked")
        revoked.set()

    await asyncio.gather(revoke(), *(claim(number) for number in range(8)))

    async with db.begin() as session:
        paid = await session.scalar(select(func.count()).select_from(Accrual))
        standing = await batches.batch_progress(session, batch)
    wallets = [wallet["available"] for account in accounts for wallet in (await world.home(account))["wallets"]]
    assert set(late) == {"revoked"}
    assert 0 < paid < 100
    assert sum(wallets) == paid * 100
    assert standing == batches.BatchProgress({"revoked": 100}, paid)


async def test_ranges_are_searched_by_index(db, owner, batch):
    async with owner.begin() as session:
        rows = [
            {
                "slot": batch.slot,
                "first_serial": 1000 + 10 * number,
                "last_serial": 1009 + 10 * number,
                "batch_id": batch.id,
                "state": "active" if number % 2 else "printed",
            }
            for number in range(100_000)
        ]
        await session.execute(insert(Range), rows)
        await session.execute(text("ANALYZE ranges"))

    async with db.begin() as session:
        # The same statement as in packages_range.
        plan = await session.execute(
            text(
                "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM ranges WHERE slot = :slot "
                "AND first_serial <= 500005 ORDER BY first_serial DESC LIMIT 1"
            ),
            {"slot": batch.slot},
        )
        found = await session.execute(text("SELECT (packages_range(:slot, 500005)).*"), {"slot": batch.slot})

    scan = plan.scalar_one()[0]["Plan"]["Plans"][0]
    assert (scan["Node Type"], scan["Index Name"], scan["Scan Direction"]) == ("Index Scan", "pk_ranges", "Backward")
    assert scan["Actual Rows"] == 1
    assert scan["Shared Hit Blocks"] + scan["Shared Read Blocks"] < 10
    assert found.one().first_serial == 500_000


async def test_range_change_updates_only_neighbours(db, owner, batch):
    async with owner.begin() as session:
        await session.execute(text("UPDATE ranges SET first_serial = 2000000, last_serial = 2000099"))
        await session.execute(
            text(
                "INSERT INTO ranges (slot, first_serial, last_serial, batch_id, state) "
                "SELECT :slot, 10 * n, 10 * n + 9, :batch, CASE n % 2 WHEN 0 THEN 'active' ELSE 'printed' END "
                "FROM generate_series(0, 99999) AS n"
            ),
            {"slot": batch.slot, "batch": batch.id},
        )
        await session.execute(text("UPDATE batches SET count = 1000000"))
        await session.execute(text("ANALYZE ranges"))

    await change_state(db, batch, 500_011, 500_020, "active")

    async with db.begin() as session:
        near = await session.execute(
            text(
                "SELECT first_serial, last_serial, state FROM ranges "
                "WHERE first_serial BETWEEN 499980 AND 500040 ORDER BY first_serial"
            )
        )
        count = await session.scalar(text("SELECT count(*) FROM ranges"))
    assert [tuple(row) for row in near] == [
        (499_980, 499_989, "active"),
        (499_990, 499_999, "printed"),
        (500_000, 500_029, "active"),
        (500_030, 500_039, "printed"),
        (500_040, 500_049, "active"),
    ]
    assert count == 100_001 - 2
