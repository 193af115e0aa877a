"""Orders that wait for a person of the brand, and where goods are."""

import asyncio
import csv
import io
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from backend.spending.models import OrderAttempt
from tests.make import bearer

ORDERS = "/v1/console/orders"
UNKNOWN = text("UPDATE orders SET for_person = true, due_at = NULL, unknown = true WHERE id = :id")
KINDS = text("SELECT kind FROM events WHERE kind LIKE 'order.%' ORDER BY id")


@pytest.fixture
async def agent(shop):
    return await shop.agent(10_000)


async def ordered(shop, agent, fulfilment="person", kind="goods", **fields):
    """The phone's id of an order, and its number; it costs 10 of 100 roubles."""
    body = {name: fields.pop(name) for name in ("reference", "place") if name in fields}
    key = uuid.uuid4()
    await shop.order(agent, await shop.offer(fulfilment, kind=kind, **fields), key, **body)
    row = await shop.world.db.call(text("SELECT id FROM orders WHERE key = :key"), key=key)
    return key, row.id


async def decide(worker, order, action="done", **body):
    return await worker.put(f"{ORDERS}/{order}/decision", {"action": action} | body)


async def deliver(worker, order, delivery, **body):
    return await worker.put(f"{ORDERS}/{order}/delivery", {"delivery": delivery} | body)


async def seen(shop, agent, key):
    return (await shop.world.client.get(f"/v1/orders/{key}", headers=bearer(agent))).json()


def status_and_code(answer):
    return answer.status_code, answer.json().get("code")


async def test_waiting_orders_are_listed_oldest_first(world, shop, manager, agent):
    kinds = {"goods": {}, "service": {}, "invoice": {"reference": "2026-117"}}
    first, second, third = [(await ordered(shop, agent, kind=kind, **body))[1] for kind, body in kinds.items()]
    await ordered(shop, agent, "instant", kind="charity")

    page = (await manager.get(ORDERS, params={"state": "waiting", "limit": 2})).json()
    rest = (await manager.get(ORDERS, params={"state": "waiting", "limit": 2, "cursor": page["next"]})).json()
    done = (await manager.get(ORDERS, params={"state": "done"})).json()
    newest = (await manager.get(ORDERS, params={"limit": 1})).json()
    older = (await manager.get(ORDERS, params={"cursor": newest["next"]})).json()

    assert [row["id"] for row in page["items"] + rest["items"]] == [first, second, third]
    assert {row["waiting"] for row in page["items"]} == {"person"}
    assert page["items"][0]["card"] == agent.card_number
    assert [row["kind"] for row in done["items"]] == ["charity"]
    assert [row["id"] for row in older["items"]] == [third, second, first]


async def test_order_done_is_settled_once_with_its_code(world, shop, manager, agent):
    key, order = await ordered(shop, agent, kind="service")

    answers = [await decide(manager, order, code="WARRANTY-7", valid_until="2030-01-01") for _ in range(2)]

    assert [status_and_code(answer) for answer in answers] == [(200, None)] * 2
    assert (answers[0].json()["state"], answers[0].json()["supplier"]) == ("done", "person")
    assert "WARRANTY-7" not in answers[0].text
    assert [(step["action"], step["staff"]) for step in answers[1].json()["steps"]] == [("done", manager.email)]
    assert await shop.wallet(agent) == (9_000, 0)
    shown = await world.client.post(f"/v1/orders/{key}/reveal", headers=bearer(agent))
    assert (shown.json()["code"], shown.json()["valid_until"]) == ("WARRANTY-7", "2030-01-01")
    assert [row.kind for row in await world.db.rows(KINDS)] == ["order.held", "order.done", "order.decided"]


async def test_declined_order_returns_points_and_stock(shop, manager, agent):
    key, order = await ordered(shop, agent, stock=1)
    before = (await manager.get(f"{ORDERS}/{order}")).json()

    answers = [await decide(manager, order, "turn_down", note="Broken") for _ in range(2)]

    assert before["state"] == "held"
    assert [answer.json()["state"] for answer in answers] == ["refused"] * 2
    assert answers[1].json()["steps"][0]["note"] == "Broken"
    assert await shop.wallet(agent) == (10_000, 0)
    assert (await seen(shop, agent, key))["reason"] == "turned_down"
    left = await shop.world.db.call(text("SELECT stock FROM offers"))
    assert left.stock == 1


