"""Many tills at once: a limit is never passed, and nobody meets an error that is not his."""

import asyncio
from collections import Counter

from sqlalchemy import text

from backend.programmes.rules import Percent, Promo
from tests.checkout.shopping import BASKET

TILLS, LIMIT = 1000, 7


async def test_a_code_with_a_limit_is_sold_exactly_so_often_at_a_thousand_tills(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(Promo(Percent(500), uses=LIMIT)), account=agent)
    tills = [await world.till(shop=shopping.shop) for _ in range(40)]
    body = {"codes": [code], "basket": BASKET}

    answers = await asyncio.gather(
        *(shopping.ask("PUT", f"sales/{number}", body, till=tills[number % 40]) for number in range(TILLS))
    )

    assert Counter(answer.status_code for answer in answers) == {200: LIMIT, 409: TILLS - LIMIT}
    (wallet,) = (await world.home(agent))["wallets"]
    assert wallet["pending"] == LIMIT * 1267


async def test_one_sale_sent_by_many_at_once_happens_once(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(Promo(Percent(500), uses=1)), account=agent)

    answers = await asyncio.gather(*(shopping.sell(code, key="one") for _ in range(50)))
    backs = await asyncio.gather(*(shopping.take_back("one", (1, 1, 10000), key="back") for _ in range(50)))

    assert {answer.content for answer in answers} == {answers[0].content}
    assert {(back.status_code, back.content) for back in backs} == {(200, backs[0].content)}
    (wallet,) = (await world.home(agent))["wallets"]
    assert wallet["pending"] == 1267 - 950


async def test_baskets_with_the_same_codes_in_any_order_do_not_block_each_other(shopping, world):
    agents = [await world.account() for _ in range(3)]
    offers = [await shopping.offer(Promo(Percent(500), uses_per_shop_day=10_000)) for _ in agents]
    codes = [await shopping.code(offer, account=agent) for offer, agent in zip(offers, agents, strict=True)]

    turns = [codes, codes[::-1], [codes[1], codes[2], codes[0]]]
    sales = await asyncio.gather(*(shopping.sell(*turns[number % 3], key=f"s{number}") for number in range(60)))
    backs = await asyncio.gather(*(shopping.take_back(f"s{number}", (1, 1, 10000)) for number in range(60)))

    assert {answer.status_code for answer in [*sales, *backs]} == {200}
    rows = await world.db.rows(text("SELECT sum(used) AS used FROM promo_codes"))
    assert rows[0].used == 180
