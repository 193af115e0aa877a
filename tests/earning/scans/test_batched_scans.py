"""Scans of several accounts in one transaction: each has the result of a single scan."""

import asyncio
import random
import uuid
from collections import Counter
from typing import Any

from httpx2 import AsyncClient, Limits, Response
from litestar import Litestar
from sqlalchemy import text

from backend.core.db.database import Database
from backend.identity.accounts.schemas import AccountCreated
from backend.programmes.rules.rule import FixedAmount, Rule
from tests.batches import LOCK_ACCOUNT, send_in_one_batch, sequential_scans
from tests.earning.scans.pictures.test_memory import END
from tests.earning.scans.test_guess_limits import guess
from tests.earning.scans.test_races import MOST, deadlocks
from tests.make import World, bearer, caller

TRANSACTIONS = text("""
    SELECT count(*) AS n FROM scans WHERE id = ANY (CAST(:ids AS uuid[])) GROUP BY xmin::text ORDER BY n
""")
COUNTED = text("""
    SELECT c.count FROM counters c JOIN accounts a ON c.key = 'scans:' || a.id WHERE a.card_number = :card
""")
GUESSED = text("""
    INSERT INTO counters (key, count, ends_at)
    SELECT 'wrong:account:' || id, 5, now() + interval '1 hour' FROM accounts WHERE card_number = :card
""")
INCREMENT_RULES_VERSION = text("UPDATE programmes SET rules_version = rules_version + 1")


async def send_batch(app: Litestar, world: World, *sent: Any) -> list[asyncio.Task[Response]]:
    """Send scans that share one transaction."""
    return await send_in_one_batch(app.state["scan_context"].recorder.batcher, *(world.scan(*scan) for scan in sent))


async def cached_agents(
    world: World, accounts: int, codes: int, **fields: Any
) -> tuple[list[AccountCreated], list[str]]:
    """Accounts with a scan each, and more codes of the same batch: both are in the process's caches."""
    agents = [await world.account() for _ in range(accounts)]
    found = await world.codes(accounts + codes, **fields)
    for agent, code in zip(agents, found, strict=False):
        assert (await world.scan(agent, code)).json()["status"] == "credited"
    return agents, found[accounts:]


async def available(world: World, agents: list[AccountCreated]) -> list[int]:
    return [(await world.home(agent))["wallets"][0]["available"] for agent in agents]


def outcomes(answers: list[Response]) -> Counter[tuple[str, str | None]]:
    return Counter((row["status"], row.get("reason")) for row in (answer.json() for answer in answers))


async def test_batched_scans_share_transaction_with_own_responses(app: Litestar, world: World):
    agents, codes = await cached_agents(world, 12, 12)

    answers = await asyncio.gather(*await send_batch(app, world, *zip(agents, codes, strict=True)))

    assert {(row["status"], row["amount"]) for row in (answer.json() for answer in answers)} == {("credited", 100)}
    assert await available(world, agents) == [200] * 12
    assert [row.n for row in await world.db.rows(TRANSACTIONS, ids=ids(answers))] == [12]


async def test_batched_scans_read_no_whole_table(app: Litestar, world: World):
    agents, codes = await cached_agents(world, 8, 8)
    db = app.state["db"]
    before = await sequential_scans(db)

    answers = await asyncio.gather(*await send_batch(app, world, *zip(agents, codes, strict=True)))

    assert outcomes(answers) == {("credited", None): 8}
    assert await sequential_scans(db) == before


def ids(answers: list[Response]) -> list[str]:
    return [answer.json()["id"] for answer in answers]


async def test_code_in_batch_goes_to_first_scan(app: Litestar, world: World):
    agents, codes = await cached_agents(world, 12, 1)
    falling = [uuid.UUID(int=1000 - number) for number in range(12)]

    answers = await asyncio.gather(
        *await send_batch(
            app, world, *((agent, codes[0], number) for agent, number in zip(agents, falling, strict=True))
        )
    )

    assert outcomes(answers) == {("credited", None): 1, ("refused", "already_claimed"): 11}
    assert await available(world, agents) == [200] + [100] * 11


async def test_limited_account_in_batch_leaves_others_paid(app: Litestar, world: World, number):
    number("scans_per_minute", 5)
    agents, codes = await cached_agents(world, 4, 12)
    hasty, ended, guesser, good = agents
    for code in codes[:4]:
        await world.scan(hasty, code)
    await world.db.rows(END, card=ended.card_number)
    await world.db.rows(GUESSED, card=guesser.card_number)

    answers = await asyncio.gather(*await send_batch(app, world, *zip(agents, codes[4:8], strict=True)))

    assert [answer.status_code for answer in answers] == [429, 401, 429, 200]
    assert 0 < int(answers[0].headers["retry-after"]) <= 60
    assert 3500 < int(answers[2].headers["retry-after"]) <= 3600
    assert answers[3].json()["status"] == "credited"
    # Refused scans did not count, and their codes are free.
    assert (await world.db.call(COUNTED, card=hasty.card_number)).count == 5
    assert (await world.scan(good, codes[4])).json()["status"] == "credited"


