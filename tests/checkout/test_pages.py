"""The token in a web shop's pages cannot harm others. Each visitor has separate limits."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from backend.programmes.rules.rule import PercentAmount, Promo
from tests.checkout.till_client import BASKET, line
from tests.make import caller

ORIGINS = ["https://shop.example"]
WRONG = [f"AAAA{n}" for n in range(10)]
COUNTED = text("SELECT key, count FROM counters WHERE key LIKE 'promo:%' ORDER BY key")
FORWARD = text("UPDATE counters SET ends_at = ends_at - interval '7 minutes'")
LATE = text("UPDATE reservations SET expires_at = now() - interval '1 second'")


class Visitor:
    """A visitor with the page's token and another address."""

    def __init__(self, app, page, host):
        self.client = caller(app, host, **page)

    async def quote(self, *codes):
        return await self.client.post("/v1/till/quotes", json={"codes": codes, "basket": BASKET})

    async def reserve(self, key, code, **more):
        body = {"codes": [code], "basket": BASKET} | more
        return await self.client.put(f"/v1/till/reservations/{key}", json=body)

    async def release(self, key, secret=None):
        headers = {} if secret is None else {"Scanback-Release": secret}
        return await self.client.delete(f"/v1/till/reservations/{key}", headers=headers)


@pytest.fixture
async def page(shopping, world):
    return await world.till(shop=shopping.shop, kind="web", origins=ORIGINS)


@pytest.fixture
def visitor(app, page):
    return lambda number: Visitor(app, page, f"192.0.{number}.7")


def status_and_code(answer):
    return answer.status_code, answer.json().get("code")


async def test_wrong_codes_of_visitor_do_not_limit_others(shopping, visitor):
    code = await shopping.code(await shopping.offer())
    guesser, buyer = visitor(1), visitor(2)

    guesses = [await guesser.quote(*WRONG) for _ in range(7)]
    right = [await guesser.quote(code), await guesser.quote(), await buyer.quote(code), await buyer.quote("AAAAB")]

    assert [answer.status_code for answer in guesses] == [200] * 5 + [429] * 2
    assert [answer.status_code for answer in right] == [200] * 4
    assert right[0].json()["discount"] == 667


async def test_full_window_has_remaining_retry_after(visitor, world):
    guesser = visitor(1)
    for _ in range(5):
        await guesser.quote(*WRONG)
    first = await guesser.quote("AAAAB")
    await world.db.rows(FORWARD)

    later = await guesser.quote("AAAAB")

    assert 590 < int(first.headers["Retry-After"]) <= 600
    assert 170 < int(later.headers["Retry-After"]) <= 180


async def test_wrong_codes_do_not_limit_right_baskets(shopping):
    code = await shopping.code(await shopping.offer())
    for _ in range(5):
        await shopping.quote(*WRONG)

    wrong = await shopping.sell("AAAAB")
    sold = await shopping.sell(code)

    assert status_and_code(wrong) == (429, "too_many_requests")
    assert int(wrong.headers["Retry-After"]) > 500
    assert sold.status_code == 200


async def test_guesses_beyond_the_limit_reveal_nothing(shopping, visitor, number, world):
    number("wrong_promo_codes_stop", 60)
    code = await shopping.code(await shopping.offer())
    guesser, buyer = visitor(1), visitor(2)
    for _ in range(6):
        await guesser.quote(*WRONG)

    stopped = [await guesser.quote(code), await guesser.quote("AAAAB")]
    counted = {row.key: row.count for row in await world.db.rows(COUNTED)}

    assert [status_and_code(answer) for answer in stopped] == [(429, "too_many_requests")] * 2
    assert [(await guesser.quote()).status_code, (await buyer.quote(code)).status_code] == [200, 200]
    assert counted["promo:visitor:192.0.1.0/24"] == 60


async def test_visitors_of_a_page_share_a_limit(shopping, visitor, number):
    number("wrong_promo_codes_per_web_till", 20)
    code = await shopping.code(await shopping.offer())
    for n in range(2):
        await visitor(n).quote(*WRONG)

    answers = [await visitor(5).quote("AAAAB"), await visitor(5).quote(code)]

    assert [answer.status_code for answer in answers] == [429, 200]


async def test_sale_with_page_token_is_refused_first(shopping, page, world):
    answer = await shopping.ask("PUT", "sales/a", {"codes": WRONG, "basket": BASKET}, till=page)

    assert status_and_code(answer) == (403, "token_in_pages")
    assert await world.db.rows(COUNTED) == []


# Written out: test processes must agree on the names of tests. Of versions 1 (a clock's) and 4.
TIMED, RANDOM = "abc9f24c-ec6b-11f1-92d7-02fc00000001", "4a4e4ee8-9a69-47a3-97c5-9df4024ef0e7"


