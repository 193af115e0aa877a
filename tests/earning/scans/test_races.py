"""Concurrent scans: one code, one scan id, crossing requests, the end of a budget. SCANBACK_ROUNDS sets the rounds."""

import asyncio
import os
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from httpx2 import AsyncClient, Limits, Response
from litestar import Litestar
from sqlalchemy import text

from backend.core.db.database import Database
from backend.identity.accounts.schemas import AccountCreated
from backend.programmes.rules.rule import FixedAmount, Rule
from tests.make import World, bearer, caller

CLIENTS = 64
ROUNDS = int(os.environ.get("SCANBACK_ROUNDS", "30"))
MOST = 10**9
Crowd = list[tuple[AsyncClient, AccountCreated]]


@pytest.fixture
async def crowd(app: Litestar, world: World, live_url: str, number) -> AsyncIterator[Crowd]:
    """64 accounts over as many connections, half of them to a server in another process."""
    number("scans_per_minute", MOST)
    accounts = [await world.account() for _ in range(CLIENTS)]
    async with (
        caller(app, "203.0.113.7") as here,
        AsyncClient(base_url=live_url, timeout=60, limits=Limits(max_connections=CLIENTS)) as there,
    ):
        yield [((here, there)[place % 2], account) for place, account in enumerate(accounts)]


async def put(client: AsyncClient, account: AccountCreated, code: str, scan_id: uuid.UUID | None = None) -> Response:
    return await client.put(f"/v1/scans/{scan_id or uuid.uuid4()}", json={"text": code}, headers=bearer(account))


async def test_one_of_64_concurrent_claims_wins(world: World, crowd: Crowd):
    codes = await world.codes(ROUNDS)
    for code in codes:
        random.shuffle(crowd)

        answers = await asyncio.gather(*(put(client, account, code) for client, account in crowd))

        assert {answer.status_code for answer in answers} == {200}
        outcomes = Counter((row["status"], row.get("reason")) for row in (answer.json() for answer in answers))
        assert outcomes == {("credited", None): 1, ("refused", "already_claimed"): CLIENTS - 1}
    assert await _paid(world) == (ROUNDS, ROUNDS * 100)


async def _paid(world: World) -> tuple[int, int]:
    row = await world.db.call(
        text("SELECT (SELECT count(*) FROM accruals) AS n, (SELECT sum(available) FROM wallets)::bigint AS total")
    )
    return row.n, row.total


async def test_concurrent_scan_id_has_one_effect(world: World, crowd: Crowd):
    codes = await world.codes(10)
    account = await world.account()
    for code in codes:
        scan_id = uuid.uuid4()

        answers = await asyncio.gather(*(put(client, account, code, scan_id) for client, _ in crowd))

        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert answers[0].json()["status"] == "credited"
    assert await _paid(world) == (10, 1000)


async def test_code_under_64_ids_is_paid_once(world: World, crowd: Crowd):
    (code, *_) = await world.codes(1)
    account = await world.account()

    answers = await asyncio.gather(*(put(client, account, code) for client, _ in crowd))

    assert Counter(answer.json()["status"] for answer in answers) == {"credited": 1, "repeated": CLIENTS - 1}
    assert await _paid(world) == (1, 100)