async def test_batch_is_paid_until_budget_is_spent(app: Litestar, world: World):
    agents, codes = await cached_agents(world, 12, 12, budget=1750)

    answers = await asyncio.gather(*await send_batch(app, world, *zip(agents, codes, strict=True)))

    assert outcomes(answers) == {("credited", None): 5, ("refused", "budget_spent"): 7}
    assert sum(await available(world, agents)) == 1700
    left = await world.db.call(text("SELECT sum(remaining)::bigint AS left FROM budget_slices"))
    assert left.left == 50


async def test_batch_after_budget_is_spent_is_unpaid(app: Litestar, world: World):
    agents, codes = await cached_agents(world, 6, 6, budget=10_000)
    async with world.db.begin() as session:
        await session.execute(text("UPDATE budget_slices SET remaining = 0"))
        tasks = await send_batch(app, world, *zip(agents, codes, strict=True))
        await asyncio.sleep(0.5)  # they have decided to pay and wait for the budget: as a batch, then individually
        assert not any(task.done() for task in tasks)

    answers = await asyncio.gather(*tasks)

    assert outcomes(answers) == {("refused", "budget_spent"): 6}
    assert await available(world, agents) == [100] * 6


async def test_locked_account_in_batch_delays_no_other(app: Litestar, world: World):
    agents, codes = await cached_agents(world, 6, 6)
    async with world.db.begin() as session:
        await session.execute(LOCK_ACCOUNT, {"card": agents[2].card_number})
        tasks = await send_batch(app, world, *zip(agents, codes, strict=True))
        answers = await asyncio.wait_for(asyncio.gather(*tasks[:2], *tasks[3:]), 2)
        assert outcomes(answers) == {("credited", None): 5}
        assert not tasks[2].done()

    assert (await tasks[2]).json()["status"] == "credited"
    assert await available(world, agents) == [200] * 6


async def test_changed_rules_are_reloaded_for_batch(app: Litestar, world: World):
    agents, codes = await cached_agents(world, 12, 12)
    await world.db.rows(INCREMENT_RULES_VERSION)

    answers = await asyncio.gather(*await send_batch(app, world, *zip(agents, codes, strict=True)))

    assert outcomes(answers) == {("credited", None): 12}
    assert await available(world, agents) == [200] * 12


async def test_repeated_id_in_batch_has_one_effect(app: Litestar, world: World):
    agents, codes = await cached_agents(world, 6, 6)
    scan_id = uuid.uuid4()

    answers = await asyncio.gather(
        *await send_batch(
            app, world, *((agents[0], codes[0], scan_id) for _ in range(6)), *zip(agents[1:], codes[1:], strict=True)
        )
    )

    assert len({answer.content for answer in answers[:6]}) == 1
    assert outcomes(answers) == {("credited", None): 11}
    assert await available(world, agents) == [200] * 6
    assert [row.n for row in await world.db.rows(TRANSACTIONS, ids=ids(answers))] == [6]


async def test_account_with_several_codes_in_batch_is_paid(app: Litestar, world: World):
    rule = Rule(ways=frozenset({"package"}), amount=FixedAmount(100), cap_per_agent_day=350)
    agents, codes = await cached_agents(world, 3, 9, rule=rule)

    answers = await asyncio.gather(
        *await send_batch(app, world, *((agents[place % 3], code) for place, code in enumerate(codes)))
    )

    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["amount"] for answer in answers if "amount" in answer.json()) == 3 * 200
    assert await available(world, agents) == [300] * 3


async def test_crossing_batches_do_not_deadlock(app: Litestar, world: World, owner: Database, live_url, number):
    """Two processes with the same accounts, codes and budget in any order, and made-up codes between them."""
    number("scans_per_minute", MOST)
    number("wrong_codes_per_hour_per_account", MOST)
    number("wrong_codes_per_day_per_device", MOST)
    number("wrong_codes_per_hour_per_network", MOST)
    rule = Rule(ways=frozenset({"package"}), amount=FixedAmount(100), cap_per_agent_day=MOST)
    agents, codes = await cached_agents(world, 16, 320, rule=rule, budget=10**9)
    before = await deadlocks(world.db, owner)
    async with (
        caller(app, "203.0.113.7") as here,
        AsyncClient(base_url=live_url, timeout=60, limits=Limits(max_connections=32)) as there,
    ):
        for start in range(0, len(codes), 16):
            sent = [
                (client, agent, code)
                for client in (here, there)
                for agent in agents
                for code in (codes[start + random.randrange(16)], guess())
            ]
            random.shuffle(sent)

            answers = await asyncio.gather(
                *(
                    client.put(f"/v1/scans/{uuid.uuid4()}", json={"text": code}, headers=bearer(agent))
                    for client, agent, code in sent
                )
            )

            assert {answer.status_code for answer in answers} == {200}
            credited = sum(answer.json()["status"] == "credited" for answer in answers)
            assert credited == len({code for _, _, code in sent if code in set(codes)})
    assert await deadlocks(world.db, owner) == before
    wrong = await world.db.rows(text("SELECT count FROM counters WHERE key LIKE 'wrong:network:%'"))
    assert sum(row.count for row in wrong) == 20 * 32
