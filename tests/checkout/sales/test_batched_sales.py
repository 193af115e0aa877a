"""Sales of several tills in one transaction: each has its own response, payment and payable."""

import asyncio
import random
import uuid
from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest
from httpx2 import Response
from litestar import Litestar
from sqlalchemy import text

from backend.core.db.database import Database
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo
from tests.batches import LOCK_ACCOUNT, send_in_one_batch, sequential_scans
from tests.checkout.till_client import BASKET, Shopping, line
from tests.earning.scans.test_races import deadlocks
from tests.make import World

TRANSACTIONS = text("SELECT count(*) AS n FROM sales WHERE key = ANY (:keys) GROUP BY xmin::text ORDER BY n")
WHOSE = text("""
    SELECT s.shop_id, t.shop_id AS of_till, s.amount, c.shown AS code, d.creditor_id, d.amount AS due,
        r.discount AS paid, ARRAY(SELECT l.amount FROM sale_lines l WHERE l.sale_id = s.id ORDER BY l.line) AS lines
    FROM sales s JOIN tills t ON t.id = s.till_id JOIN redemptions r ON r.sale_id = s.id
    JOIN promo_codes c ON c.id = r.code_id JOIN dues d ON d.cause = 4 AND d.cause_id = r.id WHERE s.key = :key
""")
REDEMPTIONS = text("""
    SELECT r.discount, r.bonus, r.base, r.reason, c.used,
        (SELECT count(*) FROM shares h WHERE h.redemption_id = r.id) AS parts,
        (SELECT sum(amount)::bigint FROM dues d WHERE d.cause = 4 AND d.cause_id = r.id) AS due,
        (SELECT sum(amount)::bigint FROM movements m WHERE m.cause = 4 AND m.cause_id = r.id) AS moved,
        (SELECT count(*) FROM events e WHERE e.kind = 'promo.redeemed' AND e.account_id = r.account_id) AS events
    FROM redemptions r JOIN promo_codes c ON c.id = r.code_id WHERE c.shown = :code ORDER BY r.id
""")
CAPPED = text("SELECT used FROM day_caps")
REFILLED = text("UPDATE budget_slices SET remaining = remaining + 10000 WHERE slice = 0")
RUN = text("INSERT INTO promo_runs (code_id, n, name) SELECT id, 1, 'chat' FROM promo_codes WHERE shown = :code")
COUNTED = text("""
    SELECT c.shown AS code, r.n, r.came, r.sum, (SELECT sum(b.bonus)::bigint FROM promo_bonuses b
        WHERE (b.code_id, b.n) = (r.code_id, r.n)) AS bonus
    FROM promo_runs r JOIN promo_codes c ON c.id = r.code_id
""")


@pytest.fixture
def others(app: Litestar):
    async def send(*sent: Coroutine[Any, Any, Response]) -> list[asyncio.Task[Response]]:
        return await send_in_one_batch(app.state["checkout"].sales.batcher, *sent)

    return send


async def test_concurrent_sales_in_one_transaction_equal_single_sales(world: World, shopping: Shopping, others):
    offer, agents = await shopping.offer(), [await world.account() for _ in range(8)]
    codes = [await shopping.code(offer, account=agent) for agent in agents]
    single = await shopping.sell(codes[0])
    first = [single.json()[name] for name in ("amount", "discount", "total")]
    before = [tuple(row) for row in await world.db.rows(REDEMPTIONS, code=codes[0])]
    keys = [str(uuid.uuid4()) for _ in codes[1:]]

    answers = await asyncio.gather(
        *await others(*(shopping.sell(code, key=key) for code, key in zip(codes[1:], keys, strict=True)))
    )

    assert [row.n for row in await world.db.rows(TRANSACTIONS, keys=keys)] == [7]
    assert [answer.json()["id"] for answer in answers] == keys
    for answer, code in zip(answers, codes[1:], strict=True):
        assert [answer.json()[name] for name in ("amount", "discount", "total")] == first
        assert [tuple(row) for row in await world.db.rows(REDEMPTIONS, code=code)] == before
    again = [await shopping.sell(code, key=key) for code, key in zip(codes[1:], keys, strict=True)]
    assert [answer.content for answer in again] == [answer.content for answer in answers]