async def test_another_decision_comes_too_late(shop, manager, agent):
    _, order = await ordered(shop, agent, kind="service")
    await decide(manager, order, code="ONE")

    answers = [
        await decide(manager, order, "turn_down"),
        await decide(manager, order, code="TWO"),
        await decide(manager, order),
        await decide(manager, order, code="ONE", note="a note is no decision"),
    ]

    assert [status_and_code(answer) for answer in answers] == [(409, "order_decided")] * 3 + [(200, None)]


async def test_order_that_does_not_wait_cannot_be_decided(shop, manager, agent):
    _, done = await ordered(shop, agent, "instant", kind="charity")
    _, asked = await ordered(shop, agent, "supplier", kind="certificate", suppliers=[])

    assert status_and_code(await decide(manager, done)) == (409, "order_not_waiting")
    assert status_and_code(await decide(manager, asked)) == (409, "order_not_waiting")
    assert status_and_code(await decide(manager, asked, "allow")) == (409, "order_not_waiting")
    assert status_and_code(await decide(manager, 2**62)) == (404, "order_not_kept")


async def test_concurrent_decisions_of_an_order_apply_once(shop, manager, agent):
    _, order = await ordered(shop, agent, kind="service")

    answers = await asyncio.gather(
        *(decide(manager, order, action) for action in ("done", "turn_down", "done", "turn_down", "done", "turn_down"))
    )

    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [409] * 3
    (row,) = (await manager.get(ORDERS)).json()["items"]
    assert len((await manager.get(f"{ORDERS}/{order}")).json()["steps"]) == 1
    assert await shop.wallet(agent) == ((9_000, 0) if row["state"] == "done" else (10_000, 0))


async def test_order_of_unknown_outcome_takes_code_or_is_declined(world, shop, manager, agent):
    key, sold = await ordered(shop, agent, "supplier", kind="certificate")
    _, lost = await ordered(shop, agent, "supplier", kind="certificate")
    for order_id in (sold, lost):
        await world.db.rows(UNKNOWN, id=order_id)

    await world.add(OrderAttempt(order_id=sold, supplier="one", result="unknown", code="timeout", milliseconds=9))
    listed = (await manager.get(ORDERS, params={"state": "waiting"})).json()["items"]
    order = (await manager.get(f"{ORDERS}/{sold}")).json()
    without = await decide(manager, sold)
    done = await decide(manager, sold, code="FOUND-1")
    back = await decide(manager, lost, "turn_down")

    assert [row["waiting"] for row in listed] == ["unknown"] * 2
    assert [(one["supplier"], one["result"], one["code"]) for one in order["tries"]] == [("one", "unknown", "timeout")]
    assert status_and_code(without) == (422, "code_missing")
    assert (done.json()["state"], back.json()["state"]) == ("done", "refused")
    assert await shop.wallet(agent) == (9_000, 0)
    shown = await world.client.post(f"/v1/orders/{key}/reveal", headers=bearer(agent))
    assert shown.json()["code"] == "FOUND-1"


@pytest.mark.parametrize("fulfilment", ["own", "stock"])
async def test_order_above_a_limit_allowed_is_fulfilled(world, shop, manager, agent, number, fulfilment):
    number("year_most_gift", 500)
    number("order_most_gift", 0)
    offer = await shop.offer(fulfilment, tax="gift", valid_days=10)
    codes = await shop.stock(offer, 1) if fulfilment == "stock" else []
    key = uuid.uuid4()
    await shop.order(agent, offer, key)
    ((order, waiting),) = [
        (row["id"], row["waiting"]) for row in (await manager.get(ORDERS, params={"state": "waiting"})).json()["items"]
    ]

    done = await decide(manager, order)
    answers = [await decide(manager, order, "allow") for _ in range(2)]

    assert waiting == "limit"
    assert status_and_code(done) == (409, "order_at_limit")
    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(200, "done")] * 2
    shown = (await world.client.post(f"/v1/orders/{key}/reveal", headers=bearer(agent))).json()
    assert [shown["code"]] == codes if codes else len(shown["code"]) == 24
    assert await shop.wallet(agent) == (9_000, 0)


