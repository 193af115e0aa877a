"""Units of agents, and orders that extend their warranty."""

import calendar
import uuid
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from backend.core.db.database import Database
from backend.earning.packages.slot_keys import slot_key
from backend.identity.accounts.schemas import AccountCreated
from backend.programmes.rules.rule import FixedAmount, Rule
from scanning.codes import package
from tests.earning.receipts.receipt_builders import Buying, document, goods, line
from tests.make import World, bearer
from tests.spending.scenario import SpendingScenario, spending_scenario

RULE = Rule(ways=frozenset({"package"}), amount=FixedAmount(5000))


class Shop(SpendingScenario):
    """A brand whose packages have a warranty that orders can extend."""

    async def claimed(self, agent: AccountCreated, months: int = 24) -> dict[str, Any]:
        """Claim a package and return its unit."""
        product = await self.world.product(self.programme.brand_id, warranty_months=months)
        await self.world.campaign(self.programme, RULE)
        batch = await self.world.batch(self.programme, product, 1)
        assert (await self.world.scan(agent, self.world.codes_of(batch)[0])).json()["status"] == "credited"
        return (await self.units(agent))[0]

    async def units(self, agent: AccountCreated) -> list[dict[str, Any]]:
        return (await self.world.client.get("/v1/units", headers=bearer(agent))).json()["items"]

    async def longer(self, months: int = 12, fulfilment: str = "instant"):
        return await self.offer(fulfilment, kind="service", tax="service", nominal=500, extends_months=months)


@pytest.fixture
async def shop(world: World) -> Shop:
    return Shop(world, (await spending_scenario(world)).programme)


MOSCOW = ZoneInfo("Europe/Moscow")


def later(at: str, months: int) -> str:
    """The day in the programme's zone `months` later; the last day of a shorter month."""
    then = datetime.fromisoformat(at).astimezone(MOSCOW).date()
    year, month = divmod(then.year * 12 + then.month - 1 + months, 12)
    return str(date(year, month + 1, min(then.day, calendar.monthrange(year, month + 1)[1])))


async def test_claimed_package_is_unit_with_warranty(shop: Shop, world: World):
    agent, other = await world.account(), await world.account()

    unit = await shop.claimed(agent, months=24)

    assert unit["name"] == "Socket"
    assert unit["warranty_until"] == later(unit["registered_at"], 24)
    assert await shop.units(other) == []


async def test_unit_shows_package_code(shop: Shop, world: World):
    agent, codes = await world.account(), []
    for _ in range(2):
        await shop.claimed(agent)
    batches = await world.db.rows(text("SELECT slot FROM batches ORDER BY id"))
    for row in batches:
        key = slot_key(world.settings.master_key, row.slot)
        codes.append(package.grouped(package.encode(key, row.slot, await _first_serial(world, row.slot))))

    assert [unit["code"] for unit in await shop.units(agent)] == codes[::-1]


async def _first_serial(world: World, slot: int) -> int:
    return (await world.db.call(text("SELECT min(first_serial) AS n FROM ranges WHERE slot = :slot"), slot=slot)).n


async def test_marked_unit_shows_serial(world: World):
    made = await world.programme()
    rule = Rule(
        ways=frozenset({"marking"}), amount=FixedAmount(100), hold_days=14, cap_per_agent_day=300, unlisted=True
    )
    await world.campaign(made, rule)
    await world.product(made.brand_id, gtin="04600439931256")
    agent = await world.account()
    answer = (await world.scan(agent, "0104600439931256215abcDEF1234xy\x1d93dGVz")).json()
    assert answer["status"] == "pending", answer

    (unit,) = (await world.client.get("/v1/units", headers=bearer(agent))).json()["items"]

    assert (unit["code"], unit["serial"]) == ("(01)04600439931256(21)5abcDEF1234xy", "5abcDEF1234xy")


async def test_product_without_warranty_has_no_end_date(shop: Shop, world: World):
    agent = await world.account()

    assert "warranty_until" not in await shop.claimed(agent, months=0)


