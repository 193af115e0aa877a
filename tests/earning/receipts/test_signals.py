"""What fraud rules see in receipts (ledger.md, 6): the lines wait for a person, in shadow they don't."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from tests.earning.receipts.receipt_builders import OTHER_SELLER, Buying, bought, document, goods, qr
from tests.make import World, bearer


async def _signals(world: World) -> list[tuple[str, bool, bool]]:
    async with world.db.begin() as session:
        rows = await session.execute(
            text("SELECT DISTINCT rule, shadow, review_id IS NOT NULL FROM receipt_signals ORDER BY rule")
        )
        return [tuple(row) for row in rows]


SHOP_ZONE = ZoneInfo("Europe/Moscow")


async def _apart(world: World, buying: Buying, account, count: int, minutes: int, **fields) -> list[str]:
    """Send receipts of an agent at different tills, some minutes apart; returns their states."""
    tills = [{"fn": f"99990000000001{n:02}"} | fields for n in range(count)]
    # From two o'clock of yesterday's night on by the shop: no midnight comes between them, whenever the test runs.
    now = datetime.now(SHOP_ZONE)
    begun = int((now - now.replace(hour=2, minute=0, second=0) + timedelta(days=1)).total_seconds() // 60)
    return [
        (await buying.bring(account, document(at=bought(begun - minutes * n), **till)))["status"]
        for n, till in enumerate(tills)
    ]


async def test_more_than_eight_receipts_a_day_are_held(world: World, buying: Buying):
    await goods(world)

    states = await _apart(world, buying, await world.account(), 10, minutes=90)

    assert states == ["credited"] * 8 + ["review"] * 2
    assert await _signals(world) == [("receipt_velocity", False, True)]


async def test_more_than_three_receipts_an_hour_are_held(world: World, buying: Buying):
    await goods(world)

    assert await _apart(world, buying, await world.account(), 4, minutes=15) == ["credited"] * 3 + ["review"]


async def test_more_than_two_of_one_shop_are_held(world: World, buying: Buying):
    await goods(world)
    account = await world.account()

    assert await _apart(world, buying, account, 3, minutes=3) == ["credited"] * 2 + ["review"]


async def test_pending_line_explains_check_without_limits(world: World, buying: Buying):
    await goods(world)
    account = await world.account()

    await _apart(world, buying, account, 3, minutes=3)

    waits = [row for row in await buying.receipts(account) if row["status"] == "review"]
    assert [row["lines"][0]["checks"] for row in waits] == [["many_receipts"]]
    assert waits[0]["next"].startswith("Many receipts were sent close together. This is being checked.")
    assert not any(sign.isdigit() for sign in waits[0]["next"])


async def test_old_receipt_scanned_in_time_is_accepted(world: World, buying: Buying):
    account, found = await world.account(), document(at=bought(minutes=76 * 60))
    scan = {"id": str(uuid4()), "text": qr(found), "taken_at": (datetime.now(UTC) - timedelta(hours=5)).isoformat()}

    answer = await world.client.post("/v1/scans/batch", json={"scans": [scan]}, headers=bearer(account))

    assert [row["status"] for row in answer.json()["items"]] == ["pending"], answer.text


async def test_signals_of_one_agent_are_one_item(world: World, buying: Buying):
    await goods(world)

    await _apart(world, buying, await world.account(), 6, minutes=3, seller_inn=OTHER_SELLER)

    async with world.db.begin() as session:
        items = (await session.execute(text("SELECT points FROM reviews WHERE decided_at IS NULL"))).scalars().all()
    assert items == [80]


async def test_till_share_of_one_agent_is_held(world: World, buying: Buying, number):
    number("receipts_agent_day", 100)
    await goods(world)

    states = await _apart(world, buying, await world.account(), 5, minutes=40, fn="9999000000000001")

    assert states == ["credited"] * 4 + ["review"]
    assert await _signals(world) == [("till_share", False, True)]


@pytest.mark.parametrize("shadow", [True, False])
async def test_rule_in_shadow_holds_nothing(world: World, buying: Buying, number, shadow: bool):
    number("shadow_receipt_velocity", int(shadow))
    await goods(world)

    states = await _apart(world, buying, await world.account(), 4, minutes=15)

    assert states[-1] == ("credited" if shadow else "review")
    assert await _signals(world) == [("receipt_velocity", shadow, not shadow)]


async def test_two_distant_places_are_held(world: World, buying: Buying):
    await goods(world)
    account, at = await world.account(), bought(600)
    await buying.bring(account, document(at=at, region="77", fn="9999000000000002"))

    await buying.bring(account, document(at=at + timedelta(minutes=20), region="25", fn="9999000000000003"))

    assert await _signals(world) == [("two_places", True, False)]


async def test_old_receipt_is_refused_at_once(world: World, buying: Buying):
    account = await world.account()

    answer = (await buying.scan(account, document(at=bought(minutes=76 * 60)))).json()

    assert (answer["status"], answer["reason"]) == ("refused", "too_old")
    assert answer["receipt"]["operation"] == 1
    assert await buying.receipts(account) == []


async def test_receipt_of_tomorrow_is_refused_at_once(world: World, buying: Buying):
    answer = (await buying.scan(await world.account(), document(at=bought(minutes=-26 * 60)))).json()

    assert (answer["status"], answer["reason"]) == ("refused", "in_future")
