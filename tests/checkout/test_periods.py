"""A shop's statement closed for a month, on any day after it."""

import asyncio
import csv
import io
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from backend.checkout.checks import STATEMENTS
from backend.identity.brands.models import Brand
from tests.checkout.till_client import BASKET
from tests.make import bearer
from tests.payouts.conftest import as_superuser

ZONE = ZoneInfo("Europe/Moscow")
OWED = text("SELECT coalesce(sum(CASE kind WHEN 1 THEN amount ELSE -amount END), 0)::bigint AS total FROM dues")
LAST = text("SELECT coalesce(max(id), 0) AS id FROM dues")


def day(days_ago: int):
    """A day in the shop's time zone."""
    return (datetime.now(ZONE) - timedelta(days=days_ago)).date()


class Settling:
    """A shop, a code, and its brand's statements."""

    def __init__(self, shopping, owner, worker, path, code):
        self.shopping, self.owner, self.worker, self.path, self.code = shopping, owner, worker, path, code

    async def sold(self, days_ago=0, key=""):
        """A sale of 6.67 off that the till made online so many days ago."""
        after = (await self.owner.call(LAST)).id
        assert (await self.shopping.sell(self.code, key=key)).status_code == 200
        back = f"UPDATE dues SET at = at - interval '{days_ago} days' WHERE id > {after}"  # noqa: S608 - numbers
        await as_superuser(self.owner, back)

    async def handed_in(self, days_ago, key):
        """A sale that the till made without a network so many days ago, and hands in now."""
        at = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
        sale = {"id": key, "taken_at": at, "discount": 667, "codes": [self.code], "basket": BASKET}
        (row,) = (await self.shopping.ask("POST", "sales/batch", {"sales": [sale]})).json()["items"]
        assert row["status"] == "sold"

    async def close(self, number, through=None):
        params = {} if through is None else {"through": str(through)}
        return await self.worker.ask("PUT", f"{self.path}/{number}", params=params)

    async def open(self):
        return (await self.worker.get(self.path)).json()["open"]

    async def rows(self, number):
        answer = await self.worker.get(f"{self.path}/{number}/file.csv")
        names, *rows, _ = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
        return [dict(zip(names, row, strict=True)) for row in rows]


@pytest.fixture
async def settling(shopping, world, owner):
    async with world.db.begin() as session:
        worker = await world.staff(await session.get_one(Brand, shopping.programme.brand_id))
    (row,) = await world.db.rows(text("SELECT key FROM brand_shops WHERE shop_id = :shop"), shop=shopping.shop.id)
    code = await shopping.code(await old_offer(shopping), "IVAN7")
    return Settling(shopping, owner, worker, f"/v1/console/shops/{row.key}/statements", code)


async def old_offer(shopping):
    """An offer that has run for ten days."""
    offer = await shopping.offer()
    await shopping.world.db.rows(text("UPDATE campaigns SET starts_at = now() - interval '10 days'"))
    return offer


def status_and_code(answer):
    return answer.status_code, answer.json()["code"]


async def test_month_is_closed_on_a_later_day(settling):
    await settling.sold(days_ago=3, key="old")
    await settling.sold(key="new")

    closed = await settling.close(1, day(2))
    again = [await settling.close(1, day(2)), await settling.close(1)]

    assert closed.json() | {"total": 667, "sales": 1, "through": str(day(2))} == closed.json()
    assert [answer.json() for answer in again] == [closed.json()] * 2
    assert [row["Sale"] for row in await settling.rows(1)] == ["old"]
    assert (await settling.open())["total"] == 667
    assert (await settling.close(2)).json()["total"] == 667
    assert [row["Sale"] for row in await settling.rows(2)] == ["new"]


async def test_offline_sale_is_listed_at_its_time(settling):
    await settling.handed_in(2, "basement")
    await settling.sold(key="today")

    closed = (await settling.close(1, day(1))).json()

    (row,) = await settling.rows(1)
    assert (closed["total"], row["Sale"]) == (667, "basement")
    assert row["Date and time"].startswith(str(day(2)))


