"""Concurrent tills: no limit is exceeded, and no request fails because of another."""

import asyncio
from collections import Counter

from sqlalchemy import text

from backend.programmes.rules.rule import PercentAmount, Promo
from tests.checkout.till_client import BASKET, line
from tests.earning.scans.test_races import deadlocks

TILLS, LIMIT = 1000, 7


async def test_limited_code_at_a_thousand_tills_is_exact(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(Promo(PercentAmount(500), uses=LIMIT)), account=agent)
    tills = [await world.till(shop=shopping.shop) for _ in range(40)]
    body = {"codes": [code], "basket": BASKET}

    answers = await asyncio.gather(
        *(shopping.ask("PUT", f"sales/{number}", body, till=tills[number % 40]) for number in range(TILLS))
    )

    assert Counter(answer.status_code for answer in answers) == {200: LIMIT, 409: TILLS - LIMIT}
    (wallet,) = (await world.home(agent))["wallets"]
    assert wallet["pending"] == LIMIT * 1267


async def test_sales_and_returns_of_same_codes_do_not_deadlock(shopping, world, owner):
    offers = [await shopping.offer(Promo(PercentAmount(100), priority=number)) for number in range(6)]
    codes = [await shopping.code(offer) for offer in offers]
    basket = [line(1, 10_000_000)]
    for number in range(8):
        assert len((await shopping.sell(*codes, key=f"{number}", basket=basket)).json()["applied"]) == 6
    before = await deadlocks(world.db, owner)

    async def sell_often(till: int) -> set[int]:
        # Sales with a receipt run in their own transactions.
        receipts = [{"fiscal": {"fn": "9960440300000001", "fd": f"{n}", "fp": "1"}} if till else {} for n in range(60)]
        return {(await shopping.sell(*codes, basket=basket, **receipt)).status_code for receipt in receipts}

    async def return_lines(sale: int) -> set[int]:
        return {(await shopping.take_back(f"{sale}", (1, 0.001, 1000))).status_code for _ in range(80)}

    results = await asyncio.gather(*(sell_often(till) for till in range(2)), *(return_lines(sale) for sale in range(4)))

    assert set.union(*results) == {200}
    assert await deadlocks(world.db, owner) == before


async def test_concurrent_sales_with_one_id_happen_once(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(Promo(PercentAmount(500), uses=1)), account=agent)

    answers = await asyncio.gather(*(shopping.sell(code, key="one") for _ in range(50)))
    backs = await asyncio.gather(*(shopping.take_back("one", (1, 1, 10000), key="back") for _ in range(50)))

    assert {answer.content for answer in answers} == {answers[0].content}
    assert {(back.status_code, back.content) for back in backs} == {(200, backs[0].content)}
    (wallet,) = (await world.home(agent))["wallets"]
    assert wallet["pending"] == 1267 - 950


async def test_baskets_with_codes_in_any_order_do_not_deadlock(shopping, world):
    agents = [await world.account() for _ in range(3)]
    offers = [await shopping.offer(Promo(PercentAmount(500), uses_per_shop_day=10_000)) for _ in agents]
    codes = [await shopping.code(offer, account=agent) for offer, agent in zip(offers, agents, strict=True)]

    permutations = [codes, codes[::-1], [codes[1], codes[2], codes[0]]]
    sales = await asyncio.gather(*(shopping.sell(*permutations[number % 3], key=f"s{number}") for number in range(60)))
    backs = await asyncio.gather(*(shopping.take_back(f"s{number}", (1, 1, 10000)) for number in range(60)))

    assert {answer.status_code for answer in [*sales, *backs]} == {200}
    rows = await world.db.rows(text("SELECT sum(used) AS used FROM promo_codes"))
    assert rows[0].used == 180
