"""Offline tills: signed offers, sales sent in any order, and who bears what."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cryptography.exceptions import InvalidSignature
from sqlalchemy import text

from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo
from tests.checkout.sales.offline_till import OfflineTill
from tests.checkout.till_client import BASKET, Shopping, line

DUES = text("SELECT coalesce(sum(amount), 0)::bigint AS owed FROM dues")


async def along(shopping) -> OfflineTill:
    return OfflineTill((await shopping.ask("GET", "offers")).json())


async def hand_in(shopping, till: OfflineTill):
    answer = await shopping.ask("POST", "sales/batch", {"sales": till.waiting})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_offline_till_sells_by_signed_offers(shopping, world):
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


async def test_altered_download_is_rejected_by_the_till(shopping):
    await shopping.code(await shopping.offer())
    download = (await shopping.ask("GET", "offers")).json()
    head, body, signature = download["jws"].split(".")

    with pytest.raises(InvalidSignature):
        OfflineTill(download | {"jws": f"{head}.{body[:-2]}Ab.{signature}"})


async def test_unchanged_download_is_not_modified(shopping, world):
    await shopping.code(await shopping.offer())
    first = await shopping.ask("GET", "offers")

    headers = shopping.till | {"If-None-Match": first.headers["etag"]}
    again = await world.client.get("/v1/till/offers", headers=headers)

    assert (again.status_code, again.content) == (304, b"")


async def test_last_use_at_two_offline_tills_repays_both(shopping, world):
    agent = await world.account()
    code = await shopping.code(await shopping.offer(Promo(PercentAmount(500), uses=1)), account=agent)
    till = await along(shopping)
    now = datetime.now(UTC)
    till.sell("late", code, BASKET, now - timedelta(hours=1))
    till.sell("early", code, BASKET, now - timedelta(hours=2))

    late, early = await hand_in(shopping, till)

    assert (early["status"], early["repaid"]) == ("sold", 667)
    assert (late["status"], late["repaid"], late["conflicts"][0]["reason"]) == ("conflict", 667, "spent")
    # The agent is paid for the one use; the shop gets back both discounts.
    assert (await world.home(agent))["wallets"][0]["pending"] == 1267
    assert (await world.db.call(DUES)).owed == 2 * 667


async def test_offline_loss_over_till_limit_is_borne_by_shop(shopping, world, number):
    number("offline_loss_per_till", 1000)
    code = await shopping.code(await shopping.offer(Promo(PercentAmount(500), uses=1)))
    till = await along(shopping)
    till.loss_left = 10**9  # a till that does not keep to its bound
    for each in range(3):
        till.sell(f"s{each}", code, BASKET)

    rows = await hand_in(shopping, till)

    assert [(row["status"], row["repaid"]) for row in rows] == [("sold", 667), ("conflict", 667), ("conflict", 0)]
    assert (await world.db.call(DUES)).owed == 2 * 667


async def test_repayment_of_more_tills_is_limited_by_shop(shopping, world, number):
    number("offline_loss_per_shop", 1000)
    code = await shopping.code(await shopping.offer(Promo(PercentAmount(500), uses=1)))
    sale = {"codes": [code], "basket": BASKET, "discount": 667, "taken_at": datetime.now(UTC).isoformat()}
    await shopping.sell(code)

    rows = [
        (await shopping.ask("POST", "sales/batch", {"sales": [sale | {"id": "s"}]}, till)).json()["items"][0]
        for till in [await world.till(shop=shopping.shop) for _ in range(3)]
    ]

    assert [(row["status"], row["repaid"]) for row in rows] == [("conflict", 667), ("conflict", 0), ("conflict", 0)]
    assert (await along(shopping)).loss_left == 1000 - 667


async def test_offline_till_at_its_loss_limit_gives_nothing(shopping):
    code = await shopping.code(await shopping.offer())
    till = await along(shopping)
    till.loss_left = 1000

    assert [till.sell(f"s{number}", code, BASKET) for number in range(3)] == [667, 0, 0]
    assert [row["status"] for row in await hand_in(shopping, till)] == ["sold"] * 3


async def test_offline_sale_that_is_refused_has_reason(shopping, world):
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

    results = [
        (
            row["status"],
            row["repaid"],
            [row["reason"]] if "reason" in row else [x["reason"] for x in row.get("conflicts", [])],
        )
        for row in rows
    ]
    assert results == [
        ("refused", 0, ["taken_at_unlikely"]),
        ("refused", 0, ["taken_at_unlikely"]),
        ("refused", 0, ["gave_less"]),
        ("conflict", 0, ["unknown"]),
        ("conflict", 50, []),
    ]
    assert (await world.db.call(DUES)).owed == 50


async def test_download_excludes_archived_products(shopping, world):
    gone, kept = [await world.product(shopping.programme.brand_id, sku=sku) for sku in ("GONE", "KEPT")]
    code = await shopping.code(await shopping.offer(products=frozenset({gone.id, kept.id})))
    await world.db.rows(text("UPDATE products SET archived_at = now() WHERE sku = 'GONE'"))
    till, basket = await along(shopping), [line(1, 10000, sku="GONE"), line(2, 10000, sku="KEPT")]

    given = till.sell("one", code, basket)
    (row,) = await hand_in(shopping, till)

    assert (given, row["status"], row["repaid"]) == (500, "sold", 500)


async def test_offline_loss_over_all_limits_is_borne_by_shop(shopping):
    code = await shopping.code(await shopping.offer(Promo(PercentAmount(10_000), uses=1)))
    await shopping.sell(code)
    sale = {
        "id": "one",
        "taken_at": datetime.now(UTC).isoformat(),
        "codes": [code],
        "basket": [line(1, 10**12)],
        "discount": 10**12,
    }

    answer = await shopping.ask("POST", "sales/batch", {"sales": [sale]})

    assert answer.status_code == 200, answer.text
    assert [(row["status"], row["repaid"]) for row in answer.json()["items"]] == [("conflict", 0)]


@pytest.mark.parametrize("zone", ["Asia/Kamchatka", "America/Los_Angeles", "Etc/GMT+12"])
async def test_day_of_an_offline_sale_is_the_programmes(world, zone):
    """On both sides of midnight there: a daily cap and a shop's daily uses belong to the day of the sale."""
    programme = await world.programme(currency="RUB", timezone=zone)
    shop = await world.shop(programme.brand_id)
    shopping = Shopping(world, programme, shop, await world.till(shop=shop))
    promo = Promo(PercentAmount(500), uses_per_shop_day=1)
    offer = await shopping.offer(promo, FixedAmount(100), cap_per_agent_day=100)
    agent = await world.account()
    code = await shopping.code(offer, account=agent)
    till = await along(shopping)
    midnight = datetime.now(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    for key, seconds in (("before", -1), ("after", 1), ("again", 2)):
        till.sell(key, code, BASKET, midnight + timedelta(seconds=seconds))

    before, after, again = await hand_in(shopping, till)

    assert [row["status"] for row in (before, after, again)] == ["sold", "sold", "conflict"]
    assert again["conflicts"][0]["reason"] == "shop_limit"
    assert (await world.home(agent))["wallets"][0]["pending"] == 200
