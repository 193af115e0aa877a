"""Links of brands with shops of other keepers: requests, acceptance, debt limits."""

import asyncio

import pytest
from sqlalchemy import text

from backend.programmes.rules.rule import FixedAmount, Promo
from tests.checkout.till_client import Shopping, line
from tests.make import World
from tests.spending.gift_card_till import GiftCardTill

MAIN, THEIRS = "/v1/console/shops/main", "/v1/console/shops/theirs"
BASKET = [line(1, 100_000)]
EVENTS = text("SELECT brand_id, kind, body FROM events WHERE kind LIKE 'shop.%' ORDER BY id")
OWED = text("""
    SELECT l.owed, (SELECT coalesce(sum(CASE d.kind WHEN 1 THEN d.amount ELSE -d.amount END), 0)::bigint FROM dues d
        WHERE d.creditor_id = l.shop_id AND d.debtor_id = l.brand_id) AS dues
    FROM brand_shops l WHERE l.brand_id = :brand
""")


@pytest.fixture
async def keeper(world: World):
    worker = await world.staff()
    await worker.put(MAIN, {"name": "Electrics"})
    return worker


@pytest.fixture
async def guest(world: World):
    return await world.staff()


@pytest.fixture
async def number(keeper):
    return (await keeper.get(MAIN)).json()["number"]


@pytest.fixture
async def till(keeper):
    token = (await keeper.put(f"{MAIN}/tills/first", {})).json()["token"]
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def theirs(world, guest, number, till):
    """The guest's codes at the keeper's till, each with a discount of 100.00."""
    await guest.put(THEIRS, {"number": number})
    programme = await world.programme(await world.brand_of(guest), currency="RUB")
    shopping = Shopping(world, programme, None, till)
    return shopping, await shopping.code(await shopping.offer(Promo(FixedAmount(10_000))))


def brands(keeper, guest):
    return f"{MAIN}/brands/{guest.brand_id}"


def status_and_code(answer):
    return answer.status_code, answer.json().get("code")


async def reason(theirs):
    shopping, code = theirs
    quote = await shopping.quote(code, basket=BASKET)
    return [row["reason"] for row in quote["refused"]]


async def test_codes_of_invited_brand_need_acceptance(keeper, guest, theirs):
    shopping, code = theirs
    before = await reason(theirs)
    refused = await shopping.sell(code, basket=BASKET)
    link = (await guest.get(THEIRS)).json()

    accepted = await keeper.put(brands(keeper, guest), {})
    sold = await shopping.sell(code, basket=BASKET)

    assert (before, status_and_code(refused), link["pending"]) == (["not_here"], (409, "codes_refused"), True)
    assert (accepted.status_code, accepted.json()["state"], accepted.json()["debt_most"]) == (
        200,
        "accepted",
        10_000_000,
    )
    assert (sold.status_code, sold.json()["discount"]) == (200, 10_000)
    assert "pending" not in (await guest.get(THEIRS)).json()


async def test_till_lists_a_brand_after_acceptance(keeper, guest, theirs):
    shopping, _ = theirs
    before = (await shopping.ask("GET", "")).json()["brands"]

    await keeper.put(brands(keeper, guest), {})

    after = (await shopping.ask("GET", "")).json()["brands"]
    assert [row["id"] for row in before] == [keeper.brand_id]
    assert {row["id"] for row in after} == {keeper.brand_id, guest.brand_id}


async def test_link_request_is_listed_and_has_events(keeper, guest, theirs, world):
    links = (await keeper.get(f"{MAIN}/brands")).json()["items"]
    await guest.put(THEIRS, {"number": (await keeper.get(MAIN)).json()["number"]})
    await keeper.put(brands(keeper, guest), {})
    await keeper.put(brands(keeper, guest), {})
    await keeper.delete(brands(keeper, guest))

    recorded = [(row.brand_id, row.kind) for row in await world.db.rows(EVENTS)]
    assert [(row["brand_id"], row["state"], row["owed"]) for row in links] == [(guest.brand_id, "pending", 0)]
    assert recorded.count((keeper.brand_id, "shop.invited")) == 1
    assert recorded.count((guest.brand_id, "shop.accepted")) == 1
    assert recorded.count((guest.brand_id, "shop.declined")) == 1


