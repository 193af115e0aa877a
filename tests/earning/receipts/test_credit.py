"""Trust is earned: how many receipts may wait at once, whom providers answer first, and whom people see last."""

import asyncio
import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from litestar import Litestar
from sqlalchemy import text

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.identity.accounts.schemas import AccountCreated
from tests.earning.receipts.receipt_builders import Buying, document, goods, with_providers
from tests.make import World, bearer, caller
from tests.stand_ins import Simulators


def made_up() -> str:
    at = datetime.now(UTC) + timedelta(hours=3) - timedelta(minutes=random.randrange(60, 600))
    return (
        f"t={at:%Y%m%dT%H%M}&s=123.00&fn=9960440312345678&i={random.randrange(10**6, 10**9)}"
        f"&fp={random.randrange(10**8, 10**9)}&n=1"
    )


async def send_queue(client: Any, account: AccountCreated, count: int) -> list[str]:
    scans = [{"id": str(uuid.uuid4()), "text": made_up()} for _ in range(count)]
    answer = await client.post("/v1/scans/batch", json={"scans": scans}, headers=bearer(account))
    answer.raise_for_status()
    return [item.get("reason") or item["status"] for item in answer.json()["items"]]


async def test_new_account_has_few_pending_receipts(world: World):
    account = await world.account()

    statuses = await send_queue(world.client, account, 20)

    assert statuses == ["pending"] * 5 + ["waiting_limited"] * 15
    assert (await world.db.call(text("SELECT count(*) AS n FROM receipts"))).n == 5


async def test_concurrent_receipts_are_counted_against_credit(world: World):
    account = await world.account()

    answers = await asyncio.gather(*(world.scan(account, made_up()) for _ in range(16)))

    statuses = [answer.json()["status"] for answer in answers]
    assert (statuses.count("pending"), statuses.count("refused")) == (5, 11)


async def test_receipt_beyond_credit_is_accepted_later(world: World, owner: Database):
    account, key = await world.account(), uuid.uuid4()
    await send_queue(world.client, account, 5)
    body = {
        "fn": "9960440312345678",
        "fd": "12345",
        "fp": "1234567890",
        "total": "123.00",
        "operation": 1,
        "at": f"{datetime.now(UTC) + timedelta(hours=2):%d.%m.%Y %H:%M}",
    }
    first = await world.client.put(f"/v1/receipts/{key}", json=body, headers=bearer(account))
    await owner.rows(text("UPDATE receipts SET state = 'refused', reason = 'rejected', decided_at = now()"))

    again = await world.client.put(f"/v1/receipts/{key}", json=body, headers=bearer(account))

    assert (first.status_code, first.json()["code"]) == (422, "receipt_refused")
    assert again.status_code == 200, again.text


async def test_verified_receipt_raises_the_credit(world: World, buying: Buying):
    await goods(world)
    account = await world.account()
    await buying.bring(account, document())

    assert await send_queue(world.client, account, 40) == ["pending"] * 40


async def test_unknown_receipts_reduce_the_credit(world: World, owner: Database):
    account = await world.account()
    await send_queue(world.client, account, 3)
    await owner.rows(text("UPDATE receipts SET state = 'refused', reason = 'not_genuine', decided_at = now()"))

    statuses = await send_queue(world.client, account, 5)

    assert statuses == ["pending"] * 2 + ["waiting_limited"] * 3


async def test_unknown_receipts_never_exhaust_the_credit(world: World, owner: Database):
    account = await world.account()
    await send_queue(world.client, account, 5)
    await owner.rows(text("UPDATE receipts SET tries = 8, state = 'refused', reason = 'rejected', decided_at = now()"))

    assert await send_queue(world.client, account, 3) == ["pending", "waiting_limited", "waiting_limited"]


async def test_new_accounts_of_one_network_share_daily_limit(app: Litestar, world: World, number):
    number("receipts_new_per_day_per_network", 7)
    first, second, elsewhere = [await world.account() for _ in range(3)]

    statuses = [await send_queue(world.client, account, 5) for account in (first, second)]

    assert [row.count("pending") for row in statuses] == [5, 2]
    assert (await send_queue(caller(app, "192.0.2.77"), elsewhere, 5)).count("pending") == 5


async def test_quota_share_counts_against_whole_quota(db: Database):
    rate = {"per_second": 50.0, "max_seconds": 0.1, "per_day": 3}

    shared = [await rate_limits.acquire_permit(db, "share", **rate, share=1) for _ in range(2)]
    others = [await rate_limits.acquire_permit(db, "share", **rate) for _ in range(3)]

    assert [isinstance(turn, rate_limits.Permit) for turn in shared] == [True, False]
    assert [isinstance(turn, rate_limits.Permit) for turn in others] == [True, True, False]


async def test_fake_receipts_leave_quota_for_others(
    world: World, buying: Buying, simulators: Simulators, settings: Settings, tmp_path: Path, number, app: Litestar
):
    number("receipt_quota_new_percent", 30)
    provider = {
        "name": "proverkacheka",
        "kind": "proverkacheka",
        "url": simulators.url,
        "token": "x" * 20,
        "per_second": 50.0,
        "timeout": 2.0,
        "per_day": 10,
    }
    provided = with_providers(settings, tmp_path, provider)
    for _ in range(3):
        await send_queue(world.client, await world.account(), 5)
    await world.db.rows(text("UPDATE receipts SET state = 'pending', reason = NULL, due_at = now()"))

    await buying.work(provided)

    row = await world.db.call(text("SELECT used, used_share FROM turns WHERE name = 'proverkacheka'"))
    assert (row.used, row.used_share) == (3, 3)


async def test_reviewers_see_unproven_senders_last(world: World, buying: Buying):
    offer, newcomer, proven = await goods(world), await world.account(), await world.account()
    await send_queue(world.client, newcomer, 2)
    await buying.bring(proven, document())
    await send_queue(world.client, proven, 2)
    reviewer = await world.staff(await world.brand_by_id(offer.programme.brand_id), role="reviewer")

    first = (await reviewer.get("/v1/console/receipts", params={"limit": 3})).json()
    rest = (await reviewer.get("/v1/console/receipts", params={"limit": 3, "cursor": first["next"]})).json()

    rows = await world.db.rows(text("SELECT id FROM receipts WHERE state = 'review' ORDER BY id"))
    numbers = [row.id for row in rows]
    assert [item["id"] for item in [*first["items"], *rest["items"]]] == [*numbers[2:], *numbers[:2]]
