"""Orders that a supplier fulfils, over real HTTP: bought at most once and always finished."""

import asyncio
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.settings import Settings
from backend.spending.orders import fulfilment, transitions
from backend.spending.orders.fulfilment import FulfilmentContext
from backend.spending.orders.supplier_clients import SupplierClients
from tests.make import World, bearer
from tests.payouts.partners.conftest import TOKEN
from tests.spending.scenario import SpendingScenario, spending_scenario
from tests.stand_ins import SupplierStandIns

AFTER = ("timeout_after", "http_500_after", "http_500_empty_after", "garbage_after", "empty_after")
BEFORE = ("timeout", "http_500", "garbage", "limit")


def _supplier_table(suppliers: SupplierStandIns, kind: str, **more: Any) -> dict[str, Any]:
    url = f"{suppliers.url}/aggregator" if kind == "generic" else suppliers.url
    return {
        "name": kind,
        "kind": kind,
        "url": url,
        "token": TOKEN,
        "per_second": 100.0,
        "account": "ACCOUNT",
        "customer": "CUSTOMER",
        "timeout": 1.0,
    } | more


def _with_suppliers(settings: Settings, folder: Path, *tables: dict[str, Any]) -> Settings:
    path = folder / "suppliers.toml"
    lines = (
        "".join(f"{key} = {msgspec.json.encode(value).decode()}\n" for key, value in row.items()) for row in tables
    )
    path.write_text("".join(f"[[supplier]]\n{line}\n" for line in lines), "utf-8")
    path.chmod(0o600)
    return msgspec.structs.replace(settings, suppliers=path)


class Till:
    """An agent with an offer of a supplier, and the worker."""

    def __init__(self, shop: SpendingScenario, settings: Settings, agent: Any, offer: Any) -> None:
        self.shop, self.settings, self.agent, self.offer = shop, settings, agent, offer

    async def order(self, *script: str, suppliers: SupplierStandIns | None = None) -> uuid.UUID:
        key = uuid.uuid4()
        answer = await self.shop.order(self.agent, self.offer, key)
        assert answer.json()["status"] == "held", answer.text
        async with self.shop.world.db.begin() as session:
            number = (await session.execute(text("SELECT id FROM orders WHERE key = :key"), {"key": key})).scalar_one()
        if suppliers is not None:
            suppliers.prepare(scripts={f"{number}-{key.hex}": list(script)})
        return key

    async def work(self, times: int = 1) -> None:
        """Run the worker with all retries due."""
        supplies = SupplierClients.of_settings(self.shop.world.db, self.settings)
        try:
            for _ in range(times):
                await fulfilment.fulfil_due_orders(FulfilmentContext(self.shop.world.db, self.settings, supplies))
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
async def till(world: World, suppliers: SupplierStandIns, settings: Settings, tmp_path: Path) -> Till:
    shop = await spending_scenario(world)
    offer = await shop.offer("supplier", nominal=100_000, suppliers=[{"name": "generic", "product": "BOOKS"}])
    return Till(
        shop,
        _with_suppliers(settings, tmp_path, _supplier_table(suppliers, "generic")),
        await shop.agent(1_000_000),
        offer,
    )


@pytest.mark.parametrize("kind", ["tremendous", "tango", "generic"])
async def test_supplier_fulfils_order(
    world: World, suppliers: SupplierStandIns, settings: Settings, tmp_path: Path, kind: str
):
    shop = await spending_scenario(world)
    offer = await shop.offer("supplier", nominal=100_000, suppliers=[{"name": kind, "product": "BOOKS"}])
    till = Till(
        shop, _with_suppliers(settings, tmp_path, _supplier_table(suppliers, kind)), await shop.agent(100_000), offer
    )
    key = await till.order()

    await till.work()

    assert (await till.seen(key))["status"] == "done"
    assert await till.code(key)
    assert await shop.wallet(till.agent) == (0, 0)
    assert list(suppliers.sold(kind).values()) == [1]


@pytest.mark.parametrize("fault", AFTER)
async def test_purchase_with_lost_response_is_made_once(till: Till, suppliers: SupplierStandIns, fault: str):
    key = await till.order(fault, suppliers=suppliers)

    await till.work(3)

    assert (await till.seen(key))["status"] == "done"
    assert list(suppliers.sold("generic").values()) == [1]


@pytest.mark.parametrize("fault", BEFORE)
async def test_fault_before_sale_is_retried(till: Till, suppliers: SupplierStandIns, fault: str):
    key = await till.order(fault, suppliers=suppliers)

    await till.work(3)

    assert (await till.seen(key))["status"] == "done"
    assert list(suppliers.sold("generic").values()) == [1]


async def test_next_supplier_is_tried_only_after_certain_refusal(
    world: World, suppliers: SupplierStandIns, settings: Settings, tmp_path: Path
):
    shop = await spending_scenario(world)
    agent = await shop.agent(1_000_000)
    named = _with_suppliers(
        settings, tmp_path, _supplier_table(suppliers, "generic"), _supplier_table(suppliers, "tango")
    )
    suppliers.prepare(left={"SCARCE": 0})
    tills = [
        Till(shop, named, agent, await shop.offer("supplier", nominal=100_000, suppliers=suppliers))
        for product in ("SCARCE", "BOOKS")
        for suppliers in [[{"name": "generic", "product": product}, {"name": "tango", "product": "BOOKS"}]]
    ]
    refused, unknown = await tills[0].order(), await tills[1].order("http_500_after", suppliers=suppliers)

    await tills[0].work(3)

    assert [(await tills[0].seen(key))["status"] for key in (refused, unknown)] == ["done", "done"]
    assert sum(suppliers.sold("generic").values()) == 1
    assert sum(suppliers.sold("tango").values()) == 1


