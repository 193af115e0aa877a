"""Pending orders: cancellation, deadlines, and notes of staff."""

import asyncio
import uuid
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text

from backend.spending.models import Rate
from backend.spending.orders import pending_orders
from tests.make import World, bearer
from tests.spending.scenario import spending_scenario

AGE = text(
    "UPDATE orders SET placed_at = placed_at - :days * interval '1 day', "
    "decide_by = decide_by - :days * interval '1 day' RETURNING id"
)
REMINDERS = text("SELECT body FROM events WHERE kind = 'order.waiting' ORDER BY id")


async def waiting_order(world: World, **offer):
    """An agent with 50 roubles, a pending order of 10, and its id."""
    shop = await spending_scenario(world)
    agent, key = await shop.agent(5000), uuid.uuid4()
    placed = await shop.order(agent, await shop.offer("person", **offer), key)
    assert placed.json()["status"] == "held", placed.text
    return shop, agent, key


async def cancel(world: World, agent, key):
    return await world.client.delete(f"/v1/orders/{key}", headers=bearer(agent))


async def decide(world: World, brand_id: int, action: str, note: str = ""):
    staff = await world.staff(await world.brand_by_id(brand_id))
    (order,) = (await staff.ask("GET", "/v1/console/orders")).json()["items"]
    return await staff.ask("PUT", f"/v1/console/orders/{order['id']}/decision", json={"action": action, "note": note})


async def watch(world: World) -> None:
    await pending_orders.watch_waiting_orders(db=world.db, settings=world.settings)


async def test_waiting_order_cancelled_gives_the_money_back(world: World):
    shop, agent, key = await waiting_order(world, kind="service")

    cancelled, again = await cancel(world, agent, key), await cancel(world, agent, key)

    assert (cancelled.status_code, again.status_code) == (200, 200)
    assert (cancelled.json()["status"], cancelled.json()["reason"]) == ("refused", "cancelled")
    assert again.json() == cancelled.json()
    assert await shop.wallet(agent) == (5000, 0)


async def test_account_with_pending_order_closes_after_cancellation(world: World):
    _, agent, key = await waiting_order(world)

    refused = await world.client.delete("/v1/me", headers=bearer(agent))
    await cancel(world, agent, key)
    left = await world.client.delete("/v1/me", headers=bearer(agent))

    assert refused.status_code == 409
    assert left.status_code in (200, 204)


async def test_order_done_cannot_be_cancelled(world: World):
    shop = await spending_scenario(world)
    agent, key = await shop.agent(5000), uuid.uuid4()
    await shop.order(agent, await shop.offer("own"), key)

    answer = await cancel(world, agent, key)

    assert (answer.status_code, answer.json()["code"]) == (409, "order_cancel_conflict")
    assert await shop.wallet(agent) == (4000, 0)


async def test_order_of_another_cannot_be_cancelled(world: World):
    shop, agent, key = await waiting_order(world)

    answer = await cancel(world, await world.account(), key)

    assert answer.status_code == 404
    assert await shop.wallet(agent) == (4000, 1000)


async def test_order_at_a_supplier_cannot_be_cancelled(world: World):
    shop = await spending_scenario(world)
    agent, key = await shop.agent(5000), uuid.uuid4()
    await shop.order(agent, await shop.offer("supplier", suppliers=[{"name": "s", "product": "p"}]), key)

    answer = await cancel(world, agent, key)

    assert answer.status_code == 409
    assert await shop.wallet(agent) == (4000, 1000)


async def test_goods_on_their_way_cannot_be_cancelled(world: World):
    shop, agent, key = await waiting_order(world, kind="goods")
    staff = await world.staff(await world.brand_by_id(shop.programme.brand_id))
    (order,) = (await staff.ask("GET", "/v1/console/orders")).json()["items"]
    await staff.ask("PUT", f"/v1/console/orders/{order['id']}/delivery", json={"delivery": "sent"})

    answer = await cancel(world, agent, key)
    shown = (await world.client.get(f"/v1/orders/{key}", headers=bearer(agent))).json()

    assert answer.status_code == 409
    assert shown["next"] == "Your order is on its way."
    assert shown.get("cancellable", False) is False


async def test_cancel_and_decision_at_once_count_once(world: World):
    shop, agent, key = await waiting_order(world, kind="service")
    staff = await world.staff(await world.brand_by_id(shop.programme.brand_id))
    (order,) = (await staff.ask("GET", "/v1/console/orders")).json()["items"]
    path = f"/v1/console/orders/{order['id']}/decision"

    answers = await asyncio.gather(
        *(cancel(world, agent, key) for _ in range(4)),
        *(staff.ask("PUT", path, json={"action": "done"}) for _ in range(4)),
    )

    ended = (await world.client.get(f"/v1/orders/{key}", headers=bearer(agent))).json()
    cancelled = {answer.status_code for answer in answers[:4]}
    assert await shop.wallet(agent) == ((4000, 0) if ended["status"] == "done" else (5000, 0))
    assert cancelled == ({409} if ended["status"] == "done" else {200})


