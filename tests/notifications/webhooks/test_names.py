"""External names for the ids in events."""

import pytest

from tests.checkout.till_client import Shopping, line
from tests.make import World
from tests.notifications.webhooks.conftest import make_hook
from tests.spending.scenario import SpendingScenario


@pytest.fixture
async def programme(world: World, brand):
    return await world.programme(await world.brand_of(brand), currency="RUB")


async def delivered_data(hook, receiver, kind: str) -> dict:
    await hook.work()
    return next(one["data"] for one in (got.verified(hook.secret) for got in receiver.got) if one["type"] == kind)


async def test_redemption_event_has_code_and_shop(world, programme, hook, receiver):
    shop = await world.shop(programme.brand_id)
    shopping = Shopping(world, programme, shop, await world.till(shop=shop))
    word = await shopping.code(await shopping.offer(), account=await world.account())
    await shopping.sell(word, basket=[line(1, 10000)])

    data = await delivered_data(hook, receiver, "promo.redeemed")

    assert (data["code"], data["shop"], data["shop_number"]) == (word, f"shop-{int(shop.number)}", shop.number)
    assert {"redemption", "code_id", "shop_id", "base", "discount", "bonus"} <= data.keys()


async def test_claim_event_has_batch_and_sku(world, programme, hook, receiver):
    product = await world.product(programme.brand_id)
    await world.campaign(programme)
    batch = await world.batch(programme, product)
    await world.scan(await world.account(), world.codes_of(batch)[0])

    data = await delivered_data(hook, receiver, "package.claimed")

    assert (data["batch"], data["sku"]) == (str(batch.key), product.sku)


async def test_order_event_has_the_agents_id(world, client, programme, hook, brand, receiver):
    spending = SpendingScenario(world, programme)
    offer = await spending.offer()
    await spending.stock(offer, 1)

    order = (await spending.order(await spending.agent(10_000), offer)).json()
    data = await delivered_data(hook, receiver, "order.done")
    stored = (await brand.get(f"/v1/console/orders/{data['order']}")).json()

    assert data["order_key"] == order["id"] == stored["key"]
    assert order["number"] == data["order"] == stored["id"]


async def test_event_of_another_brand_has_no_names(world, programme, db, private, receiver, hook):
    other = await world.staff()
    theirs = await make_hook(other, db, private, receiver.url, "theirs")
    await world.campaign(programme)
    await world.scan(
        await world.account(), world.codes_of(await world.batch(programme, await world.product(programme.brand_id)))[0]
    )

    await theirs.work()

    assert await theirs.log() == []
