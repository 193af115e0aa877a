"""The rate of a programme: points for a rouble, by day."""

import asyncio
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from tests.make import World
from tests.spending.scenario import spending_scenario

TODAY = datetime.now(ZoneInfo("Europe/Moscow")).date()  # the programme's


@pytest.fixture
async def points(world: World):
    return await spending_scenario(world, currency="PTS", key="club")


@pytest.fixture
async def manager(world: World, points):
    return await world.staff(await world.brand_by_id(points.programme.brand_id), "manager")


def path(day: date) -> str:
    return f"/v1/console/programmes/club/rates/{day}"


async def put(manager, day, per_rouble=10, source="Order 14"):
    return await manager.put(path(day), {"per_rouble": per_rouble, "source": source})


def status_and_code(answer):
    return answer.status_code, answer.json().get("code")


async def test_rates_are_set_by_day_and_listed(manager):
    days = [TODAY - timedelta(days=30), TODAY + timedelta(days=30)]
    for day in days:
        answer = await put(manager, day)
        assert answer.json() == {"start": str(day), "per_rouble": 10, "source": "Order 14"}

    listed = (await manager.get("/v1/console/programmes/club/rates")).json()["items"]

    assert [row["start"] for row in listed] == [str(day) for day in reversed(days)]


async def test_rate_used_by_orders_cannot_change(world, manager, points):
    used = TODAY - timedelta(days=5)
    await put(manager, used)
    account, offer = await points.agent(100_000), await points.offer("instant", kind="charity")
    ordered = await points.order(account, offer)

    answers = [
        await put(manager, used, per_rouble=11),
        await put(manager, TODAY - timedelta(days=1), per_rouble=11),
        await put(manager, TODAY, per_rouble=11),
        await put(manager, used),
        await put(manager, used, source="Order 14 of May"),
        await put(manager, TODAY + timedelta(days=1), per_rouble=11),
        await put(manager, used - timedelta(days=9), per_rouble=11),
    ]

    assert ordered.status_code in (200, 201), ordered.text
    assert (ordered.json()["status"], ordered.json()["price"]) == ("done", 100)
    assert [status_and_code(answer) for answer in answers[:3]] == [(409, "rate_used")] * 3
    assert [answer.status_code for answer in answers[3:]] == [200] * 4
    assert answers[4].json()["source"] == "Order 14 of May"


async def test_orders_without_the_rate_do_not_fix_it(manager, points):
    await put(manager, TODAY)
    priced, by_rate = await points.offer("instant", kind="charity", price=50), await points.offer("stock")
    await points.order(await points.agent(100_000), priced)
    refused = await points.order(await points.agent(100_000), by_rate)

    answer = await put(manager, TODAY, per_rouble=11)

    assert refused.json()["reason"] == "sold_out"
    assert answer.json()["per_rouble"] == 11


async def test_roubles_have_no_rate(world, manager):
    await world.programme(await world.brand_of(manager), key="roubles", currency="RUB")

    answer = await manager.put(f"/v1/console/programmes/roubles/rates/{TODAY}", {"per_rouble": 1, "source": "x"})

    assert status_and_code(answer) == (409, "rate_of_roubles")


@pytest.mark.parametrize("body", [{"per_rouble": 0, "source": "x"}, {"per_rouble": 1}, {"per_rouble": 1, "source": ""}])
async def test_nonsense_is_refused(manager, body):
    assert (await manager.put(path(TODAY), body)).status_code == 400
    assert (await manager.put(path(TODAY).replace(str(TODAY), "2026-02-30"), body)).status_code in (400, 404)


async def test_concurrent_rate_changes_are_both_audited(world, manager):
    answers = await asyncio.gather(*(put(manager, TODAY, per_rouble=number) for number in (10, 20)))

    assert [answer.status_code for answer in answers] == [200, 200]
    (rate,) = (await manager.get("/v1/console/programmes/club/rates")).json()["items"]
    assert rate["per_rouble"] in (10, 20)
    assert (await world.db.call(text("SELECT count(*) FROM events WHERE kind = 'rate.put'"))).count == 2
