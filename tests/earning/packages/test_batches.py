"""Making batches: rows, serials, slots, and the same answer again."""

import asyncio
import itertools
import time
import uuid

import pytest
from sqlalchemy import func, select, text

from backend.core.db.events import Event
from backend.core.http.errors import BodyChanged
from backend.earning.packages import batches, ranges, slots
from backend.earning.packages.batches import BatchRequest
from backend.earning.packages.models import Batch, ImportedCode, Range, Slot
from backend.earning.packages.slot_keys import slot_key
from backend.programmes.products.service import ProductUnknown
from backend.programmes.service import ProgrammeUnknown
from scanning.codes import package
from tests.make import World

HUNDRED_MILLION = 100_000_000


@pytest.fixture
async def brand(world: World):
    """A brand with one programme and one product."""
    programme = await world.programme()
    product = await world.product(programme.brand_id, sku="RA16")
    return BatchRequest(programme.id, product.sku, count=100), programme


async def make(db, programme, wanted, key=None):
    async with db.begin() as session:
        batch, _ = await batches.create_batch(session, programme.brand_id, key or uuid.uuid4(), wanted)
        return batch


async def test_batch_is_one_row_and_one_range(db, brand):
    wanted, programme = brand

    batch = await make(db, programme, wanted)

    async with db.begin() as session:
        rows = (await session.scalars(select(Range))).all()
        event = await session.scalar(select(Event).where(Event.kind == "batch.created"))
    assert (batch.state, batch.count, batch.origin) == ("generated", 100, "computed")
    assert [(row.batch_id, row.last_serial - row.first_serial + 1, row.state) for row in rows] == [
        (batch.id, 100, "generated")
    ]
    assert (event.brand_id, event.body["batch"], event.body["count"]) == (programme.brand_id, str(batch.key), 100)


async def test_repeated_request_returns_same_batch(db, brand):
    wanted, programme = brand
    key = uuid.uuid4()

    first = await make(db, programme, wanted, key)
    second = await make(db, programme, wanted, key)

    async with db.begin() as session:
        slot = await session.get_one(Slot, first.slot)
        events = await session.scalar(select(func.count()).select_from(Event))
    assert first.id == second.id
    assert (slot.next_serial, events) == (100, 1)


@pytest.mark.parametrize("change", [{"count": 101}, {"note": "x"}, {"origin": "imported", "count": None}])
async def test_repeated_id_with_another_body_is_refused(db, brand, change):
    wanted, programme = brand
    key = uuid.uuid4()
    await make(db, programme, wanted, key)

    with pytest.raises(BodyChanged):
        await make(db, programme, BatchRequest(wanted.programme_id, wanted.sku, **({"count": 100} | change)), key)


async def test_concurrent_repeated_requests_create_one_batch(db, brand):
    wanted, programme = brand
    key = uuid.uuid4()

    made = await asyncio.gather(*(make(db, programme, wanted, key) for _ in range(6)))

    async with db.begin() as session:
        serials = await session.scalar(select(Slot.next_serial))
        count = await session.scalar(select(func.count()).select_from(Batch))
    assert len({batch.id for batch in made}) == count == 1
    assert serials == 100  # those that came second gave their serials back


async def test_spans_of_concurrent_batches_do_not_overlap(db, brand):
    wanted, programme = brand

    made = await asyncio.gather(
        *(
            make(db, programme, BatchRequest(wanted.programme_id, wanted.sku, count=100 + number))
            for number in range(20)
        )
    )

    spans = sorted((batch.slot, batch.first_serial, batch.first_serial + batch.count) for batch in made)
    assert len({slot for slot, _, _ in spans}) == 1
    assert all(left[2] == right[1] for left, right in itertools.pairwise(spans))


async def test_brands_share_no_slot(db, world, brand):
    wanted, programme = brand
    other = await world.programme()
    await world.product(other.brand_id, sku="RA16")

    made = await asyncio.gather(
        *(make(db, one, BatchRequest(one.id, wanted.sku, count=10)) for one in [programme, other] * 4)
    )

    slots_of = {batch.brand_id: {one.slot for one in made if one.brand_id == batch.brand_id} for batch in made}
    assert sorted(len(found) for found in slots_of.values()) == [1, 1]
    assert len(set.union(*slots_of.values())) == 2


async def test_slot_opens_under_row_level_security(db, world, brand):
    wanted, programme = brand
    other = await world.programme()
    await world.product(other.brand_id, sku="RA16")
    await make(db, programme, wanted)

    async with db.begin() as session:
        await session.execute(text(f"SET LOCAL scanback.brand = '{other.brand_id}'"))
        batch, _ = await batches.create_batch(
            session, other.brand_id, uuid.uuid4(), BatchRequest(other.id, "RA16", count=10)
        )
        seen = (await session.scalars(select(Slot.slot))).all()

    assert seen == [batch.slot]
    assert batch.slot == 1