async def test_waiting_order_is_reminded_of_and_then_overdue(world: World):
    shop, agent, key = await waiting_order(world, kind="service")
    await watch(world)
    shown = (await world.client.get(f"/v1/orders/{key}", headers=bearer(agent))).json()
    await world.db.rows(AGE, days=4)
    await watch(world)
    await watch(world)
    reminded = [row.body["offer"] for row in await world.db.rows(REMINDERS)]
    await world.db.rows(AGE, days=11)

    await watch(world)

    ended = (await world.client.get(f"/v1/orders/{key}", headers=bearer(agent))).json()
    assert (datetime.fromisoformat(shown["decide_by"]) - datetime.now(UTC)).days == 13
    assert shown["cancellable"] is True
    assert len(reminded) == 1
    assert (ended["status"], ended["reason"]) == ("refused", "overdue")
    assert await shop.wallet(agent) == (5000, 0)


async def test_shipped_orders_do_not_block_other_deadlines(world: World, monkeypatch):
    shop, agent, sent = await waiting_order(world, kind="goods")
    staff, key = await world.staff(await world.brand_by_id(shop.programme.brand_id)), uuid.uuid4()
    (order,) = (await staff.get("/v1/console/orders")).json()["items"]
    await shop.order(agent, await shop.offer("person", kind="service"), key)
    await watch(world)
    await staff.put(f"/v1/console/orders/{order['id']}/delivery", {"delivery": "sent"})
    await world.db.rows(AGE, days=15)
    monkeypatch.setattr(pending_orders, "BATCH_ROWS", 1)

    await watch(world)

    states = [
        (await world.client.get(f"/v1/orders/{one}", headers=bearer(agent))).json()["status"] for one in (sent, key)
    ]
    assert states == ["held", "refused"]


async def test_pending_order_of_released_data_gets_deadline(world: World):
    _, agent, key = await waiting_order(world, kind="service")
    await world.db.rows(AGE, days=100)

    await watch(world)

    shown = (await world.client.get(f"/v1/orders/{key}", headers=bearer(agent))).json()
    assert shown["status"] == "held"


@pytest.mark.parametrize("action", ["done", "turn_down"])
async def test_note_of_staff_reaches_the_agent(world: World, action):
    shop, agent, key = await waiting_order(world, kind="goods")

    await decide(world, shop.programme.brand_id, action, "Нет на складе")

    shown = (await world.client.get(f"/v1/orders/{key}", headers=bearer(agent))).json()
    assert shown["note"] == "Нет на складе"
    assert shown.get("delivery") == ("delivered" if action == "done" else None)


async def test_note_written_before_agents_saw_them_stays_private(world: World):
    shop, agent, key = await waiting_order(world)
    await decide(world, shop.programme.brand_id, "turn_down", "a difficult man")
    await world.db.rows(text("UPDATE order_steps SET is_shown = false RETURNING id"))

    shown = (await world.client.get(f"/v1/orders/{key}", headers=bearer(agent))).json()

    assert shown.get("note") is None


@pytest.mark.parametrize("kind", ["charity", "marketing", "service"])
async def test_order_without_code_shows_none(world: World, kind):
    shop = await spending_scenario(world)
    agent, key = await shop.agent(5000), uuid.uuid4()

    placed = (await shop.order(agent, await shop.offer("instant", kind=kind), key)).json()
    revealed = await world.client.post(f"/v1/orders/{key}/reveal", headers=bearer(agent))

    assert placed["status"] == "done"
    assert (placed.get("code"), placed.get("has_code", False)) == (None, False)
    assert (revealed.status_code, revealed.json()["code"]) == (409, "no_code")


async def test_old_code_of_order_without_code_is_hidden(world: World):
    shop = await spending_scenario(world)
    agent, key = await shop.agent(5000), uuid.uuid4()
    await shop.order(agent, await shop.offer("instant", kind="charity"), key)
    await world.db.rows(text("UPDATE orders SET secret = 'sealed' RETURNING id"))

    shown = (await world.client.get(f"/v1/orders/{key}", headers=bearer(agent))).json()
    revealed = await world.client.post(f"/v1/orders/{key}/reveal", headers=bearer(agent))

    assert shown.get("has_code", False) is False
    assert revealed.status_code == 409


async def test_price_expected_is_compared_with_the_price(world: World):
    shop = await spending_scenario(world)
    agent, offer = await shop.agent(5000), await shop.offer("own")

    changed = await shop.order(agent, offer, price=900)
    right = await shop.order(agent, offer, price=1000)

    assert (changed.status_code, changed.json()["code"]) == (409, "price_conflict")
    assert right.json()["status"] == "done"
    assert await shop.wallet(agent) == (4000, 0)


async def test_repeated_order_ignores_the_expected_price(world: World):
    shop = await spending_scenario(world, currency="PTS")
    agent, offer, key = await shop.agent(5000), await shop.offer("own"), uuid.uuid4()
    rate = await world.add(Rate(programme_id=shop.programme.id, start=date(2026, 1, 1), per_rouble=100, source="t"))
    first = await shop.order(agent, offer, key, price=1000)
    await world.db.rows(
        text("UPDATE programme_rates SET per_rouble = 200 WHERE programme_id = :id RETURNING 1"), id=rate.programme_id
    )

    again = await shop.order(agent, offer, key, price=1000)

    assert first.status_code == 200, first.text
    assert again.json() == first.json()