async def test_late_offline_sale_goes_into_next_period(settling):
    await settling.sold(days_ago=2, key="a")
    first = (await settling.close(1, day(1))).json()

    await settling.handed_in(2, "late")
    second = (await settling.close(2, day(1))).json()

    assert (await settling.close(1)).json() == first
    assert (first["total"], second["total"]) == (667, 667)
    (row,) = await settling.rows(2)
    assert (row["Sale"], row["Date and time"][:10]) == ("late", str(day(2)))
    assert (await settling.open())["total"] == 0


async def test_return_counts_in_period_of_its_arrival(settling):
    await settling.sold(days_ago=2, key="a")
    await settling.shopping.take_back("a", (1, 1, 10000))

    closed = (await settling.close(1, day(1))).json()

    assert (closed["discounts"], closed["returned"], closed["total"]) == (667, 0, 667)
    assert (await settling.open())["total"] == -500


async def test_period_with_wrong_end_is_refused(settling):
    await settling.sold(days_ago=2)

    today = await settling.close(1, day(0))
    ahead = await settling.close(1, day(-5))
    await settling.close(1, day(2))
    earlier = await settling.close(2, day(3))
    other = await settling.close(1, day(1))
    await settling.close(2)
    before_now = await settling.close(3, day(1))

    refused = [today, ahead, earlier, before_now]
    assert [status_and_code(answer) for answer in refused] == [(422, "statement_period_invalid")] * 4
    assert status_and_code(other) == (422, "body_changed")


async def test_period_ends_in_the_shops_time_zone(settling, world):
    await world.db.rows(text("UPDATE shops SET timezone = 'Pacific/Kiritimati'"))  # UTC+14
    far = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()

    assert status_and_code(await settling.close(1, far)) == (422, "statement_period_invalid")
    assert (await settling.close(1, far - timedelta(days=1))).status_code == 200


async def test_till_lists_the_same_periods(settling):
    await settling.sold(days_ago=2)
    await settling.sold()
    await settling.close(1, day(1))

    listed = (await settling.shopping.ask("GET", "statements")).json()

    assert [(row["total"], row["through"]) for row in listed["items"]] == [(667, str(day(1)))]
    assert [row["total"] for row in listed["open"]] == [667]


async def test_agent_feed_has_the_time_of_sale(settling, world):
    agent = await world.account()
    settling.code = await settling.shopping.code(await old_offer(settling.shopping), account=agent)
    await settling.handed_in(2, "basement")

    (row,) = (await world.client.get("/v1/redemptions", headers=bearer(agent))).json()["items"]

    came = datetime.now(UTC) - datetime.fromisoformat(row["at"])
    assert timedelta(days=2) <= came < timedelta(days=2, hours=1)


async def test_concurrent_closings_and_sales_lose_nothing(settling, world):
    await settling.sold(days_ago=3)

    async def closings():
        return [(await settling.close(n, day(3 - n))).json()["total"] for n in (1, 2)] + [
            (await settling.close(3)).json()["total"]
        ]

    async def offline():
        for n in range(8):
            await settling.handed_in(1 + n % 2, f"o{n}")

    totals, _ = await asyncio.gather(closings(), offline())

    assert sum(totals) + (await settling.open())["total"] == (await world.db.call(OWED)).total == 9 * 667


@pytest.mark.parametrize("seed", range(4))
async def test_each_due_is_in_one_period(settling, world, seed):
    chance, sold, number = random.Random(seed), 0, 0
    for step in range(14):
        match chance.choice(["online", "offline", "through", "now"]):
            case "online":
                sold += 1
                await settling.sold(days_ago=chance.randint(0, 2), key=f"s{step}")
            case "offline":
                sold += 1
                await settling.handed_in(chance.randint(1, 2), f"s{step}")
            case "through":
                number += (await settling.close(number + 1, day(chance.randint(1, 3)))).status_code == 200
            case "now":
                number += (await settling.close(number + 1)).status_code == 200
    left = await settling.open()

    held = [row["Sale"] for place in range(1, number + 1) for row in await settling.rows(place)]
    assert len(held) == len(set(held)) == sold - left["sales"]
    totals = [(await settling.close(place)).json()["total"] for place in range(1, number + 1)]
    assert sum(totals) + left["total"] == sold * 667


async def test_ledger_check_compares_periods_with_dues(settling, owner):
    await settling.sold(days_ago=2)
    await settling.handed_in(2, "o")
    await settling.sold()
    await settling.close(1, day(1))
    await settling.close(2)

    assert await owner.rows(text(STATEMENTS)) == []