async def test_concurrent_bodies_of_id_have_one_effect(world: World, crowd: Crowd):
    codes = await world.codes(2)
    account, scan_id = await world.account(), uuid.uuid4()

    answers = await asyncio.gather(
        *(put(client, account, codes[place % 2], scan_id) for place, (client, _) in enumerate(crowd))
    )

    assert Counter(answer.status_code for answer in answers) == {200: CLIENTS // 2, 422: CLIENTS // 2}
    assert await _paid(world) == (1, 100)


async def queue(client: AsyncClient, account: AccountCreated, codes: list[str]) -> Response:
    scans = [{"id": str(uuid.uuid4()), "text": code} for code in codes]
    return await client.post("/v1/scans/batch", json={"scans": scans}, headers=bearer(account))


@pytest.mark.parametrize("budget", [None, 10**9], ids=["no budget", "a budget"])
async def test_crossing_requests_do_not_deadlock(world: World, crowd: Crowd, owner: Database, budget: int | None):
    rule = Rule(ways=frozenset({"package"}), amount=FixedAmount(100), cap_per_agent_day=MOST)
    codes = await world.codes(1200, rule=rule, budget=budget)
    # Ids that differ by eight share slices of the budget.
    callers = crowd[::8]
    before = await deadlocks(world.db, owner)
    for start in range(0, 1200, 60):
        mine = codes[start : start + 60]
        shuffled = [random.sample(mine, 40) for _ in callers]

        answers = await asyncio.gather(
            *(queue(client, account, part) for (client, account), part in zip(callers, shuffled, strict=True))
        )

        assert {answer.status_code for answer in answers} == {200}
        credited = [row for answer in answers for row in answer.json()["items"] if row["status"] == "credited"]
        assert len(credited) == len(set().union(*shuffled))
    assert await deadlocks(world.db, owner) == before


async def test_crossing_requests_of_new_units_do_not_deadlock(world: World, crowd: Crowd, owner: Database):
    made = await world.programme()
    await world.product(made.brand_id, gtin="04600682000013")
    rule = Rule(
        ways=frozenset({"marking"}), amount=FixedAmount(100), unlisted=True, hold_days=1, cap_per_agent_day=MOST
    )
    await world.campaign(made, rule)
    before = await deadlocks(world.db, owner)
    for turn in range(5):
        units = [f"010460068200001321{turn:03}{unit:010}\x1d93dGVz" for unit in range(100)]
        shuffled = [random.sample(units, len(units)) for _ in range(8)]

        answers = await asyncio.gather(
            *(queue(client, account, part) for (client, account), part in zip(crowd, shuffled, strict=False))
        )

        credited = [row for answer in answers for row in answer.json()["items"] if row["status"] == "pending"]
        assert len(credited) == len(units)
    assert await deadlocks(world.db, owner) == before


async def deadlocks(db: Database, owner: Database) -> int:
    """The number of deadlocks of the database. A connection reports its counts at most once a second."""
    await asyncio.sleep(1.1)
    await asyncio.gather(*(db.rows(text("SELECT pg_sleep(0.05)")) for _ in range(db.pool.max_size)))
    row = await owner.call(text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))
    return row.deadlocks


async def test_last_budget_is_paid_once(world: World, crowd: Crowd):
    codes = await world.codes(CLIENTS, budget=1050)

    answers = await asyncio.gather(
        *(put(client, account, code) for (client, account), code in zip(crowd, codes, strict=True))
    )

    outcomes = Counter((row["status"], row.get("reason")) for row in (answer.json() for answer in answers))
    assert outcomes == {("credited", None): 10, ("refused", "budget_spent"): CLIENTS - 10}
    assert await _paid(world) == (10, 1000)
    left = await world.db.call(text("SELECT sum(remaining)::bigint AS left FROM budget_slices"))
    assert left.left == 50


async def test_batch_spends_budget_once(world: World):
    codes = await world.codes(20, budget=1050)
    account = await world.account()

    answer = await queue(world.client, account, codes)

    assert Counter(row["status"] for row in answer.json()["items"]) == {"credited": 10, "refused": 10}
    assert await _paid(world) == (10, 1000)


async def test_day_cap_holds_for_concurrent_scans(world: World, crowd: Crowd):
    rule = Rule(ways=frozenset({"package"}), amount=FixedAmount(100), cap_per_agent_day=730)
    codes = await world.codes(CLIENTS, rule=rule)
    account = await world.account()

    answers = await asyncio.gather(
        *(put(client, account, code) for (client, _), code in zip(crowd, codes, strict=True))
    )

    assert Counter(answer.json()["status"] for answer in answers) == {"credited": 7, "refused": CLIENTS - 7}
    assert await _paid(world) == (7, 700)
