"""What the process remembers of codes and tokens must never pay what the database would not."""

import pytest
from sqlalchemy import text

from tests.make import World

END = text("""
    UPDATE devices SET ended_at = now() WHERE account_id = (SELECT id FROM accounts WHERE card_number = :card)
""")


@pytest.fixture
async def shop(world: World):
    """A batch that pays ten per cent of its product's price, and the manager who may change all that."""
    manager = await world.staff(role="manager")
    programme = await world.programme(await world.brand_of(manager))
    product = await world.product(manager.brand_id, price=10000)
    await world.campaign(programme, world.percent(1000))
    return manager, product, await world.batch(programme, product)


async def test_ended_cached_device_is_unauthorized(world: World):
    (code, other, *_) = await world.codes()
    account = await world.account()
    await world.scan(account, code)
    await world.db.rows(END, card=account.card_number)

    response = await world.scan(account, other)

    assert response.status_code == 401
    again = await world.scan(await world.account(), other)
    assert again.json()["status"] == "credited"


async def test_ended_device_gets_no_stored_response(world: World):
    (code, *_) = await world.codes()
    account = await world.account()
    first = await world.scan(account, code)
    await world.db.rows(END, card=account.card_number)

    again = await world.scan(account, code, first.json()["id"])

    assert again.status_code == 401


async def test_revoked_cached_batch_pays_nothing(world: World, shop):
    manager, _, batch = shop
    codes, account = world.codes_of(batch), await world.account()
    await world.scan(account, codes[0])
    await manager.put(f"/v1/console/batches/{batch.key}/ranges/51-100", {"state": "revoked"})

    answers = [(await world.scan(account, codes[place])).json() for place in (49, 50, 99, 1)]

    outcomes = [answer.get("reason", answer["status"]) for answer in answers]
    assert outcomes == ["credited", "revoked", "revoked", "credited"]


async def test_cached_product_is_paid_by_new_price(world: World, shop):
    manager, product, batch = shop
    codes, account = world.codes_of(batch), await world.account()
    await world.scan(account, codes[0])
    await manager.put(f"/v1/console/products/{product.sku}", {"name_ru": "Розетка", "price": 30000})

    answers = [(await world.scan(account, code)).json() for code in codes[1:3]]

    assert [answer["amount"] for answer in answers] == [3000, 3000]


async def test_unissued_code_beside_cached_codes_is_unknown(world: World, shop):
    _, _, batch = shop
    codes, account = world.codes_of(batch), await world.account()
    batch.count += 1
    beyond = world.codes_of(batch)[-1]
    await world.scan(account, codes[0])

    answer = (await world.scan(account, beyond)).json()

    assert (answer["status"], answer["reason"]) == ("refused", "unknown_code")
