"""Orders: prices, codes, idempotency and races."""

import asyncio
import uuid
from datetime import timedelta

from sqlalchemy import text

from backend.spending.models import Rate
from tests.make import World, bearer
from tests.spending.scenario import spending_scenario


async def test_certificate_from_stock_is_done_at_once(world: World):
    shop = await spending_scenario(world)
    agent, offer = await shop.agent(5000), await shop.offer()
    (code,) = await shop.stock(offer, 1)

    answer = await shop.order(agent, offer)

    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["code"]) == ("done", code)
    assert await shop.wallet(agent) == (4000, 0)


async def test_order_retry_gets_the_first_order(world: World):
    shop = await spending_scenario(world)
    agent, offer, key = await shop.agent(5000), await shop.offer(), uuid.uuid4()
    await shop.stock(offer, 3)
    first = (await shop.order(agent, offer, key)).json()

    again = (await shop.order(agent, offer, key)).json()
    other = await shop.order(agent, offer, key, nominal=1000)

    assert again == first
    assert other.status_code == 422
    assert await shop.wallet(agent) == (4000, 0)


async def test_order_above_balance_is_refused_and_free(world: World):
    shop = await spending_scenario(world)
    agent, offer = await shop.agent(999), await shop.offer()
    await shop.stock(offer, 1)

    answer = (await shop.order(agent, offer)).json()

    assert (answer["status"], answer["reason"]) == ("refused", "poor")
    assert await shop.wallet(agent) == (999, 0)


async def test_too_many_refused_orders_limit_only_the_account(world: World, number):
    number("orders_refused_per_hour", 2)
    shop = await spending_scenario(world)
    poor, other, offer = await shop.agent(1999), await shop.agent(1000), await shop.offer("own")
    done, key = uuid.uuid4(), uuid.uuid4()
    bought = (await shop.order(poor, offer, done)).json()
    refused = [(await shop.order(poor, offer, key)).json()["status"] for _ in range(5)]
    refused.append((await shop.order(poor, offer)).json()["status"])

    stopped = await shop.order(poor, offer)

    assert refused == ["refused"] * 6
    assert (await shop.order(poor, offer, done)).json() == bought
    assert (stopped.status_code, 0 < int(stopped.headers["retry-after"]) <= 3600) == (429, True)
    assert (await shop.order(other, offer)).json()["status"] == "done"


async def test_ended_device_cannot_order(world: World):
    shop = await spending_scenario(world)
    agent, offer = await shop.agent(5000), await shop.offer("own")
    await shop.order(agent, offer)
    async with world.db.begin() as session:
        await session.execute(text("UPDATE devices SET ended_at = now()"))

    answers = [await shop.order(agent, offer), await shop.order(agent, offer, nominal=1)]

    assert [answer.status_code for answer in answers] == [401, 401]
    async with world.db.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM orders"))).scalar_one() == 1


async def test_concurrent_orders_never_exceed_the_balance(world: World):
    shop = await spending_scenario(world)
    agent, offer = await shop.agent(100), await shop.offer(nominal=10)
    await shop.stock(offer, 64)

    answers = await asyncio.gather(*(shop.order(agent, offer) for _ in range(64)))

    assert sorted(answer.json()["status"] for answer in answers) == ["done"] * 10 + ["refused"] * 54
    assert len({answer.json().get("code") for answer in answers} - {None}) == 10
    assert await shop.wallet(agent) == (0, 0)


async def test_concurrent_orders_sell_each_code_once(world: World):
    shop = await spending_scenario(world)
    offer = await shop.offer(nominal=10)
    codes = await shop.stock(offer, 500)
    agents = [await shop.agent(1000) for _ in range(10)]

    answers = await asyncio.gather(*(shop.order(agents[n % 10], offer) for n in range(1000)))

    shown = [answer.json() for answer in answers]
    assert sorted(row["code"] for row in shown if row["status"] == "done") == sorted(codes)
    assert {row["reason"] for row in shown if row["status"] == "refused"} == {"sold_out"}
    balances = [await shop.wallet(agent) for agent in agents]
    assert sum(available for available, _ in balances) == 5000
    assert all(held == 0 for _, held in balances)