async def test_order_extends_warranty_once(shop: Shop, world: World):
    agent = await world.account()
    unit, offer, key = await shop.claimed(agent), await shop.longer(12), uuid.uuid4()

    orders = [await shop.order(agent, offer, key, unit=unit["id"]) for _ in range(2)]
    once = await shop.units(agent)
    await shop.order(agent, offer, unit=unit["id"])

    assert [order.json()["status"] for order in orders] == ["done", "done"]
    assert once[0]["warranty_until"] == later(unit["registered_at"], 36)
    assert (await shop.units(agent))[0]["warranty_until"] == later(unit["registered_at"], 48)
    assert await shop.wallet(agent) == (4000, 0)


async def test_order_by_staff_extends_warranty_when_done(shop: Shop, world: World):
    agent = await world.account()
    manager = await world.staff(await world.brand_by_id(shop.programme.brand_id), "manager")
    unit, offer = await shop.claimed(agent), await shop.longer(6, "person")
    await shop.order(agent, offer, unit=unit["id"])
    before = (await shop.units(agent))[0]["warranty_until"]
    (waiting,) = (await manager.get("/v1/console/orders?state=waiting")).json()["items"]

    await manager.put(f"/v1/console/orders/{waiting['id']}/decision", {"action": "done"})

    assert (waiting["extends_months"], waiting["unit_registered_at"]) == (6, unit["registered_at"])
    assert before == unit["warranty_until"]
    assert (await shop.units(agent))[0]["warranty_until"] == later(unit["registered_at"], 30)


async def test_refused_order_does_not_extend_warranty(shop: Shop, world: World):
    agent = await world.account()
    unit = await shop.claimed(agent)
    dear = await shop.offer("instant", kind="service", tax="service", nominal=900_000, extends_months=12)

    answer = await shop.order(agent, dear, unit=unit["id"])

    assert answer.json()["status"] == "refused"
    assert await shop.units(agent) == [unit]


async def test_extension_requires_own_unit_under_warranty(shop: Shop, world: World, owner: Database):
    agent, other = await world.account(), await world.account()
    mine, theirs = await shop.claimed(agent), await shop.claimed(other)
    bare, over = await shop.claimed(agent, months=0), await shop.claimed(agent, months=1)
    rival = Shop(world, (await spending_scenario(world)).programme)
    strange, offer, plain = await rival.claimed(agent), await shop.longer(), await shop.offer("own")
    async with owner.begin() as session:
        await session.execute(
            text(
                "UPDATE accruals a SET at = a.at - :age FROM movements m WHERE m.id = :unit "
                "AND a.cause = m.cause AND a.cause_id = m.cause_id"
            ),
            {"age": timedelta(days=40), "unit": over["id"]},
        )

    answers = [await shop.order(agent, offer)]
    answers += [await shop.order(agent, offer, unit=one["id"]) for one in (theirs, bare, over, strange, {"id": 10**9})]
    answers.append(await shop.order(agent, plain, unit=mine["id"]))

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(422, "unit_unfit")}


async def test_units_are_paginated(shop: Shop, world: World):
    agent = await world.account()
    wanted = [(await shop.claimed(agent))["id"] for _ in range(3)]

    seen, path = [], "/v1/units?limit=2"
    while path:
        page = (await world.client.get(path, headers=bearer(agent))).json()
        seen += [unit["id"] for unit in page["items"]]
        path = f"/v1/units?limit=2&cursor={page['next']}" if "next" in page else ""

    assert seen == wanted[::-1]


async def test_marked_piece_is_unit_until_returned(world: World):
    buying, agent = Buying(world), await world.account()
    bought = await goods(world)
    shop = Shop(world, bought.programme)
    sale = document(line(quantity=1, amount=45_000, gtin="04606203090785", serial="5AB1C2D3E4F5G"))
    await buying.bring(agent, sale)
    before = await shop.units(agent)

    back = document(*sale.lines, operation=2, at=sale.at + timedelta(minutes=30), fn=sale.fn)
    await buying.known(back)
    await buying.scan(agent, back)
    await buying.work()

    assert [unit["sku"] for unit in before] == [bought.socket.sku]
    assert await shop.units(agent) == []