async def test_batched_sales_use_no_sequential_scan(app: Litestar, world: World, shopping: Shopping, others):
    offer, agents = await shopping.offer(), [await world.account() for _ in range(8)]
    codes = [await shopping.code(offer, account=agent) for agent in agents]
    await shopping.sell(codes[0])
    before = await sequential_scans(app.state["db"])

    answers = await asyncio.gather(*await others(*(shopping.sell(code) for code in codes)))

    assert [answer.status_code for answer in answers] == [200] * 8
    assert await sequential_scans(app.state["db"]) == before


async def test_batched_sales_count_for_known_and_unknown_runs(world: World, shopping: Shopping, others):
    offer, agent = await shopping.offer(bonus=FixedAmount(100)), await world.account()
    code, brands = await shopping.code(offer, account=agent), await shopping.code(offer)
    await world.db.rows(RUN, code=code)
    paid = (await shopping.sell(code)).json()["total"]
    keys = [str(uuid.uuid4()) for _ in range(6)]
    shown = [f"{code}.1", code, f"{code}.1", f"{code}.7", brands, f"{code}.1"]

    await asyncio.gather(*await others(*(shopping.sell(each, key=key) for each, key in zip(shown, keys, strict=True))))

    assert [row.n for row in await world.db.rows(TRANSACTIONS, keys=keys)] == [6]
    counted = {(row.code, row.n): (row.came, row.sum, row.bonus) for row in await world.db.rows(COUNTED)}
    assert counted == {
        (code, 0): (3, 3 * paid, 300),
        (code, 1): (3, 3 * paid, 300),
        (brands, 0): (1, paid, None),
    }


async def test_bonus_refused_by_budget_leaves_day_cap(world: World, shopping: Shopping):
    offer = await shopping.offer(budget=1500, cap_per_agent_day=1300)
    code = await shopping.code(offer, account=await world.account())

    await shopping.sell(code)
    await world.db.rows(REFILLED)
    await shopping.sell(code)

    assert [(row.bonus, row.reason) for row in await world.db.rows(REDEMPTIONS, code=code)] == [
        (1500 - 667, "budget_spent"),
        (1300 - 1500 + 667, None),
    ]
    assert [row.used for row in await world.db.rows(CAPPED)] == [1300]


async def test_bonus_refused_by_budget_leaves_batch_cap(world: World, shopping: Shopping, others):
    offer = await shopping.offer(budget=1500, cap_per_agent_day=1300)
    code = await shopping.code(offer, account=await world.account())

    await asyncio.gather(*await others(shopping.sell(code), shopping.sell(code, basket=[line(1, 1000)])))

    bonuses = [row.bonus for row in await world.db.rows(REDEMPTIONS, code=code)]
    assert sum(bonuses) == 1500 - 667 - 50
    assert [row.used for row in await world.db.rows(CAPPED)] == [sum(bonuses)]


async def test_batched_sales_share_the_last_uses_exactly(world: World, shopping: Shopping, others):
    offer = await shopping.offer(Promo(PercentAmount(500), uses=3))
    code = await shopping.code(offer, account=await world.account())

    answers = await asyncio.gather(*await others(*(shopping.sell(code) for _ in range(8))))

    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [409] * 5
    refused = {answer.json()["errors"][0]["detail"] for answer in answers if answer.status_code == 409}
    assert refused == {"spent"}
    assert [row.used for row in await world.db.rows(REDEMPTIONS, code=code)] == [3] * 3