async def test_declined_brand_requests_again_and_is_pending(keeper, guest, theirs, number):
    declined = [await keeper.delete(brands(keeper, guest)) for _ in range(2)]
    accepted = await keeper.put(brands(keeper, guest), {})

    back = await guest.put(THEIRS, {"number": number})

    assert [answer.status_code for answer in declined] == [204, 204]
    assert accepted.json()["state"] == "ended"
    assert (back.json()["pending"], await reason(theirs)) == (True, ["not_here"])


async def test_repeated_link_requests_create_few_events(keeper, guest, theirs, number, world):
    for _ in range(5):
        await guest.delete(THEIRS)
        await guest.put(THEIRS, {"number": number})

    recorded = [(row.brand_id, row.kind) for row in await world.db.rows(EVENTS)]
    assert recorded.count((keeper.brand_id, "shop.invited")) == 3
    assert (await guest.get(THEIRS)).json()["pending"] is True


async def test_only_keeper_accepts_link(guest, theirs, keeper, world):
    stranger = await world.staff()

    own = await guest.put(f"{THEIRS}/brands/{guest.brand_id}", {})
    others = [await stranger.put(brands(keeper, guest), {}), await keeper.put(f"{MAIN}/brands/{stranger.brand_id}", {})]
    itself = await keeper.put(f"{MAIN}/brands/{keeper.brand_id}", {})

    assert status_and_code(own) == (403, "keeper_only")
    assert [status_and_code(answer) for answer in [*others, itself]] == [
        (404, "shop_unknown"),
        (404, "link_unknown"),
        (404, "link_unknown"),
    ]


async def test_debt_of_a_brand_is_limited(keeper, guest, theirs):
    shopping, code = theirs
    await keeper.put(brands(keeper, guest), {"debt_most": 25_000})
    first = [await shopping.sell(code, basket=BASKET, key=f"s{n}") for n in range(2)]

    refused = await shopping.sell(code, basket=BASKET)
    quote = await shopping.quote(code, basket=BASKET)
    again = await shopping.sell(code, basket=BASKET, key="s0")
    small = await shopping.sell(code, basket=[line(1, 5_000)])

    assert [answer.status_code for answer in first] == [200, 200]
    assert refused.json()["errors"][0]["detail"] == "brand_limit"
    assert quote["refused"][0]["text"].startswith("This brand's codes are not accepted here")
    assert again.json() == first[0].json()
    assert small.json()["discount"] == 5_000


async def test_concurrent_tills_do_not_exceed_the_limit(keeper, guest, theirs, world):
    shopping, code = theirs
    await keeper.put(brands(keeper, guest), {"debt_most": 50_000})

    answers = await asyncio.gather(*(shopping.sell(code, basket=BASKET) for _ in range(12)))

    row = await world.db.call(OWED, brand=guest.brand_id)
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [409] * 7
    assert row.owed == row.dues == 50_000


async def test_returns_and_payments_reduce_the_debt(keeper, guest, theirs, world):
    shopping, code = theirs
    await keeper.put(brands(keeper, guest), {"debt_most": 20_000})
    for n in range(2):
        await shopping.sell(code, basket=BASKET, key=f"s{n}")
    full = await reason(theirs)

    await shopping.take_back("s0", (1, 1, 100_000))
    returned = await reason(theirs)
    await shopping.sell(code, basket=BASKET)
    await guest.ask("PUT", f"{THEIRS}/statements/1")
    closed = await reason(theirs)
    paid = await keeper.ask("PUT", f"{brands(keeper, guest)}/payments/1")
    unknown = await keeper.ask("PUT", f"{brands(keeper, guest)}/payments/2")

    assert (full, returned, closed) == (["brand_limit"], [], ["brand_limit"])
    assert (paid.json()["owed"], paid.json()["paid_statement"]) == (0, 1)
    assert status_and_code(unknown) == (404, "statement_unknown")
    assert await reason(theirs) == []
    row = await world.db.call(OWED, brand=guest.brand_id)
    assert (row.owed, row.dues) == (0, 20_000)