async def test_order_refused_by_all_suppliers_releases_money(till: Till, suppliers: SupplierStandIns):
    key = await till.order("sold_out", suppliers=suppliers)

    await till.work(2)

    seen = await till.seen(key)
    assert (seen["status"], seen["reason"]) == ("refused", "supplier_refused")
    assert await till.shop.wallet(till.agent) == (1_000_000, 0)


async def test_wrong_amount_is_handed_to_staff_in_time(till: Till, suppliers: SupplierStandIns):
    key = await till.order(*["wrong_amount"] * 30, suppliers=suppliers)

    await till.work(2)
    async with till.shop.world.db.begin() as session:
        await session.execute(text("UPDATE orders SET placed_at = placed_at - :age"), {"age": timedelta(minutes=14)})
    await till.work(1)

    assert (await till.seen(key))["status"] == "held"
    async with till.shop.world.db.begin() as session:
        row = (await session.execute(text("SELECT for_person, due_at FROM orders"))).one()
    assert tuple(row) == (True, None)


class FailingEnd:
    """The end of an order, which raises an error in its first call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | str) -> None:
        self.error, self.count, self.end_order = error, 0, transitions.end_order
        monkeypatch.setattr(transitions, "end_order", self)

    async def __call__(self, session: AsyncSession, *rest: Any) -> bool:
        self.count += 1
        if self.count == 1 and isinstance(self.error, Exception):
            raise self.error
        if self.count == 1:
            await session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'a test' USING ERRCODE = '{self.error}'; END $$"))
        return await self.end_order(session, *rest)


async def test_end_of_order_after_deadlock_is_retried_at_once(till: Till, monkeypatch: pytest.MonkeyPatch):
    key = await till.order()
    end = FailingEnd(monkeypatch, "40P01")

    await till.work()

    assert (await till.seen(key))["status"] == "done"
    assert end.count == 2


async def test_unexpected_error_of_one_order_delays_no_other(till: Till, monkeypatch: pytest.MonkeyPatch):
    keys = [await till.order() for _ in range(4)]
    FailingEnd(monkeypatch, PoolTimeout("no free connection"))

    await till.work()

    ended = [(await till.seen(key))["status"] for key in keys]
    assert sorted(ended) == ["done", "done", "done", "held"]
    await till.work()
    assert [(await till.seen(key))["status"] for key in keys] == ["done"] * 4


async def test_killed_worker_buys_nothing_twice(till: Till, suppliers: SupplierStandIns):
    suppliers.set_up(slow_seconds=0.6)
    keys = [await till.order("slow", suppliers=suppliers) for _ in range(4)]
    for _ in range(3):
        dying = asyncio.create_task(till.work())
        await asyncio.sleep(0.35)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        async with till.shop.world.db.begin() as session:
            await session.execute(text("UPDATE orders SET due_at = now() WHERE due_at IS NOT NULL"))

    await till.work(3)

    assert {(await till.seen(key))["status"] for key in keys} == {"done"}
    assert sorted(suppliers.sold("generic").values()) == [1, 1, 1, 1]


# Requests under the limit that an order takes. Tremendous returns a repeated order without its link, which takes
# another request. A refused order that may have been sold is looked up under the same permit, which takes two: the
# list and the link.
@pytest.mark.parametrize(
    ("kind", "script", "each"),
    [
        ("tango", ["http_500_after"], 2),
        ("tremendous", ["http_500_after"], 3),
        ("tango", ["http_500_after", "unauthorized"], 2),
        ("tremendous", ["http_500_after", "unauthorized"], 4),
    ],
)
async def test_supplier_quota_holds_over_two_workers(
    world: World,
    suppliers: SupplierStandIns,
    settings: Settings,
    tmp_path: Path,
    kind: str,
    script: list[str],
    each: int,
):
    suppliers.set_up(supplier_limits={kind: 5})
    shop = await spending_scenario(world)
    offer = await shop.offer("supplier", nominal=1000, suppliers=[{"name": kind, "product": "BOOKS"}])
    till = Till(
        shop,
        _with_suppliers(settings, tmp_path, _supplier_table(suppliers, kind, per_second=5.0)),
        await shop.agent(20_000),
        offer,
    )
    keys = [await till.order(*script, suppliers=suppliers) for _ in range(7)]

    # A busy machine can miss a permit's time; such an order is retried.
    for _ in range(20):
        await asyncio.gather(till.work(), till.work())
        if {(await till.seen(key))["status"] for key in keys} == {"done"}:
            break

    assert {(await till.seen(key))["status"] for key in keys} == {"done"}
    log = suppliers.log(kind)
    assert log["questions"] >= 7 * each
    assert log["most_in_a_second"] <= 5
