"""The watermark of events: none is missed, although ids are drawn in one order and committed in another."""

import asyncio
import itertools
import random

from sqlalchemy import text

from backend.notifications.webhooks import event_watermark, fan_out
from tests.worker.local_worker import until

EVENT = "INSERT INTO events (brand_id, kind, body) VALUES (:brand, 'product.created', :body) RETURNING id"
DELIVERED = text("SELECT e.id FROM webhook_deliveries d JOIN events e ON e.id = d.event_id ORDER BY d.id")


async def test_late_commit_is_delivered_before_later_event(hook, db, brand):
    event = {"brand": brand.brand_id, "body": "{}"}
    async with db.begin() as session:
        early = await session.scalar(text(EVENT), event)
        (late,) = await db.rows(text(EVENT), **event)
        held_back = await event_watermark.safe_event_id(db, wait_seconds=0.2)
    await fan_out.tell(db=db)

    assert early < late.id
    assert held_back is None
    assert [row.id for row in await db.rows(DELIVERED)] == [early, late.id]


async def test_watermark_waits_for_insert_without_transaction_id(hook, db, owner, brand):
    """Between drawing its id and writing its row an insert has no transaction id to compare."""
    event = {"brand": brand.brand_id, "body": "{}"}
    # Once in 32 calls a sequence writes to the WAL, which assigns a transaction id.
    await db.rows(text(EVENT), **event)
    while not (await db.call(text("SELECT log_cnt FROM events_id_seq"))).log_cnt:
        await db.rows(text(EVENT), **event)
    slow = EVENT.replace("body) V", "body, at) V").replace(":body)", ":body, (SELECT now() FROM pg_sleep(2)))")
    asleep = text(
        "SELECT backend_xid::text AS number FROM pg_stat_activity "
        "WHERE wait_event = 'PgSleep' AND datname = current_database()"
    )

    writing = asyncio.create_task(db.rows(text(slow), **event))
    (sleeper,) = await until(lambda: owner.rows(asleep))
    drawn = (await db.call(event_watermark.LAST_ID)).id
    held_back = await event_watermark.safe_event_id(db, wait_seconds=0.1)
    ((written,),) = await writing

    assert sleeper.number is None
    assert written == drawn
    assert held_back is None
    assert await event_watermark.safe_event_id(db) == drawn


async def test_concurrent_events_are_each_delivered_once(hook, db, brand):
    chance = random.Random(7)

    async def write() -> list[int]:
        written_ids = []
        for _ in range(15):
            async with db.sessions() as session:
                drawn = await session.scalar(text(EVENT), {"brand": brand.brand_id, "body": "{}"})
                await asyncio.sleep(chance.random() / 50)
                if chance.random() < 0.8:
                    await session.commit()
                    written_ids.append(drawn)
        return written_ids

    async def tell() -> None:
        while True:
            await fan_out.tell(db=db)
            await asyncio.sleep(0)

    tellers = [asyncio.create_task(tell()) for _ in range(2)]
    written_ids = await asyncio.gather(*(write() for _ in range(4)))
    for teller in tellers:
        teller.cancel()
    await asyncio.wait(tellers)
    await fan_out.tell(db=db)

    assert [row.id for row in await db.rows(DELIVERED)] == sorted(itertools.chain(*written_ids))


async def test_many_events_are_fanned_out_in_batches(hook, db, brand, monkeypatch):
    monkeypatch.setattr(fan_out, "BATCH", 7)
    await db.rows(
        text(
            "INSERT INTO events (brand_id, kind, body) SELECT :brand, 'product.created', '{}' "
            "FROM generate_series(1, 50)"
        ),
        brand=brand.brand_id,
    )

    await fan_out.tell(db=db)

    assert len(await db.rows(DELIVERED)) == 50