async def test_goods_above_a_limit_allowed_wait_for_delivery(shop, manager, agent, number):
    number("year_most_gift", 500)
    number("order_most_gift", 0)
    _, order = await ordered(shop, agent, tax="gift")

    early = await deliver(manager, order, "sent")
    allowed = await decide(manager, order, "allow")
    sent = await deliver(manager, order, "sent")
    done = await decide(manager, order)

    assert status_and_code(early) == (409, "order_at_limit")
    assert (allowed.json()["state"], allowed.json()["waiting"]) == ("held", "person")
    assert sent.json()["delivery"] == "sent"
    assert (done.json()["state"], done.json()["delivery"]) == ("done", "delivered")
    assert [step["action"] for step in done.json()["steps"]] == ["allow", "sent", "done"]


async def test_goods_have_delivery_states(world, shop, manager, agent):
    key, order = await ordered(shop, agent, places=["Kazan", "Tver"], place="Kazan")
    states = [(await seen(shop, agent, key))["delivery"]]

    for delivery in ("packed", "sent", "ready"):
        await deliver(manager, order, delivery)
        states.append((await seen(shop, agent, key))["delivery"])
    moved = await deliver(manager, order, "ready", place="Tver")
    last = [await deliver(manager, order, "delivered") for _ in range(2)]
    late = await deliver(manager, order, "sent")

    assert states == ["ordered", "packed", "sent", "ready"]
    assert moved.json()["place"] == "Tver"
    assert [answer.json()["state"] for answer in last] == ["done"] * 2
    assert status_and_code(late) == (409, "delivery_ended")
    after = await seen(shop, agent, key)
    assert (after["status"], after["delivery"], after["place"]) == ("done", "delivered", "Tver")
    assert await shop.wallet(agent) == (9_000, 0)
    assert len(last[1].json()["steps"]) == 5
    kinds = [row.kind for row in await world.db.rows(KINDS)]
    assert (kinds.count("order.delivery"), kinds.count("order.done")) == (5, 1)


async def test_delivery_of_declined_or_other_orders_is_refused(shop, manager, agent):
    _, service = await ordered(shop, agent, kind="service")
    _, goods = await ordered(shop, agent)
    await decide(manager, goods, "turn_down")

    assert status_and_code(await deliver(manager, service, "sent")) == (409, "nothing_to_deliver")
    assert status_and_code(await deliver(manager, goods, "sent")) == (409, "delivery_ended")
    assert status_and_code(await deliver(manager, 2**62, "sent")) == (404, "order_not_kept")


async def test_concurrent_delivery_and_decline_settle_once(shop, manager, agent):
    _, order = await ordered(shop, agent)

    await asyncio.gather(
        *(deliver(manager, order, "delivered"), decide(manager, order, "turn_down"), deliver(manager, order, "packed"))
    )

    row = (await manager.get(f"{ORDERS}/{order}")).json()
    assert await shop.wallet(agent) == ((9_000, 0) if row["state"] == "done" else (10_000, 0))
    assert row["state"] in ("done", "refused")


@pytest.mark.parametrize(
    "body", [{}, {"action": "perhaps"}, {"action": "done", "code": ""}, {"action": "done", "x": 1}]
)
async def test_invalid_decision_is_refused(shop, manager, agent, body):
    _, order = await ordered(shop, agent)

    assert (await manager.put(f"{ORDERS}/{order}/decision", body)).status_code == 400


