"""Tills without a network: signed offers, a queue in any order, and who bears what."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from sqlalchemy import text

from backend.programmes.rules import Percent, Promo
from tests.checkout.offline_till import OfflineTill
from tests.checkout.shopping import BASKET, line

DUES = text("SELECT coalesce(sum(amount), 0)::bigint AS owed FROM dues")


async def along(shopping) -> OfflineTill:
    return OfflineTill((await shopping.ask("GET", "offers")).json())


async def hand_in(shopping, till: OfflineTill):
    answer = await shopping.ask("POST", "sales/batch", {"sales": till.waiting})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_a_till_sells_by_signed_offers_and_hands_in_later(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(), account=agent)
    till = await along(shopping)
    given = [till.sell(f"s{number}", code, BASKET) for number in range(3)]
    till.waiting.reverse()

    first = await hand_in(shopping, till)
    again = await hand_in(shopping, till)

    assert given == [667] * 3
    assert [(row["status"], row["repaid"]) for row in first] == [("sold", 667)] * 3
    assert again == first
    assert (await world.home(agent))["wallets"][0]["pending"] == 3 * 1267


async def test_an_altered_download_is_found_by_the_till(shopping):
    await shopping.code(await shopping.offer())
    download = (await shopping.ask("GET", "offers")).json()
    head, body, signature = download["jws"].split(".")

    with pytest.raises(InvalidSignature):
        OfflineTill(download | {"jws": f"{head}.{body[:-2]}Ab.{signature}"})


async def test_an_unchanged_download_costs_nothing(shopping, world):
    await shopping.code(await shopping.offer())
    first = await shopping.ask("GET", "offers")

    headers = shopping.till | {"If-None-Match": first.headers["etag"]}
    again = await world.client.get("/v1/till/offers", headers=headers)

    assert (again.status_code, again.content) == (304, b"")


async def test_the_first_of_two_tills_gets_the_last_use_and_the_brand_repays_the_other(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(Promo(Percent(500), uses=1)), account=agent)
    till = await along(shopping)
    now = datetime.now(UTC)
    till.sell("late", code, BASKET, now - timedelta(hours=1))
    till.sell("early", code, BASKET, now - timedelta(hours=2))

    late, early = await hand_in(shopping, till)

    assert (early["status"], early["repaid"]) == ("sold", 667)
    assert (late["status"], late["repaid"], late["conflicts"][0]["reason"]) == ("conflict", 667, "spent")
    # The agent is paid for the use that was there; the shop gets back both discounts.
    assert (await world.home(agent))["wallets"][0]["pending"] == 1267
    assert (await world.db.call(DUES)).owed == 2 * 667


async def test_beyond_the_bound_the_shop_bears_the_loss(shopping, world, number):
    number("offline_loss_per_till", 1000)
    code = await shopping.code(await shopping.offer(Promo(Percent(500), uses=1)))
    till = await along(shopping)
    till.loss_left = 10**9  # a till that does not keep to its bound
    for each in range(3):
        till.sell(f"s{each}", code, BASKET)

    rows = await hand_in(shopping, till)

    assert [(row["status"], row["repaid"]) for row in rows] == [("sold", 667), ("conflict", 667), ("conflict", 0)]
    assert (await world.db.call(DUES)).owed == 2 * 667


async def test_a_till_that_keeps_to_its_bound_stops_giving(shopping):
    code = await shopping.code(await shopping.offer())
    till = await along(shopping)
    till.loss_left = 1000

    assert [till.sell(f"s{number}", code, BASKET) for number in range(3)] == [667, 0, 0]
    assert [row["status"] for row in await hand_in(shopping, till)] == ["sold"] * 3


async def test_what_cannot_be_settled_says_why_and_records_nothing(shopping, world):
    code = await shopping.code(await shopping.offer())
    now = datetime.now(UTC)
    sale = {"codes": [code], "basket": [line(1, 1000)], "discount": 50, "taken_at": now.isoformat()}
    sales = [
        sale | {"id": "old", "taken_at": "2000-01-01T00:00:00Z"},
        sale | {"id": "tomorrow", "taken_at": (now + timedelta(days=1)).isoformat()},
        sale | {"id": "less", "discount": 49},
        sale | {"id": "unknown", "codes": ["НЕТТАКОГО"]},
        sale | {"id": "more", "discount": 60},
    ]

    rows = (await shopping.ask("POST", "sales/batch", {"sales": sales})).json()["items"]

    told = [
        (
            row["status"],
            row["repaid"],
            [row["reason"]] if "reason" in row else [x["reason"] for x in row.get("conflicts", [])],
        )
        for row in rows
    ]
    assert told == [
        ("refused", 0, ["taken_at_unlikely"]),
        ("refused", 0, ["taken_at_unlikely"]),
        ("refused", 0, ["gave_less"]),
        ("conflict", 0, ["unknown"]),
        ("conflict", 50, []),
    ]
    assert (await world.db.call(DUES)).owed == 50


async def test_a_till_takes_along_no_product_that_was_archived(shopping, world):
    gone, kept = [await world.product(shopping.programme.brand_id, sku=sku) for sku in ("GONE", "KEPT")]
    code = await shopping.code(await shopping.offer(products=frozenset({gone.id, kept.id})))
    await world.db.rows(text("UPDATE products SET archived_at = now() WHERE sku = 'GONE'"))
    till, basket = await along(shopping), [line(1, 10000, sku="GONE"), line(2, 10000, sku="KEPT")]

    given = till.sell("one", code, basket)
    (row,) = await hand_in(shopping, till)

    assert (given, row["status"], row["repaid"]) == (500, "sold", 500)


async def test_a_loss_beyond_all_bounds_is_the_shops(shopping):
    code = await shopping.code(await shopping.offer(Promo(Percent(10_000), uses=1)))
    await shopping.sell(code)
    sale = {"id": "one", "taken_at": datetime.now(UTC).isoformat(), "codes": [code], "basket": [line(1, 10**12)],
            "discount": 10**12}  # fmt: skip

    answer = await shopping.ask("POST", "sales/batch", {"sales": [sale]})

    assert answer.status_code == 200, answer.text
    assert [(row["status"], row["repaid"]) for row in answer.json()["items"]] == [("conflict", 0)]