@pytest.mark.parametrize(
    "key",
    ["cart-17", "1", TIMED, "00000000-0000-0000-0000-000000000001", RANDOM.replace("-", ""), f"{RANDOM}x"],
)
async def test_page_reservation_with_guessable_id_is_refused(shopping, visitor, key):
    code = await shopping.code(await shopping.offer())

    assert status_and_code(await visitor(1).reserve(key, code)) == (422, "reservation_id_invalid")


@pytest.mark.parametrize("key", [RANDOM, RANDOM.upper(), "01949e0a-7b3c-7d2e-9c41-5a6b7c8d9e0f"])
async def test_page_reservation_with_random_uuid_is_accepted(shopping, visitor, key):
    code = await shopping.code(await shopping.offer())

    assert (await visitor(1).reserve(key, code)).status_code == 200


async def test_page_reservation_expires_after_half_an_hour(shopping, visitor):
    code = await shopping.code(await shopping.offer())

    reserved = (await visitor(1).reserve(uuid4(), code, seconds=86_400)).json()
    short = (await visitor(1).reserve(uuid4(), code, seconds=60)).json()
    own = (await shopping.ask("PUT", "reservations/a", {"codes": [code], "basket": BASKET, "seconds": 86_400})).json()

    assert [lives(row) for row in (reserved, short, own)] == [30, 1, 1440]


def lives(row):
    """Minutes, rounded."""
    left = datetime.fromisoformat(row["expires_at"]) - datetime.now(UTC)
    return round(left / timedelta(minutes=1))


async def test_page_reservation_is_released_by_its_visitor(shopping, visitor):
    code = await shopping.code(await shopping.offer(Promo(PercentAmount(500), uses=1)))
    maker, other, key = visitor(1), visitor(2), str(uuid4())
    made = await maker.reserve(key, code)
    secret = made.json()["release"]
    own = (await other.reserve(uuid4(), await shopping.code(await shopping.offer()))).json()["release"]

    foreign = [await other.release(key, given) for given in (None, "", "x", own)]
    nothing = await other.release(uuid4(), "x")
    squatted = await other.reserve(key, code, basket=[line(1, 5)])
    again = await maker.reserve(key, code)
    quoted = await shopping.quote(code)
    released = await maker.release(key, secret)

    assert [status_and_code(answer) for answer in [*foreign, nothing]] == [(403, "release_forbidden")] * 5
    assert status_and_code(squatted) == (422, "body_changed")
    assert again.json() == made.json()
    assert quoted["refused"][0]["reason"] == "spent"
    assert released.status_code == 204
    assert (await shopping.quote(code))["discount"] == 667


async def test_secret_till_releases_reservation_by_id(shopping):
    code = await shopping.code(await shopping.offer())

    reserved = await shopping.ask("PUT", "reservations/cart-17", {"codes": [code], "basket": BASKET})

    assert "release" not in reserved.json()
    assert (await shopping.ask("DELETE", "reservations/cart-17")).status_code == 204


async def test_visitor_cannot_reserve_every_use(shopping, visitor, number, world):
    number("open_reservations_per_visitor", 3)
    code = await shopping.code(await shopping.offer(Promo(PercentAmount(500), uses=10)))
    greedy, buyer = visitor(1), visitor(2)

    at_once = await asyncio.gather(*(greedy.reserve(uuid4(), code) for _ in range(8)))
    reserved = [answer.json() for answer in at_once if answer.status_code == 200]
    refused = {status_and_code(answer) for answer in at_once if answer.status_code != 200}
    again, other = await greedy.reserve(reserved[0]["id"], code), await buyer.reserve(uuid4(), code)
    await greedy.release(reserved[0]["id"], reserved[0]["release"])
    freed, full = await greedy.reserve(uuid4(), code), await greedy.reserve(uuid4(), code)
    await world.db.rows(LATE)
    lapsed = await greedy.reserve(uuid4(), code)

    assert (len(reserved), refused) == (3, {(409, "reservations_too_many")})
    assert [row.status_code for row in (again, other, freed, full, lapsed)] == [200, 200, 200, 409, 200]


async def test_pages_of_a_shop_share_a_limit(shopping, visitor, number):
    number("open_reservations_per_web_till", 2)
    code = await shopping.code(await shopping.offer())

    answers = [await visitor(n).reserve(uuid4(), code) for n in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 409]


async def test_shift_with_page_token_is_refused(shopping, page):
    answers = [
        await shopping.ask("PUT", "shift", {"cashier": "anna", "pin": "4071"}, till=page),
        await shopping.ask("DELETE", "shift", till=page),
    ]

    assert [status_and_code(answer) for answer in answers] == [(403, "token_in_pages")] * 2