async def test_repeated_sale_in_one_batch_happens_once(world: World, shopping: Shopping, others):
    offer = await shopping.offer()
    code, other = [await shopping.code(offer, account=await world.account()) for _ in range(2)]
    key, basket = str(uuid.uuid4()), [line(1, 777)]

    *same, changed, beside = await asyncio.gather(
        *await others(
            *(shopping.sell(code, key=key) for _ in range(4)),
            shopping.sell(code, key=key, basket=basket),
            shopping.sell(other),
        )
    )

    assert {answer.status_code for answer in same} == {200}
    assert len({answer.content for answer in same}) == 1
    assert changed.status_code == 422
    assert beside.status_code == 200
    assert len(await world.db.rows(REDEMPTIONS, code=code)) == len(await world.db.rows(REDEMPTIONS, code=other)) == 1


async def test_batched_baskets_with_several_codes_equal_single_sales(world: World, shopping: Shopping, others):
    offers = [await shopping.offer(Promo(PercentAmount(500), group=group)) for group in ("a", "b")]
    agents = [await world.account() for _ in range(3)]
    pairs = [[await shopping.code(offer, account=agent) for offer in offers] for agent in agents]
    single = await shopping.sell(*pairs[0])
    key = str(uuid.uuid4())

    answers = await asyncio.gather(
        *await others(
            shopping.sell(*pairs[1], key=key),
            shopping.sell(*reversed(pairs[1])),
            shopping.sell(*pairs[2]),
            shopping.sell(pairs[2][0], pairs[1][1]),
        )
    )

    assert {answer.json()["discount"] for answer in answers} == {single.json()["discount"]}
    used = [[row.used for row in await world.db.rows(REDEMPTIONS, code=code)] for pair in pairs[1:] for code in pair]
    assert used == [[2, 2], [3, 3, 3], [2, 2], [1]]
    moved = await world.db.call(text("SELECT sum(bonus)::bigint AS bonus FROM redemptions"))
    paid = await world.db.call(text("SELECT sum(amount)::bigint AS amount FROM movements WHERE cause = 4"))
    assert moved.bonus == paid.amount


async def test_batched_sale_with_held_lock_does_not_delay_others(world: World, shopping: Shopping, others):
    offer, agents = await shopping.offer(), [await world.account() for _ in range(5)]
    codes = [await shopping.code(offer, account=agent) for agent in agents]
    async with world.db.begin() as session:
        await session.execute(LOCK_ACCOUNT, {"card": agents[2].card_number})
        tasks = await others(*(shopping.sell(code) for code in codes))
        answers = await asyncio.wait_for(asyncio.gather(*tasks[:2], *tasks[3:]), 2)
        assert {answer.status_code for answer in answers} == {200}
        assert not tasks[2].done()

    assert (await tasks[2]).status_code == 200


async def test_batched_sale_without_codes_is_recorded(world: World, shopping: Shopping, others):
    code = await shopping.code(await shopping.offer(), account=await world.account())

    plain, cheaper = await asyncio.gather(*await others(shopping.sell(), shopping.sell(code)))

    assert plain.json()["total"] == sum(row["amount"] for row in BASKET)
    assert cheaper.json()["total"] < plain.json()["total"]


async def test_batched_sales_get_bonuses_from_remaining_budget(world: World, shopping: Shopping, others):
    # 8 discounts of 667 are 5,336; a bonus is 1,267.
    offer, keys = await shopping.offer(budget=8000), [str(uuid.uuid4()) for _ in range(8)]
    codes = [await shopping.code(offer, account=await world.account()) for _ in keys]

    answers = await asyncio.gather(
        *await others(*(shopping.sell(code, key=key) for code, key in zip(codes, keys, strict=True)))
    )

    assert [answer.json()["discount"] for answer in answers] == [667] * 8
    assert [row.n for row in await world.db.rows(TRANSACTIONS, keys=keys)] == [8]
    rows = [row for code in codes for row in await world.db.rows(REDEMPTIONS, code=code)]
    rest = 8000 - 8 * 667 - 2 * 1267
    assert sorted((row.bonus, row.reason or "") for row in rows) == [
        *[(0, "budget_spent")] * 5,
        (rest, "budget_spent"),
        *[(1267, "")] * 2,
    ]
    assert all((row.moved or 0) == row.bonus for row in rows)
    left = await world.db.call(text("SELECT sum(remaining)::bigint AS left FROM budget_slices"))
    assert left.left == 0