async def test_accepted_invoices_are_exported(world, shop, manager, agent):
    _, taken = await ordered(shop, agent, kind="invoice", key="invoices", reference="=INV;17")
    _, open_one = await ordered(shop, agent, kind="invoice", reference="INV-18")
    _, other = await ordered(shop, agent, kind="service")
    for order in (taken, other):
        await decide(manager, order)
    today = datetime.now(UTC).date()
    days = {"from": str(today - timedelta(days=1)), "to": str(today + timedelta(days=1))}

    answer = await manager.get(f"{ORDERS}/export", params=days | {"kind": "invoice"})
    every = await manager.get(f"{ORDERS}/export", params=days)
    before = await manager.get(f"{ORDERS}/export", params={"from": "2020-01-01", "to": "2020-12-31"})
    wrong = await manager.get(f"{ORDERS}/export", params={"from": "2020-02-01", "to": "2020-01-31"})

    assert answer.headers["content-type"].startswith("text/csv")
    header, (order, card, offer, invoice, nominal, price, currency, accepted, days_later) = rows_of(answer)
    assert header == ["order", "card", "offer", "invoice", "nominal", "price", "currency", "accepted_at", "defers_days"]
    assert (int(order), card, offer, invoice) == (taken, agent.card_number, "invoices", "'=INV;17")
    assert (nominal, price, currency, days_later) == ("10.00", "10.00", "RUB", "")
    assert datetime.fromisoformat(accepted)
    assert [int(row[0]) for row in rows_of(every)[1:]] == [taken, other]
    assert len(rows_of(before)) == 1
    assert status_and_code(wrong) == (422, "period_unfit")
    assert open_one not in [int(row[0]) for row in rows_of(every)[1:]]


async def test_orders_export_in_russian_has_russian_headers(shop, manager, agent):
    _, order = await ordered(shop, agent, kind="invoice", reference="INV-17")
    await decide(manager, order)
    days = {"from": "2020-01-01", "to": "2099-01-01"}

    answer = await manager.get(f"{ORDERS}/export", params=days, headers={"Accept-Language": "ru"})

    header, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";")
    assert header[:6] == ["Заказ", "Номер карты", "Предложение", "Счёт", "Номинал", "Цена"]
    assert row[3:7] == ["INV-17", "10,00", "10,00", "RUB"]


async def test_deferral_is_ordered_accepted_and_exported(world, shop, manager, agent):
    key, order = await ordered(shop, agent, kind="invoice", defers_days=14, reference="INV-19")
    days = {"from": "2020-01-01", "to": "2099-01-01", "kind": "invoice"}
    before = rows_of(await manager.get(f"{ORDERS}/export", params=days))[1:]
    (waiting,) = (await manager.get(ORDERS, params={"state": "waiting"})).json()["items"]

    await decide(manager, order)

    (after,) = rows_of(await manager.get(f"{ORDERS}/export", params=days))[1:]
    mine = await seen(shop, agent, key)
    event = await world.db.call(text("SELECT body FROM events WHERE kind = 'order.done'"))
    assert before == []
    assert (after[3:6], after[-1]) == (["INV-19", "", "10.00"], "14")
    assert (event.body["reference"], event.body["defers_days"]) == ("INV-19", 14)
    assert (waiting["reference"], waiting["defers_days"], waiting["waiting"]) == ("INV-19", 14, "person")
    assert (mine["status"], mine["reference"], mine["defers_days"]) == ("done", "INV-19", 14)
    assert await shop.wallet(agent) == (9_000, 0)


async def test_declined_deferral_costs_nothing(shop, manager, agent):
    _, order = await ordered(shop, agent, kind="invoice", defers_days=7, reference="INV-20")

    await decide(manager, order, "turn_down", note="Overdue already")

    assert await shop.wallet(agent) == (10_000, 0)


def rows_of(answer):
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def test_export_of_many_orders_has_each_once(world, shop, manager):
    agent, offer = await shop.agent(10**7), await shop.offer("instant", kind="charity", nominal=100)
    for _ in range(6):
        await asyncio.gather(*(shop.order(agent, offer) for _ in range(90)))

    answer = await manager.get(f"{ORDERS}/export", params={"from": "2020-01-01", "to": "2099-01-01"})

    numbers = [row[0] for row in rows_of(answer)[1:]]
    assert len(numbers) == len(set(numbers)) == 540
