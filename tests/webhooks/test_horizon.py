"""Events are read in order and none is missed, though their ids are drawn in one order and committed in another."""

import asyncio
import itertools
import random

from sqlalchemy import text

from backend.webhooks import horizon, telling
from tests.worker.working import until

EVENT = "INSERT INTO events (brand_id, kind, body) VALUES (:brand, 'product.created', :body) RETURNING id"
TOLD = text("SELECT e.id FROM webhook_deliveries d JOIN events e ON e.id = d.event_id ORDER BY d.id")


async def test_an_event_that_commits_late_is_told_before_the_later_one(hook, db, brand):
    event = {"brand": brand.brand_id, "body": "{}"}
    async with db.begin() as session:
        early = await session.scalar(text(EVENT), event)
        (late,) = await db.rows(text(EVENT), **event)
        held_back = await horizon.safe(db, wait_seconds=0.2)
    await telling.tell(db=db)

    assert early < late.id
    assert held_back is None
    assert [row.id for row in await db.rows(TOLD)] == [early, late.id]


async def test_an_id_that_was_drawn_by_a_transaction_without_a_number_is_waited_for(hook, db, owner, brand):
    """Between drawing its id and writing its row an insert has no transaction number that one could compare."""
    event = {"brand": brand.brand_id, "body": "{}"}
    # Once in 32 times a sequence writes to the log, which gives a number.
    await db.rows(text(EVENT), **event)
    while not (await db.call(text("SELECT log_cnt FROM events_id_seq"))).log_cnt:
        await db.rows(text(EVENT), **event)
    slow = EVENT.replace("body) V", "body, at) V").replace(":body)", ":body, (SELECT now() FROM pg_sleep(2)))")
    asleep = text("SELECT backend_xid::text AS number FROM pg_stat_activity "
                  "WHERE wait_event = 'PgSleep' AND datname = current_database()")  # fmt: skip

    writing = asyncio.create_task(db.rows(text(slow), **event))
    (sleeper,) = await until(lambda: owner.rows(asleep))
    drawn = (await db.call(horizon.LAST_ID)).id
    held_back = await horizon.safe(db, wait_seconds=0.1)
    ((written,),) = await writing

    assert sleeper.number is None
    assert written == drawn
    assert held_back is None
    assert await horizon.safe(db) == drawn


async def test_none_is_missed_or_told_twice_while_many_write(hook, db, brand):
    chance = random.Random(7)

    async def write() -> list[int]:
        kept = []
        for _ in range(15):
            async with db.sessions() as session:
                drawn = await session.scalar(text(EVENT), {"brand": brand.brand_id, "body": "{}"})
                await asyncio.sleep(chance.random() / 50)
                if chance.random() < 0.8:
                    await session.commit()
                    kept.append(drawn)
        return kept

    async def tell() -> None:
        while True:
            await telling.tell(db=db)
            await asyncio.sleep(0)

    tellers = [asyncio.create_task(tell()) for _ in range(2)]
    kept = await asyncio.gather(*(write() for _ in range(4)))
    for teller in tellers:
        teller.cancel()
    await asyncio.wait(tellers)
    await telling.tell(db=db)

    assert [row.id for row in await db.rows(TOLD)] == sorted(itertools.chain(*kept))


async def test_many_events_are_told_in_portions(hook, db, brand, monkeypatch):
    monkeypatch.setattr(telling, "PORTION", 7)
    await db.rows(text("INSERT INTO events (brand_id, kind, body) SELECT :brand, 'product.created', '{}' "
                       "FROM generate_series(1, 50)"), brand=brand.brand_id)  # fmt: skip

    await telling.tell(db=db)

    assert len(await db.rows(TOLD)) == 50
