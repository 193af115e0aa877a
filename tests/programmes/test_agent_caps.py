"""The total cap of an agent in a campaign, for all ways of earning."""

import asyncio
import uuid
from collections import Counter
from datetime import timedelta

import msgspec
import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from backend.programmes.rules.rule import FixedAmount, PercentAmount, Rule
from tests.checkout.till_client import line as sale_line
from tests.checkout.till_client import shopping_at
from tests.earning.receipts.receipt_builders import Buying, document, goods, line
from tests.make import World, bearer
from tests.programmes.campaigns.conftest import FIXED, STARTS

PACKAGE = Rule(ways=frozenset({"package"}), amount=FixedAmount(300))
PATH = "/v1/console/campaigns/autumn"
PAID = text("SELECT coalesce(sum(amount), 0)::bigint AS amount FROM accruals")
YESTERDAYS = text("UPDATE day_caps SET day = day - 1 WHERE day < '9999-12-31'")


@pytest.fixture
def buying(world: World) -> Buying:
    return Buying(world)


def capped(rule: Rule = PACKAGE, cap: int = 1000, **fields) -> Rule:
    return msgspec.structs.replace(rule, cap_per_agent=cap, **fields)


async def paid(world: World) -> int:
    return (await world.db.call(PAID)).amount


def outcome(answer) -> tuple[str, str | None]:
    return answer["status"], answer.get("reason")


async def scan_all(world: World, agent, codes) -> list[tuple[str, str | None]]:
    return [outcome((await world.scan(agent, code)).json()) for code in codes]


async def queue(client: AsyncClient, agent, codes) -> list[tuple[str, str | None]]:
    scans = [{"id": str(uuid.uuid4()), "text": code} for code in codes]
    answer = await client.post("/v1/scans/batch", json={"scans": scans}, headers=bearer(agent))
    return [outcome(row) for row in answer.json()["items"]]


async def test_package_beyond_the_cap_stays_unclaimed(world: World):
    agent, other = await world.account(), await world.account()
    codes = await world.codes(4, rule=capped())

    mine = await scan_all(world, agent, codes)
    theirs = await scan_all(world, other, codes[3:])

    assert mine == [("credited", None)] * 3 + [("refused", "agent_cap")]
    assert theirs == [("credited", None)]


async def test_refusal_by_the_cap_has_advice(world: World):
    agent = await world.account()
    codes = await world.codes(2, rule=capped(cap=300))
    await world.scan(agent, codes[0])

    refused = (await world.scan(agent, codes[1])).json()

    assert (
        refused["next"]
        == "Your limit for this offer does not cover this. Keep the label: another offer may pay for it."
    )


async def test_queue_gets_no_more_than_the_cap(world: World):
    codes = await world.codes(8, rule=capped())

    answers = await queue(world.client, await world.account(), codes)

    assert Counter(answers) == {("credited", None): 3, ("refused", "agent_cap"): 5}
    assert await paid(world) == 900


async def test_total_cap_counts_over_days(world: World):
    agent = await world.account()
    codes = await world.codes(5, rule=capped(cap_per_agent_day=600))
    first = await scan_all(world, agent, codes[:3])
    await world.db.rows(YESTERDAYS)

    second = await scan_all(world, agent, codes[2:])

    assert first == [("credited", None)] * 2 + [("refused", "day_cap")]
    assert second == [("credited", None)] + [("refused", "agent_cap")] * 2


async def test_cap_holds_against_many_at_once(world: World, client: AsyncClient, live_url: str):
    agent = await world.account()
    codes = await world.codes(24, rule=capped(cap=1000), budget=10**6)

    async with AsyncClient(base_url=live_url, timeout=60) as there:
        single = [world.scan(agent, code) for code in codes[:8]]
        answers = await asyncio.gather(queue(there, agent, codes[8:16]), queue(client, agent, codes[16:]), *single)

    assert await paid(world) == 900
    assert [answer.json().get("reason") for answer in answers[2:]].count(None) <= 3


async def test_share_above_the_cap_is_cut_to_it(world: World, client: AsyncClient):
    programme = await world.programme()
    product = await world.product(programme.brand_id, price=10_000)
    await world.campaign(programme, capped(world.percent(2000), cap=1500, ways=frozenset({"package"})))
    codes = world.codes_of(await world.batch(programme, product, 2))
    agent = await world.account()

    first = (await world.scan(agent, codes[0])).json()
    second = (await world.scan(agent, codes[1])).json()

    assert (first["amount"], first["explanation"]["gross"], first["explanation"]["cap"]) == (1500, 2000, "agent_total")
    assert "your limit for this offer left" in first["explanation"]["text"]
    assert outcome(second) == ("refused", "agent_cap")