async def test_full_slot_is_followed_by_next(db, world, brand):
    wanted, programme = brand
    await world.add(Slot(slot=0, brand_id=programme.brand_id, next_serial=package.SERIALS - 99))

    batch = await make(db, programme, wanted)
    again = await make(db, programme, wanted)

    async with db.begin() as session:
        closed = await session.scalar(select(Slot.closed_at).where(Slot.slot == 0))
    assert (batch.slot, batch.first_serial) == (1, 0)
    assert (again.slot, again.first_serial) == (1, 100)
    assert closed is not None


async def test_last_serial_of_slot_is_used(db, world, brand, settings):
    wanted, programme = brand
    await world.add(Slot(slot=0, brand_id=programme.brand_id, next_serial=package.SERIALS - 100))

    batch = await make(db, programme, wanted)

    last = package.encode(slot_key(settings.master_key, 0), 0, batch.first_serial + 99)
    assert (batch.slot, batch.first_serial + 99) == (0, package.SERIALS - 1)
    assert len(last) == package.LENGTH


async def test_rotation_preserves_codes_of_old_key(db, world, brand):
    wanted, programme = brand
    await world.campaign(programme)
    old = await make(db, programme, wanted)
    await activate(db, old)

    async with db.begin() as session:
        slot = await slots.open_next_slot(session, programme.brand_id)
    new = await make(db, programme, wanted)

    answer = (await world.scan(await world.account(), world.codes_of(old)[0])).json()
    assert (old.slot, new.slot, slot) == (0, 1, 1)
    assert answer["status"] == "credited"


async def test_batch_without_free_slot_is_refused(db, world, brand):
    wanted, programme = brand
    other = await world.brand()
    async with db.begin() as session:
        await session.execute(
            text("INSERT INTO slots (slot, brand_id) SELECT n, :brand FROM generate_series(0, 1023) AS n"),
            {"brand": other.id},
        )

    with pytest.raises(slots.SlotsUsedUp):
        await make(db, programme, wanted)
    with pytest.raises(slots.SlotsUsedUp):
        async with db.begin() as session:
            await slots.open_next_slot(session, other.id)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"sku": "none"}, ProductUnknown),
        ({"programme_id": 1}, ProgrammeUnknown),
        ({"count": None}, batches.CountInvalid),
        ({"origin": "imported"}, batches.CountInvalid),
        ({"origin": "marked", "count": None}, batches.GtinMissing),
    ],
)
async def test_invalid_batch_fields_are_refused(db, world, brand, change, refusal):
    wanted, programme = brand
    fields = {"programme_id": wanted.programme_id, "sku": "RA16", "count": 100} | change
    if "programme_id" in change:
        fields["programme_id"] = (await world.programme()).id  # another brand's

    with pytest.raises(refusal):
        await make(db, programme, BatchRequest(**fields))


async def test_batch_of_another_brand_is_not_found(db, world, brand):
    wanted, programme = brand
    batch = await make(db, programme, wanted)
    other = await world.brand()

    async with db.begin() as session:
        with pytest.raises(batches.BatchUnknown):
            await batches.get_batch(session, other.id, batch.key)
        with pytest.raises(batches.BatchUnknown):
            await batches.lock_batch(session, other.id, batch.key)
        assert await batches.list_batches(session, other.id, None, 10) == []


async def test_batches_are_listed_newest_first_in_pages(db, brand):
    wanted, programme = brand
    made = [await make(db, programme, wanted) for _ in range(5)]

    async with db.begin() as session:
        first = await batches.list_batches(session, programme.brand_id, None, 3)
        second = await batches.list_batches(session, programme.brand_id, first[-1][0].id, 3)

    assert [batch.id for batch, _ in [*first, *second]] == [batch.id for batch in reversed(made)]


async def test_hundred_million_codes_cost_two_rows(db, world, brand):
    wanted, programme = brand
    await world.campaign(programme)
    seconds = []

    for _ in range(4):  # the first one plans statements and opens the slot
        began = time.perf_counter()
        batch = await make(db, programme, BatchRequest(wanted.programme_id, wanted.sku, count=HUNDRED_MILLION))
        seconds.append(time.perf_counter() - began)

    await activate(db, batch)
    key = slot_key(world.settings.master_key, batch.slot)
    last = package.encode(key, batch.slot, batch.first_serial + HUNDRED_MILLION - 1)
    beyond = package.encode(key, batch.slot, batch.first_serial + HUNDRED_MILLION)
    account = await world.account()
    paid = (await world.scan(account, last)).json()
    refused = (await world.scan(account, beyond)).json()
    async with db.begin() as session:
        rows = await session.scalar(select(func.count()).select_from(Range).where(Range.batch_id == batch.id))
        codes = await session.scalar(select(func.count()).select_from(ImportedCode))
        standing = await batches.batch_progress(session, batch)
    assert (paid["status"], paid["amount"]) == ("credited", 100)
    assert (refused["status"], refused["reason"]) == ("refused", "unknown_code")
    assert (rows, codes) == (1, 0)
    assert standing == batches.BatchProgress({"active": HUNDRED_MILLION}, 1)
    assert min(seconds) < 0.5  # some ten milliseconds on a quiet machine


async def activate(db, batch):
    for state in ("printed", "active"):
        async with db.begin() as session:
            found = await batches.lock_batch(session, batch.brand_id, batch.key)
            await ranges.change_state(session, found, ranges.all_positions(found, state))
