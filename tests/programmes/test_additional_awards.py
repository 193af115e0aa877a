"""Campaigns that stack add an award to a claim or receipt line once, and returns claw back its share."""

import asyncio
import uuid
from datetime import timedelta
from itertools import permutations

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from backend.programmes.rules.rule import FixedAmount, PercentAmount, Rule
from tests.earning.receipts.receipt_builders import Buying, document, goods, line
from tests.make import World, bearer

BY_CAMPAIGN = text("""
    SELECT v.campaign_id AS campaign, sum(a.amount)::bigint AS amount, count(*) AS n
    FROM accruals a JOIN campaign_versions v ON v.id = a.version_id GROUP BY 1
""")


@pytest.fixture
def buying(world: World) -> Buying:
    return Buying(world)


def rule(way: str, amount: int, **fields) -> Rule:
    return Rule(ways=frozenset({way}), amount=FixedAmount(amount), **fields)


async def stacked(world: World, *rules: Rule, count: int = 10, budget: int | None = None):
    """A programme with a campaign of 100 a package and campaigns with these rules; returns campaigns and codes."""
    programme = await world.programme()
    product = await world.product(programme.brand_id, price=10_000)
    campaigns = [await world.campaign(programme, rule("package", 100))]
    campaigns += [await world.campaign(programme, each, budget) for each in rules]
    return campaigns, world.codes_of(await world.batch(programme, product, count))


async def by_campaign(world: World) -> dict[int, tuple[int, int]]:
    return {row.campaign: (row.amount, row.n) for row in await world.db.rows(BY_CAMPAIGN)}


def added(answer) -> list[tuple[int, int]]:
    return [(row["campaign"], row["amount"]) for row in answer.get("additional", [])]


async def test_scan_gets_what_stacking_campaigns_add(world: World):
    campaigns, codes = await stacked(world, rule("package", 30, stacks=True), rule("package", 7, stacks=True))
    agent = await world.account()

    answer = (await world.scan(agent, codes[0])).json()

    assert (answer["status"], answer["amount"]) == ("credited", 137)
    assert added(answer) == [(campaigns[1].id, 30), (campaigns[2].id, 7)]
    assert (await world.home(agent))["wallets"][0]["available"] == 137


async def test_repeat_of_a_scan_gets_the_same_answer(world: World):
    _, codes = await stacked(world, rule("package", 30, stacks=True))
    agent, key = await world.account(), uuid.uuid4()
    first = await world.scan(agent, codes[0], key)

    again = await world.scan(agent, codes[0], key)
    other = (await world.scan(agent, codes[0])).json()

    assert again.content == first.content
    assert (other["status"], other["amount"], added(other)) == ("repeated", 130, added(first.json()))


async def test_batch_awards_respect_cap_and_budget(world: World):
    rules = [rule("package", 30, stacks=True, cap_per_agent=70), rule("package", 7, stacks=True, cap_per_agent_day=14)]
    campaigns, codes = await stacked(world, *rules, budget=65)
    scans = [{"id": str(uuid.uuid4()), "text": code} for code in codes[:5]]

    answer = await world.client.post("/v1/scans/batch", json={"scans": scans}, headers=bearer(await world.account()))

    assert [row["status"] for row in answer.json()["items"]] == ["credited"] * 5
    paid = await by_campaign(world)
    assert paid[campaigns[0].id] == (500, 5)
    assert paid[campaigns[1].id] == (60, 2)
    assert paid[campaigns[2].id] == (14, 2)
    left = await world.db.rows(text("SELECT sum(remaining)::bigint AS n FROM budget_slices GROUP BY campaign_id"))
    assert sorted(row.n for row in left) == [5, 51]


async def test_exclusive_campaign_excludes_others(world: World):
    campaigns, codes = await stacked(world, rule("package", 30, stacks=True), rule("package", 131, exclusive=True))

    answer = (await world.scan(await world.account(), codes[0])).json()

    assert (answer["amount"], added(answer)) == (131, [])
    assert set(await by_campaign(world)) == {campaigns[2].id}