async def test_code_is_revealed_to_owner_only_and_recorded(world: World):
    shop = await spending_scenario(world)
    agent, other, offer, key = await shop.agent(1000), await shop.agent(0), await shop.offer(), uuid.uuid4()
    (code,) = await shop.stock(offer, 1)
    await shop.order(agent, offer, key)

    listed = await world.client.get("/v1/orders", headers=bearer(agent))
    mine = await world.client.post(f"/v1/orders/{key}/reveal", headers=bearer(agent))
    theirs = await world.client.post(f"/v1/orders/{key}/reveal", headers=bearer(other))

    assert code not in listed.text
    assert mine.json()["code"] == code
    assert theirs.status_code == 404
    async with world.db.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM reveals"))).scalar_one() == 2


async def test_codes_are_encrypted_in_the_database(world: World):
    shop = await spending_scenario(world)
    offer = await shop.offer()
    (code,) = await shop.stock(offer, 1)
    await shop.order(await shop.agent(1000), offer)

    async with world.db.begin() as session:
        stored = (
            await session.execute(text("SELECT sealed FROM stock_codes UNION SELECT secret FROM orders"))
        ).scalars()
        assert all(code.encode() not in bytes(row) for row in stored)


async def test_price_in_points_uses_rate_and_rounds_up(world: World):
    shop = await spending_scenario(world, currency="PTS")
    agent, offer = await shop.agent(100), await shop.offer(nominal=1050)
    await shop.stock(offer, 2)
    without = await shop.order(agent, offer)
    today = offer.created_at.date()
    await world.add(Rate(programme_id=shop.programme.id, start=today - timedelta(days=9), per_rouble=1, source="old"))
    await world.add(Rate(programme_id=shop.programme.id, start=today, per_rouble=2, source="new"))

    answer = (await shop.order(agent, offer)).json()

    assert (without.status_code, without.json()["code"]) == (409, "no_rate")
    assert answer["price"] == 21
    assert await shop.wallet(agent) == (79, 0)


async def test_offers_show_affordable_face_value(world: World):
    shop = await spending_scenario(world)
    agent = await shop.agent(2500)
    small = await shop.offer("own", least=1000, most=5000, step=500)
    await shop.offer("own", nominal=9000)
    await shop.offer("own", nominal=100, starts_at=small.created_at + timedelta(days=1))

    page = (await world.client.get("/v1/offers", headers=bearer(agent))).json()["items"]
    affordable = (await world.client.get("/v1/offers?affordable=true", headers=bearer(agent))).json()["items"]

    assert [row.get("affordable") for row in page] == [2500, None]
    assert [row["id"] for row in affordable] == [small.id]


async def test_goods_order_holds_money_and_stock(world: World):
    shop = await spending_scenario(world)
    agent, offer = await shop.agent(3000), await shop.offer("person", kind="goods", stock=1)

    first = (await shop.order(agent, offer)).json()
    second = (await shop.order(agent, offer)).json()

    assert (first["status"], first["delivery"]) == ("held", "ordered")
    assert (second["status"], second["reason"]) == ("refused", "sold_out")
    assert await shop.wallet(agent) == (2000, 1000)


async def test_order_at_yearly_limit_is_not_done(world: World, number):
    number("year_most_gift", 1500)
    shop = await spending_scenario(world)
    agent, offer = await shop.agent(5000), await shop.offer(tax="gift")
    await shop.stock(offer, 2)

    answers = [(await shop.order(agent, offer)).json() for _ in range(2)]

    assert [row["status"] for row in answers] in (["done", "refused"], ["done", "held"])
    assert answers[1]["reason"] == "year_limit"


async def test_invoice_and_place_are_required(world: World):
    shop = await spending_scenario(world)
    agent = await shop.agent(5000)
    invoice = await shop.offer("person", kind="invoice")
    gloves = await shop.offer("person", kind="goods", places=["Мира, 12"])

    nameless, elsewhere = await shop.order(agent, invoice), await shop.order(agent, gloves, place="Луна")
    right = [await shop.order(agent, invoice, reference="2026-117"), await shop.order(agent, gloves, place="Мира, 12")]

    assert [row.json()["code"] for row in (nameless, elsewhere)] == ["reference_needed", "place_unknown"]
    assert [row.json()["status"] for row in right] == ["held", "held"]
