"""Uses of codes set aside for a basket."""

import asyncio

from sqlalchemy import text

from backend.programmes.rules import Percent, Promo
from tests.checkout.shopping import BASKET, line

LATE = text("UPDATE reservations SET expires_at = now() - interval '1 second'")


async def reserve(shopping, key, code, **more):
    return await shopping.ask("PUT", f"reservations/{key}", {"codes": [code], "basket": BASKET} | more)


async def last_one(shopping):
    return await shopping.code(await shopping.offer(Promo(Percent(500), uses=1, uses_per_shop_day=1)))


async def test_a_reserved_use_is_nobody_elses(shopping):
    code = await last_one(shopping)

    kept = await reserve(shopping, "cart", code)
    other = await shopping.sell(code)
    own = await shopping.sell(code, reservation="cart")

    assert (kept.status_code, kept.json()["state"], kept.json()["discount"]) == (200, "open", 667)
    assert other.status_code == 409
    assert own.status_code == 200
    assert (await shopping.sell(code)).status_code == 409


async def test_the_same_reservation_again_gets_the_first_answer(shopping):
    code = await last_one(shopping)

    first = await reserve(shopping, "cart", code)
    again = await reserve(shopping, "cart", code)
    changed = await reserve(shopping, "cart", code, basket=[line(1, 5)])

    assert again.json() == first.json()
    assert changed.status_code == 422


async def test_a_reservation_that_was_sold_still_gets_its_first_answer(shopping):
    code = await last_one(shopping)
    first = await reserve(shopping, "cart", code)
    await shopping.sell(code, reservation="cart")

    again = await reserve(shopping, "cart", code)
    changed = await reserve(shopping, "cart", code, basket=[line(1, 5)])
    other = await reserve(shopping, "other", code)

    assert (again.status_code, again.json()) == (200, first.json() | {"state": "sold"})
    assert (changed.status_code, changed.json()["code"]) == (422, "body_changed")
    assert (other.status_code, other.json()["code"]) == (409, "codes_refused")


async def test_what_lapses_is_free_again_at_the_next_touch(shopping, world):
    code = await last_one(shopping)
    await reserve(shopping, "cart", code)
    await world.db.rows(LATE)

    sold = await shopping.sell(code)
    late = await shopping.sell(code, reservation="cart")

    assert (sold.status_code, late.status_code) == (200, 409)


async def test_what_is_given_back_is_free_at_once(shopping):
    code = await last_one(shopping)
    await reserve(shopping, "cart", code)

    released = [await shopping.ask("DELETE", "reservations/cart") for _ in range(2)]

    assert [answer.status_code for answer in released] == [204, 204]
    assert (await shopping.sell(code)).status_code == 200


async def test_what_a_page_reserved_its_shops_server_sells_and_no_other_shop(shopping, world):
    code = await last_one(shopping)
    page = await world.till(shop=shopping.shop, kind="web", origins=["https://shop.example"])
    elsewhere = await world.till(shopping.programme.brand_id)
    body = {"codes": [code], "basket": BASKET}

    kept = await shopping.ask("PUT", "reservations/cart", body, till=page)
    stolen = await shopping.ask("PUT", "sales/a", body | {"reservation": "cart"}, till=elsewhere)
    sold = await shopping.sell(code, reservation="cart")
    again = await shopping.ask("PUT", "reservations/cart", body, till=page)

    assert [kept.status_code, stolen.status_code, sold.status_code] == [200, 409, 200]
    assert again.json()["state"] == "sold"


async def test_a_page_cannot_set_every_use_aside(shopping, world, number):
    number("open_reservations_per_till", 3)
    code = await shopping.code(await shopping.offer(Promo(Percent(500), uses=10)))
    page = await world.till(shop=shopping.shop, kind="web", origins=["https://shop.example"])
    body = {"codes": [code], "basket": BASKET}

    async def keep(key, till=page):
        return await shopping.ask("PUT", f"reservations/{key}", body, till=till)

    at_once = await asyncio.gather(*(keep(f"cart-{n}") for n in range(8)))
    kept = [answer.json()["id"] for answer in at_once if answer.status_code == 200]
    refused = {(answer.status_code, answer.json()["code"]) for answer in at_once if answer.status_code != 200}
    again, beside = await keep(kept[0]), await keep("cart", shopping.till)
    await shopping.ask("DELETE", f"reservations/{kept[0]}", till=page)
    freed, full = await keep("next"), await keep("after")
    await world.db.rows(LATE)
    lapsed = await keep("late")

    assert (len(kept), refused) == (3, {(409, "reservations_too_many")})
    assert [row.status_code for row in (again, beside, freed, full, lapsed)] == [200, 200, 200, 409, 200]
