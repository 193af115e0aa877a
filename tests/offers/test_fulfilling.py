"""Orders that a supplier fulfils, over real HTTP: never bought twice, never held for ever."""

import asyncio
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from backend.offers import fulfilling
from backend.offers.fulfilling import Counter
from backend.offers.supplies import Supplies
from backend.settings import Settings
from tests.make import World, bearer
from tests.offers.spending import Spending, spending
from tests.partners.conftest import TOKEN
from tests.stand_ins import Desk

AFTER = ("timeout_after", "http_500_after", "http_500_empty_after", "garbage_after", "empty_after")
BEFORE = ("timeout", "http_500", "garbage", "limit")


def _named(desk: Desk, kind: str, **more: Any) -> dict[str, Any]:
    url = f"{desk.url}/aggregator" if kind == "generic" else desk.url
    return {"name": kind, "kind": kind, "url": url, "token": TOKEN, "per_second": 100.0, "account": "ACCOUNT",
            "customer": "CUSTOMER", "timeout": 1.0} | more  # fmt: skip


def _installed(settings: Settings, folder: Path, *tables: dict[str, Any]) -> Settings:
    path = folder / "suppliers.toml"
    lines = (
        "".join(f"{key} = {msgspec.json.encode(value).decode()}\n" for key, value in row.items()) for row in tables
    )
    path.write_text("".join(f"[[supplier]]\n{line}\n" for line in lines), "utf-8")
    path.chmod(0o600)
    return msgspec.structs.replace(settings, suppliers=path)


class Till:
    """An agent with an offer of a supplier's, and the worker beside him."""

    def __init__(self, shop: Spending, settings: Settings, agent: Any, offer: Any) -> None:
        self.shop, self.settings, self.agent, self.offer = shop, settings, agent, offer

    async def order(self, *script: str, desk: Desk | None = None) -> uuid.UUID:
        key = uuid.uuid4()
        answer = await self.shop.order(self.agent, self.offer, key)
        assert answer.json()["status"] == "held", answer.text
        async with self.shop.world.db.begin() as session:
            number = (await session.execute(text("SELECT id FROM orders WHERE key = :key"), {"key": key})).scalar_one()
        if desk is not None:
            desk.prepare(scripts={f"{number}-{key.hex}": list(script)})
        return key

    async def work(self, times: int = 1) -> None:
        """What the worker does, as if all waits were over each time."""
        supplies = Supplies.of_settings(self.shop.world.db, self.settings)
        try:
            for _ in range(times):
                await fulfilling.fulfil_all(Counter(self.shop.world.db, self.settings, supplies))
                async with self.shop.world.db.begin() as session:
                    await session.execute(text("UPDATE orders SET due_at = now() WHERE due_at IS NOT NULL"))
        finally:
            await supplies.close()

    async def seen(self, key: uuid.UUID) -> dict[str, Any]:
        return (await self.shop.world.client.get(f"/v1/orders/{key}", headers=bearer(self.agent))).json()

    async def code(self, key: uuid.UUID) -> str:
        answer = await self.shop.world.client.post(f"/v1/orders/{key}/reveal", headers=bearer(self.agent))
        return answer.json()["code"]


@pytest.fixture
async def till(world: World, desk: Desk, settings: Settings, tmp_path: Path) -> Till:
    shop = await spending(world)
    offer = await shop.offer("supplier", nominal=100_000, suppliers=[{"name": "generic", "product": "BOOKS"}])
    return Till(shop, _installed(settings, tmp_path, _named(desk, "generic")), await shop.agent(1_000_000), offer)


@pytest.mark.parametrize("kind", ["tremendous", "tango", "generic"])
async def test_a_supplier_fulfils_an_order(world: World, desk: Desk, settings: Settings, tmp_path: Path, kind: str):
    shop = await spending(world)
    offer = await shop.offer("supplier", nominal=100_000, suppliers=[{"name": kind, "product": "BOOKS"}])
    till = Till(shop, _installed(settings, tmp_path, _named(desk, kind)), await shop.agent(100_000), offer)
    key = await till.order()

    await till.work()

    assert (await till.seen(key))["status"] == "done"
    assert await till.code(key)
    assert await shop.wallet(till.agent) == (0, 0)
    assert list(desk.sold(kind).values()) == [1]


@pytest.mark.parametrize("fault", AFTER)
async def test_what_was_sold_and_lost_on_the_way_is_found_again_and_bought_once(till: Till, desk: Desk, fault: str):
    key = await till.order(fault, desk=desk)

    await till.work(3)

    assert (await till.seen(key))["status"] == "done"
    assert list(desk.sold("generic").values()) == [1]