async def test_batched_sales_keep_till_shop_and_lines(world: World, shopping: Shopping, others):
    there = msgspec.structs.replace(shopping, shop=await world.shop(shopping.programme.brand_id))
    there.till = await world.till(shop=there.shop)
    offer, places, amounts = await shopping.offer(), [shopping, there] * 8, [1000 * (n + 1) for n in range(16)]
    codes = [await shopping.code(offer, account=await world.account()) for _ in places]
    keys = [str(uuid.uuid4()) for _ in places]

    answers = await asyncio.gather(
        *await others(
            *(
                place.sell(code, key=key, basket=[line(1, amount), line(2, 7)])
                for place, code, key, amount in zip(places, codes, keys, amounts, strict=True)
            )
        )
    )

    assert [answer.json()["amount"] for answer in answers] == [amount + 7 for amount in amounts]
    assert [row.n for row in await world.db.rows(TRANSACTIONS, keys=keys)] == [16]
    for place, code, key, amount in zip(places, codes, keys, amounts, strict=True):
        (row,) = await world.db.rows(WHOSE, key=key)
        assert (row.shop_id, row.of_till, row.creditor_id) == (place.shop.id,) * 3
        assert (row.amount, row.lines, row.code) == (amount + 7, [amount, 7], code)
        assert row.paid == row.due


async def test_batched_sale_with_two_bodies_is_the_first(world: World, shopping: Shopping, others):
    """Enough sales that an unstable sort may swap equal ones."""
    offer, (key, *keys) = await shopping.offer(), [str(uuid.uuid4()) for _ in range(15)]
    codes = [await shopping.code(offer, account=await world.account()) for _ in range(16)]
    twins = [shopping.sell(codes[n], key=key, basket=[line(1, amount)]) for n, amount in enumerate((5000, 9000))]
    rest = [shopping.sell(code, key=other) for code, other in zip(codes[2:], keys, strict=True)]

    answers = await asyncio.gather(*await others(*rest[:3], twins[0], *rest[3:10], twins[1], *rest[10:]))

    first, second = answers[3], answers[11]
    assert (first.status_code, second.status_code) == (200, 422)
    (row,) = await world.db.rows(WHOSE, key=key)
    assert (row.amount, row.lines, row.code) == (5000, [5000], codes[0])
    assert (await shopping.sell(codes[0], key=key, basket=[line(1, 5000)])).content == first.content


async def test_crossing_sales_and_returns_do_not_deadlock(world: World, shopping: Shopping, owner: Database):
    """The brand's own codes, whose sales no agent's lock serializes, with a daily limit and a budget."""
    promo = Promo(PercentAmount(500), uses_per_shop_day=10**6, group="a")
    offers = [
        await shopping.offer(promo, budget=10**9),
        await shopping.offer(Promo(PercentAmount(500), group="b"), budget=10**9),
    ]
    codes = [await shopping.code(offer) for offer in offers for _ in range(3)]
    before = await deadlocks(world.db, owner)
    for _ in range(6):
        keys = [str(uuid.uuid4()) for _ in range(24)]
        baskets = [random.sample(codes, 2) for _ in keys]
        sold = await asyncio.gather(*(shopping.sell(*pair, key=key) for pair, key in zip(baskets, keys, strict=True)))
        assert {answer.status_code for answer in sold} <= {200, 409}
        back = [key for key, answer in zip(keys, sold, strict=True) if answer.status_code == 200]

        answers = await asyncio.gather(
            *(shopping.take_back(key, (1, 1, 10000), (2, 3, 3333), (3, 1, 1)) for key in back),
            *(shopping.sell(*random.sample(codes, 2)) for _ in range(24)),
        )

        assert {answer.status_code for answer in answers} <= {200, 409}
        assert {answer.status_code for answer in answers[: len(back)]} == {200}
    assert await deadlocks(world.db, owner) == before