async def test_debt_near_the_limit_creates_one_event(keeper, guest, theirs, world):
    shopping, code = theirs
    await keeper.put(brands(keeper, guest), {"debt_most": 50_000})

    for _ in range(5):
        await shopping.sell(code, basket=BASKET)

    recorded = [row for row in await world.db.rows(EVENTS) if row.kind == "shop.debt_high"]
    assert {row.brand_id for row in recorded} == {keeper.brand_id, guest.brand_id}
    assert [(row.body["owed"], row.body["most"]) for row in recorded] == [(40_000, 50_000)] * 2


async def test_keepers_own_codes_have_no_limit(world, keeper, till):
    shopping = Shopping(world, await world.programme(await world.brand_of(keeper), currency="RUB"), None, till)
    code = await shopping.code(await shopping.offer(Promo(FixedAmount(10_000))))

    assert (await shopping.sell(code, basket=BASKET)).status_code == 200
    row = await world.db.call(OWED, brand=keeper.brand_id)
    assert (row.owed, row.dues) == (0, 10_000)


async def test_link_of_released_data_has_no_limit(world, keeper, till):
    """Its row has only the columns' defaults."""
    other = await world.programme(currency="RUB")
    shop = await world.db.call(text("SELECT id FROM shops WHERE name = 'Electrics'"))
    await world.db.rows(
        text("INSERT INTO brand_shops (brand_id, key, shop_id) VALUES (:brand, 'old', :shop)"),
        brand=other.brand_id,
        shop=shop.id,
    )
    shopping = Shopping(world, other, None, till)
    code = await shopping.code(await shopping.offer(Promo(FixedAmount(10_000))))

    sold = await shopping.sell(code, basket=BASKET)
    listed = (await keeper.get(f"{MAIN}/brands")).json()["items"]
    bounded = await keeper.put(f"{MAIN}/brands/{other.brand_id}", {"debt_most": 10_000})

    assert sold.status_code == 200
    assert [(row["state"], row["owed"], "debt_most" in row) for row in listed] == [("accepted", 10_000, False)]
    assert bounded.json()["owed"] == 10_000
    assert (await shopping.quote(code, basket=BASKET))["refused"][0]["reason"] == "brand_limit"


async def test_offline_sale_may_exceed_the_limit(keeper, guest, theirs, world):
    shopping, code = theirs
    await keeper.put(brands(keeper, guest), {"debt_most": 5_000})
    sale = {"id": "o1", "taken_at": "2026-01-01T00:00:00Z", "discount": 10_000, "codes": [code], "basket": BASKET}
    now = await world.db.call(text("SELECT now() - interval '1 hour' AS at"))
    sale["taken_at"] = now.at.isoformat()

    settled = await shopping.ask("POST", "sales/batch", {"sales": [sale]})

    (row,) = settled.json()["items"]
    assert (row["status"], row["repaid"]) == ("sold", 10_000)
    assert (await world.db.call(OWED, brand=guest.brand_id)).owed == 10_000


async def test_certificate_needs_acceptance_and_respects_limit(world, keeper, guest, theirs):
    redeeming = GiftCardTill(world, theirs[0].programme, None, theirs[0].till)
    code = await redeeming.certificate(30_000)
    before = await redeeming.balance(code)
    await keeper.put(brands(keeper, guest), {"debt_most": 25_000})

    used = await redeeming.take(code, 20_000, key="u")
    refused = await redeeming.take(code, 10_000)
    await redeeming.give_back("u", 15_000)
    after = await redeeming.take(code, 10_000)

    assert status_and_code(before) == (404, "certificate_unknown")
    assert [used.status_code, status_and_code(refused), after.status_code] == [200, (409, "brand_limited"), 200]
    row = await world.db.call(OWED, brand=guest.brand_id)
    assert row.owed == row.dues == 15_000