async def test_receipt_line_is_limited_by_cap(world: World, buying: Buying):
    await goods(world, capped(Rule(ways=frozenset({"receipt"}), amount=PercentAmount(600)), cap=8000))
    agent = await world.account()

    receipts = [await buying.bring(agent, document(line(amount=90_000))) for _ in range(3)]

    lines = [receipt["lines"][0] for receipt in receipts]
    assert [(row["status"], row.get("amount"), row.get("reason")) for row in lines] == [
        ("paid", 5400, None),
        ("paid", 2600, None),
        ("refused", None, "agent_cap"),
    ]


async def test_return_does_not_reduce_the_cap_use(world: World, buying: Buying):
    await goods(world, capped(Rule(ways=frozenset({"receipt"}), amount=PercentAmount(600)), cap=5400))
    agent, sale = await world.account(), document()
    await buying.bring(agent, sale)
    back = document(*sale.lines, operation=2, at=sale.at + timedelta(minutes=30), fn=sale.fn)
    await buying.known(back)
    await buying.scan(agent, back)
    await buying.work()

    answer = await buying.bring(agent, document())

    assert answer["lines"][0]["reason"] == "agent_cap"


async def test_promo_bonus_is_limited_by_cap(world: World):
    shopping = await shopping_at(world)
    offer = await shopping.offer(bonus=FixedAmount(700), cap_per_agent=1000)
    code = await shopping.code(offer, account=await world.account())

    for _ in range(3):
        await shopping.sell(code, basket=[sale_line(1, 10_000)])

    rows = await world.db.rows(text("SELECT bonus, reason FROM redemptions ORDER BY id"))
    assert [(row.bonus, row.reason) for row in rows] == [(700, None), (300, None), (0, "agent_cap")]


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


@pytest.fixture
async def programme(world: World, manager):
    return await world.programme(await world.brand_of(manager), currency="RUB")


@pytest.fixture
def put(manager, programme):
    """Puts the campaign with one rouble a package and this cap of an agent."""

    async def call(cap: int | None):
        rule = FIXED | ({} if cap is None else {"cap_per_agent": cap})
        body = {"programme_id": programme.id, "name_ru": "Осень", "starts_at": STARTS, "rule": rule, "state": "active"}
        return await manager.put(PATH, body)

    return call


@pytest.fixture
async def codes(world: World, manager, programme):
    product = await world.product(manager.brand_id, sku="A", price=10_000)
    return world.codes_of(await world.batch(programme, product, 20))


async def test_payments_before_the_cap_count(world: World, put, codes):
    agent = await world.account()
    await put(None)
    await scan_all(world, agent, codes[:4])

    await put(500)
    answers = await scan_all(world, agent, codes[4:6])

    assert answers == [("credited", None), ("refused", "agent_cap")]


async def test_payments_while_cap_was_lifted_count(world: World, put, codes):
    agent = await world.account()
    await put(500)
    await scan_all(world, agent, codes[:2])
    await put(None)
    await scan_all(world, agent, codes[2:6])

    await put(700)
    answers = await scan_all(world, agent, codes[6:8])

    assert answers == [("credited", None), ("refused", "agent_cap")]


async def test_cap_below_one_payment_is_refused(put):
    answer = await put(99)

    assert (answer.status_code, answer.json()["code"]) == (422, "agent_cap_too_low")


async def test_preview_is_cut_to_the_cap(manager, programme, codes):
    rule = {"ways": ["package"], "amount": {"type": "percent", "basis_points": 5000}, "cap_per_agent": 1000}
    body = {"programme_id": programme.id, "rule": rule, "way": "package", "sku": "A"}

    result = (await manager.ask("POST", "/v1/console/campaigns/previews", json=body)).json()

    assert (result["amount"], result["explanation"]["gross"], result["explanation"]["cap"]) == (
        1000,
        5000,
        "agent_total",
    )


async def test_earning_campaign_has_the_cap(world: World, put, codes):
    await put(500)

    answer = await world.client.get("/v1/campaigns", headers=bearer(await world.account()))

    (result,) = answer.json()["items"]
    assert (result["text"], result["cap_per_agent"]) == ("RUB1.00 for each box, at most RUB5.00 in all", 500)
