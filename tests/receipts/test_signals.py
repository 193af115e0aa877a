"""What fraud rules see in receipts (ledger.md, 6): the lines wait for a person, in shadow they don't."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.make import World
from tests.receipts.buying import OTHER_SELLER, Buying, bought, document, goods


async def _signals(world: World) -> list[tuple[str, bool, bool]]:
    async with world.db.begin() as session:
        rows = await session.execute(
            text("SELECT DISTINCT rule, shadow, review_id IS NOT NULL FROM receipt_signals ORDER BY rule")
        )
        return [tuple(row) for row in rows]


async def _apart(world: World, buying: Buying, account, count: int, minutes: int, **fields) -> list[str]:
    """Receipts of an agent at as many tills, so many minutes apart; how each stands."""
    tills = [{"fn": f"99990000000001{n:02}"} | fields for n in range(count)]
    return [
        (await buying.bring(account, document(at=bought(2000 - minutes * n), **till)))["status"]
        for n, till in enumerate(tills)
    ]


async def test_more_than_eight_receipts_a_day_wait_for_a_person(world: World, buying: Buying):
    await goods(world)

    states = await _apart(world, buying, await world.account(), 10, minutes=90)

    assert states == ["credited"] * 8 + ["review"] * 2
    assert await _signals(world) == [("receipt_velocity", False, True)]


async def test_more_than_three_an_hour_wait(world: World, buying: Buying):
    await goods(world)

    assert await _apart(world, buying, await world.account(), 4, minutes=15) == ["credited"] * 3 + ["review"]


async def test_more_than_two_of_one_shop_within_ten_minutes_wait(world: World, buying: Buying):
    await goods(world)
    account = await world.account()

    assert await _apart(world, buying, account, 3, minutes=3) == ["credited"] * 2 + ["review"]


async def test_all_of_an_agents_doubts_are_one_item_of_the_queue(world: World, buying: Buying):
    await goods(world)

    await _apart(world, buying, await world.account(), 6, minutes=3, seller_inn=OTHER_SELLER)

    async with world.db.begin() as session:
        items = (await session.execute(text("SELECT points FROM reviews WHERE decided_at IS NULL"))).scalars().all()
    assert items == [80]


async def test_a_till_whose_receipts_go_to_one_agent_is_looked_at(world: World, buying: Buying, number):
    number("receipts_agent_day", 100)
    await goods(world)

    states = await _apart(world, buying, await world.account(), 5, minutes=40, fn="9999000000000001")

    assert states == ["credited"] * 4 + ["review"]
    assert await _signals(world) == [("till_share", False, True)]


@pytest.mark.parametrize("shadow", [True, False])
async def test_a_rule_in_shadow_only_takes_note(world: World, buying: Buying, number, shadow: bool):
    number("shadow_receipt_velocity", int(shadow))
    await goods(world)

    states = await _apart(world, buying, await world.account(), 4, minutes=15)

    assert states[-1] == ("credited" if shadow else "review")
    assert await _signals(world) == [("receipt_velocity", shadow, not shadow)]


async def test_two_places_too_far_apart_for_the_time_are_seen(world: World, buying: Buying):
    await goods(world)
    account, at = await world.account(), bought(600)
    await buying.bring(account, document(at=at, region="77", fn="9999000000000002"))

    await buying.bring(account, document(at=at + timedelta(minutes=20), region="25", fn="9999000000000003"))

    assert await _signals(world) == [("two_places", True, False)]


async def test_an_old_receipt_is_refused_at_once(world: World, buying: Buying):
    account = await world.account()

    answer = (await buying.scan(account, document(at=bought(minutes=76 * 60)))).json()

    assert (answer["status"], answer["reason"]) == ("refused", "too_old")
    assert answer["receipt"]["operation"] == 1
    assert await buying.receipts(account) == []


async def test_a_receipt_of_tomorrow_is_refused_at_once(world: World, buying: Buying):
    answer = (await buying.scan(await world.account(), document(at=bought(minutes=-26 * 60)))).json()

    assert (answer["status"], answer["reason"]) == ("refused", "in_future")
