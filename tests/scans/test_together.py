"""Scans of several accounts in one transaction: each answered and paid as if it had come alone."""

import asyncio
import random
import uuid
from collections import Counter
from typing import Any

from httpx2 import AsyncClient, Limits, Response
from litestar import Litestar
from sqlalchemy import text

from backend.accounts.schemas import AccountNew
from backend.database import Database
from backend.programmes.rules import Fixed, Rule
from tests.make import World, bearer, caller
from tests.scans.test_guessing_limits import guess
from tests.scans.test_memory import END
from tests.scans.test_races import MOST, deadlocks

TRANSACTIONS = text("SELECT count(DISTINCT xmin::text) AS n, count(*) AS scans FROM scans")
PAID = text("SELECT count(*) AS n, coalesce(sum(amount), 0)::bigint AS total FROM movements WHERE kind = 1")
GUESSED = text("""
    INSERT INTO counters (key, count, ends_at)
    SELECT 'wrong:account:' || id, 5, now() + interval '1 hour' FROM accounts WHERE card_number = :card
""")
RAISED = text("UPDATE programmes SET rules_version = rules_version + 1")


async def at_once(world: World, *sent: tuple[AccountNew, str]) -> list[Response]:
    return await asyncio.gather(*(world.scan(agent, code) for agent, code in sent))


async def known(world: World, accounts: int, codes: int, **fields: Any) -> tuple[list[AccountNew], list[str]]:
    """Accounts that came by before, each with a scan, and codes of a batch that did: the process knows both."""
    agents = [await world.account() for _ in range(accounts)]
    found = await world.codes(accounts + codes, **fields)
    for agent, code in zip(agents, found, strict=False):
        assert (await world.scan(agent, code)).json()["status"] == "credited"
    return agents, found[accounts:]


async def test_scans_that_come_together_share_a_transaction_and_each_gets_its_own_answer(world: World):
    agents, codes = await known(world, 12, 12)
    before = await world.db.call(TRANSACTIONS)

    answers = await at_once(world, *zip(agents, codes, strict=True))

    assert {(row["status"], row["amount"]) for row in (answer.json() for answer in answers)} == {("credited", 100)}
    after = await world.db.call(TRANSACTIONS)
    assert after.scans - before.scans == 12
    assert after.n - before.n < 12
    assert [(await world.home(agent))["wallets"][0]["available"] for agent in agents] == [200] * 12


async def test_one_code_of_many_who_come_together_is_paid_once(world: World):
    agents, codes = await known(world, 12, 1)

    answers = await at_once(world, *((agent, codes[0]) for agent in agents))

    outcomes = Counter((row["status"], row.get("reason")) for row in (answer.json() for answer in answers))
    assert outcomes == {("credited", None): 1, ("refused", "already_claimed"): 11}
    assert (await world.db.call(PAID)).n == 13


async def test_who_may_not_go_on_is_told_so_and_the_others_are_paid(app: Litestar, world: World, number):
    number("scans_per_minute", 3)
    agents, codes = await known(world, 4, 12)
    hasty, ended, guesser, good = agents
    for code in codes[:2]:
        await world.scan(hasty, code)
    await world.db.rows(END, card=ended.card_number)
    await world.db.rows(GUESSED, card=guesser.card_number)

    answers = await at_once(world, *zip(agents, codes[2:6], strict=True))

    assert [answer.status_code for answer in answers] == [429, 401, 429, 200]
    assert 0 < int(answers[0].headers["retry-after"]) <= 60
    assert 3500 < int(answers[2].headers["retry-after"]) <= 3600
    assert answers[3].json()["status"] == "credited"
    # What was refused did not count, and the codes are free.
    row = await world.db.call(text("SELECT max(count) AS most FROM counters WHERE key LIKE 'scans:%'"))
    assert row.most == 3
    assert (await at_once(world, (good, codes[2])))[0].json()["status"] == "credited"


async def test_a_budget_that_lasts_for_some_of_those_who_come_together_pays_those(world: World):
    agents, codes = await known(world, 12, 12, budget=1750)

    answers = await at_once(world, *zip(agents, codes, strict=True))

    outcomes = Counter((row["status"], row.get("reason")) for row in (answer.json() for answer in answers))
    assert outcomes == {("credited", None): 5, ("refused", "budget_spent"): 7}
    left = await world.db.call(text("SELECT sum(remaining)::bigint AS left FROM budget_slices"))
    assert left.left == 50


async def test_rules_that_changed_meanwhile_are_asked_for_again_by_each(world: World):
    agents, codes = await known(world, 12, 12)
    await world.db.rows(RAISED)

    answers = await at_once(world, *zip(agents, codes, strict=True))

    assert {answer.json()["status"] for answer in answers} == {"credited"}
    assert (await world.db.call(PAID)).total == 2400


async def test_one_id_of_one_account_in_company_has_one_effect(world: World):
    agents, codes = await known(world, 6, 6)
    scan_id = uuid.uuid4()
    first, *others = agents

    answers = await asyncio.gather(
        *(world.scan(first, codes[0], scan_id) for _ in range(6)),
        *(world.scan(agent, code) for agent, code in zip(others, codes[1:], strict=True)),
    )

    assert len({answer.content for answer in answers[:6]}) == 1
    assert {answer.json()["status"] for answer in answers} == {"credited"}
    assert (await world.db.call(PAID)).n == 12


async def test_crowds_that_cross_do_not_block_each_other(
    app: Litestar, world: World, owner: Database, live_url, number
):
    """Two processes, the same accounts and codes in any order, a budget, and made-up codes between them."""
    number("scans_per_minute", MOST)
    number("wrong_codes_per_hour_per_account", MOST)
    number("wrong_codes_per_day_per_device", MOST)
    number("wrong_codes_per_hour_per_network", MOST)
    rule = Rule(ways=frozenset({"package"}), amount=Fixed(100), cap_per_agent_day=MOST)
    agents, codes = await known(world, 16, 320, rule=rule, budget=10**9)
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
