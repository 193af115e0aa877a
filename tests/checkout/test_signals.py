"""Signals of fraud rules over a day, and who may read them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from backend.shops.models import Cashier
from tests.checkout.till_client import line

YESTERDAY = text("UPDATE redemptions SET at = at - interval '1 day'")
SIGNALS = text("SELECT checkout_signals(:start, :end, 20, true) AS written")
STAND = text("UPDATE tills SET cashier_id = :cashier, shift_ends_at = now() + interval '1 hour' WHERE shop_id = :shop")


async def write_signals(world) -> int:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (await world.db.call(SIGNALS, start=today - timedelta(days=1), end=today)).written


async def sell_as(shopping, cashier, code, count, word):
    await shopping.world.db.rows(STAND, cashier=cashier.id, shop=shopping.shop.id)
    for number in range(count):
        await shopping.sell(code, key=f"{word}{number}", basket=[line(1, 1000)])


async def test_cashier_far_above_median_has_one_signal(shopping, world):
    code = await shopping.code(await shopping.offer())
    anna, boris, vera = [await world.add(Cashier(shop_id=shopping.shop.id, key=key)) for key in ("a", "b", "v")]
    for cashier, count, word in ((anna, 25, "a"), (boris, 3, "b"), (vera, 5, "v")):
        await sell_as(shopping, cashier, code, count, word)
    await world.db.rows(YESTERDAY)

    written = [await write_signals(world), await write_signals(world)]

    assert written == [1, 0]
    staff = await world.staff(await world.brand_by_id(shopping.programme.brand_id), "reviewer")
    (signal,) = (await staff.get("/v1/console/fraud-signals")).json()["items"]
    assert (signal["rule"], signal["shadow"]) == ("cashier_share", True)
    assert signal["inputs"]["redemptions"] == 25
    assert signal["inputs"]["median"] == 5


async def test_till_with_one_agent_has_a_signal(shopping, world):
    offer = await shopping.offer()
    often = await shopping.code(offer, account=await world.account())
    once = await shopping.code(offer, account=await world.account())
    for number in range(21):
        await shopping.sell(often, key=f"s{number}", basket=[line(1, 1000)])
    await shopping.sell(once, basket=[line(1, 1000)])
    await world.db.rows(YESTERDAY)

    assert await write_signals(world) == 1
    (row,) = await world.db.rows(text("SELECT rule, inputs FROM fraud_signals"))
    assert (row.rule, row.inputs["redemptions"], row.inputs["of"]) == ("one_code", 21, 22)
