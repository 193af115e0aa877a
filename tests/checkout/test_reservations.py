"""Reservations: uses of codes that are held for a basket."""

from uuid import uuid4

from sqlalchemy import text

from backend.programmes.rules.rule import PercentAmount, Promo
from tests.checkout.till_client import BASKET, line

LATE = text("UPDATE reservations SET expires_at = now() - interval '1 second'")


async def reserve(shopping, key, code, **more):
    return await shopping.ask("PUT", f"reservations/{key}", {"codes": [code], "basket": BASKET} | more)


async def last_one(shopping):
    return await shopping.code(await shopping.offer(Promo(PercentAmount(500), uses=1, uses_per_shop_day=1)))


async def test_reserved_use_is_refused_to_others(shopping):
    code = await last_one(shopping)

    reserved = await reserve(shopping, "cart", code)
    other = await shopping.sell(code)
    own = await shopping.sell(code, reservation="cart")

    assert (reserved.status_code, reserved.json()["state"], reserved.json()["discount"]) == (200, "open", 667)
    assert other.status_code == 409
    assert own.status_code == 200
    assert (await shopping.sell(code)).status_code == 409


async def test_repeated_reservation_gets_first_response(shopping):
    code = await last_one(shopping)

    first = await reserve(shopping, "cart", code)
    again = await reserve(shopping, "cart", code)
    changed = await reserve(shopping, "cart", code, basket=[line(1, 5)])

    assert again.json() == first.json()
    assert changed.status_code == 422


async def test_repeated_reservation_after_sale_gets_first_response(shopping):
    code = await last_one(shopping)
    first = await reserve(shopping, "cart", code)
    await shopping.sell(code, reservation="cart")

    again = await reserve(shopping, "cart", code)
    changed = await reserve(shopping, "cart", code, basket=[line(1, 5)])
    other = await reserve(shopping, "other", code)

    assert (again.status_code, again.json()) == (200, first.json() | {"state": "sold"})
    assert (changed.status_code, changed.json()["code"]) == (422, "body_changed")
    assert (other.status_code, other.json()["code"]) == (409, "codes_refused")


async def test_expired_reservation_is_released_by_next_request(shopping, world):
    code = await last_one(shopping)
    await reserve(shopping, "cart", code)
    await world.db.rows(LATE)

    sold = await shopping.sell(code)
    late = await shopping.sell(code, reservation="cart")

    assert (sold.status_code, late.status_code) == (200, 409)


async def test_released_reservation_frees_its_uses(shopping):
    code = await last_one(shopping)
    await reserve(shopping, "cart", code)

    released = [await shopping.ask("DELETE", "reservations/cart") for _ in range(2)]

    assert [answer.status_code for answer in released] == [204, 204]
    assert (await shopping.sell(code)).status_code == 200


async def test_page_reservation_is_sold_only_by_its_shop(shopping, world):
    code = await last_one(shopping)
    page = await world.till(shop=shopping.shop, kind="web", origins=["https://shop.example"])
    elsewhere = await world.till(shopping.programme.brand_id)
    body = {"codes": [code], "basket": BASKET}
    cart = str(uuid4())

    reserved = await shopping.ask("PUT", f"reservations/{cart}", body, till=page)
    stolen = await shopping.ask("PUT", "sales/a", body | {"reservation": cart}, till=elsewhere)
    sold = await shopping.sell(code, reservation=cart)
    again = await shopping.ask("PUT", f"reservations/{cart}", body, till=page)

    assert [reserved.status_code, stolen.status_code, sold.status_code] == [200, 409, 200]
    assert again.json()["state"] == "sold"


async def test_open_reservations_of_till_are_limited(shopping, number):
    number("open_reservations_per_till", 2)
    code = await shopping.code(await shopping.offer())

    answers = [await reserve(shopping, f"cart-{n}", code) for n in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 409]
    assert answers[2].json()["code"] == "reservations_too_many"