@pytest.mark.parametrize("fault", BEFORE)
async def test_trouble_before_the_sale_is_asked_again(till: Till, desk: Desk, fault: str):
    key = await till.order(fault, desk=desk)

    await till.work(3)

    assert (await till.seen(key))["status"] == "done"
    assert list(desk.sold("generic").values()) == [1]


async def test_another_supplier_is_asked_only_when_the_first_certainly_did_not_sell(
    world: World, desk: Desk, settings: Settings, tmp_path: Path
):
    shop = await spending(world)
    agent = await shop.agent(1_000_000)
    named = _installed(settings, tmp_path, _named(desk, "generic"), _named(desk, "tango"))
    desk.prepare(left={"SCARCE": 0})
    tills = [
        Till(shop, named, agent, await shop.offer("supplier", nominal=100_000, suppliers=suppliers))
        for product in ("SCARCE", "BOOKS")
        for suppliers in [[{"name": "generic", "product": product}, {"name": "tango", "product": "BOOKS"}]]
    ]
    refused, unknown = await tills[0].order(), await tills[1].order("http_500_after", desk=desk)

    await tills[0].work(3)

    assert [(await tills[0].seen(key))["status"] for key in (refused, unknown)] == ["done", "done"]
    assert sum(desk.sold("generic").values()) == 1
    assert sum(desk.sold("tango").values()) == 1


async def test_when_nobody_sells_the_money_comes_back(till: Till, desk: Desk):
    key = await till.order("sold_out", desk=desk)

    await till.work(2)

    seen = await till.seen(key)
    assert (seen["status"], seen["reason"]) == ("refused", "supplier_refused")
    assert await till.shop.wallet(till.agent) == (1_000_000, 0)


async def test_a_wrong_amount_is_no_sale_and_a_person_looks_within_a_quarter_of_an_hour(till: Till, desk: Desk):
    key = await till.order(*["wrong_amount"] * 30, desk=desk)

    await till.work(2)
    async with till.shop.world.db.begin() as session:
        await session.execute(text("UPDATE orders SET placed_at = placed_at - :age"), {"age": timedelta(minutes=14)})
    await till.work(1)

    assert (await till.seen(key))["status"] == "held"
    async with till.shop.world.db.begin() as session:
        row = (await session.execute(text("SELECT for_person, due_at FROM orders"))).one()
    assert tuple(row) == (True, None)


async def test_a_worker_that_dies_in_the_middle_buys_nothing_twice(till: Till, desk: Desk):
    desk.set_up(slow_seconds=0.6)
    keys = [await till.order("slow", desk=desk) for _ in range(4)]
    for _ in range(3):
        dying = asyncio.create_task(till.work())
        await asyncio.sleep(0.35)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        async with till.shop.world.db.begin() as session:
            await session.execute(text("UPDATE orders SET due_at = now() WHERE due_at IS NOT NULL"))

    await till.work(3)

    assert {(await till.seen(key))["status"] for key in keys} == {"done"}
    assert sorted(desk.sold("generic").values()) == [1, 1, 1, 1]


# How many requests under the limit an order takes. Tremendous shows it again without its link, which takes another; who
# is refused what may have been sold looks in the same turn, which takes two there: the list and the link.
@pytest.mark.parametrize(
    ("kind", "script", "each"),
    [
        ("tango", ["http_500_after"], 2),
        ("tremendous", ["http_500_after"], 3),
        ("tango", ["http_500_after", "unauthorized"], 2),
        ("tremendous", ["http_500_after", "unauthorized"], 4),
    ],
)
async def test_a_suppliers_rate_holds_over_two_workers(
    world: World, desk: Desk, settings: Settings, tmp_path: Path, kind: str, script: list[str], each: int
):
    desk.set_up(supplier_limits={kind: 5})
    shop = await spending(world)
    offer = await shop.offer("supplier", nominal=1000, suppliers=[{"name": kind, "product": "BOOKS"}])
    till = Till(
        shop, _installed(settings, tmp_path, _named(desk, kind, per_second=5.0)), await shop.agent(20_000), offer
    )
    keys = [await till.order(*script, desk=desk) for _ in range(7)]

    # A busy machine oversleeps turns, and such an order has to come again.
    for _ in range(20):
        await asyncio.gather(till.work(), till.work())
        if {(await till.seen(key))["status"] for key in keys} == {"done"}:
            break

    assert {(await till.seen(key))["status"] for key in keys} == {"done"}
    log = desk.log(kind)
    assert log["questions"] >= 7 * each
    assert log["most_in_a_second"] <= 5