async def test_pending_claim_gets_no_additional_award(world: World):
    programme = await world.programme()
    product = await world.product(programme.brand_id)
    await world.campaign(programme, rule("package", 100, cap_per_agent_day=100))
    await world.campaign(programme, rule("package", 30, stacks=True))
    codes = world.codes_of(await world.batch(programme, product, 2))
    agent = await world.account()
    await world.scan(agent, codes[0])

    answer = (await world.scan(agent, codes[1])).json()

    assert (answer["status"], answer["reason"], added(answer)) == ("refused", "day_cap", [])


async def test_race_for_codes_pays_each_campaign_once(world: World, client: AsyncClient, live_url: str):
    campaigns, codes = await stacked(world, rule("package", 30, stacks=True), rule("package", 7, stacks=True), count=5)
    agents = [await world.account(), await world.account()]

    async with AsyncClient(base_url=live_url, timeout=60) as there:
        for code in codes:
            await asyncio.gather(
                *(
                    at.put(f"/v1/scans/{uuid.uuid4()}", json={"text": code}, headers=bearer(agent))
                    for at in (client, there)
                    for agent in agents
                    for _ in range(4)
                )
            )

    assert await by_campaign(world) == {campaigns[0].id: (500, 5), campaigns[1].id: (150, 5), campaigns[2].id: (35, 5)}


async def bought(world: World, buying: Buying, quantity: int = 7, **campaign):
    made = await goods(world)
    stacking = Rule(ways=frozenset({"receipt"}), amount=PercentAmount(333), stacks=True)
    stacking_campaign = await world.campaign(made.programme, stacking, **campaign)
    agent, sale = await world.account(), document(line(amount=100_002, quantity=quantity))
    return made, stacking_campaign, agent, sale, await buying.bring(agent, sale)


async def give_back(buying: Buying, agent, sale, quantity: int) -> None:
    part = line(amount=100_002 * quantity // 7, quantity=quantity)
    back = document(part, operation=2, at=sale.at + timedelta(minutes=30), fn=sale.fn)
    await buying.known(back)
    await buying.scan(agent, back)
    await buying.work()


async def test_receipt_line_gets_what_a_stacking_campaign_adds(world: World, buying: Buying):
    _, stacking_campaign, agent, _, receipt = await bought(world, buying)

    (shown,) = receipt["lines"]

    assert (shown["status"], shown["amount"], added(shown)) == ("paid", 6000 + 3330, [(stacking_campaign.id, 3330)])
    assert (await world.home(agent))["wallets"][0]["available"] == 9330


@pytest.mark.parametrize("parts", sorted(set(permutations([1, 2, 4]))))
async def test_returns_in_any_order_take_the_same(world: World, buying: Buying, parts):
    _, stacking_campaign, agent, sale, _ = await bought(world, buying, budget=10_000)

    states, returned = [], 0
    for part in parts:
        await give_back(buying, agent, sale, part)
        returned += part
        (mine,) = [row for row in await buying.receipts(agent) if row["receipt"]["fd"] == sale.fd]
        available = (await world.home(agent))["wallets"][0].get("available", 0)
        states.append((available, mine["lines"][0]["amount"], added(mine["lines"][0])))
        main, extra = 6000 - 6000 * returned // 7, 3330 - 3330 * returned // 7
        assert states[-1] == (main + extra, main + extra, [(stacking_campaign.id, extra)])

    left = await world.db.call(text("SELECT sum(remaining)::bigint AS n FROM budget_slices"))
    assert (states[-1][0], left.n) == (0, 10_000)


async def test_return_that_comes_again_takes_nothing_more(world: World, buying: Buying):
    _, _, agent, sale, _ = await bought(world, buying)
    back = document(line(amount=14_286, quantity=1), operation=2, at=sale.at + timedelta(minutes=30), fn=sale.fn)
    await buying.known(back)
    await buying.scan(agent, back)
    await buying.work()
    before = (await world.home(agent))["wallets"][0]["available"]

    await buying.scan(await world.account(), back)
    await buying.work()

    assert (await world.home(agent))["wallets"][0]["available"] == before == 9330 - 857 - 475
