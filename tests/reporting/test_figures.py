"""Figures of a period: what campaigns, products, shops and agents cost, to the kopeck of the ledger."""

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import text

from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo, Rule
from backend.reporting.figures.service import KEYS, build_query
from tests.checkout.till_client import Shopping, line
from tests.make import World

FIGURES = "/v1/console/figures"
LEDGER = text("""
    SELECT coalesce(sum(m.amount) FILTER (WHERE m.kind = 1), 0)::bigint AS earned,
        coalesce(sum(m.amount) FILTER (WHERE m.kind IN (7, 9)), 0)::bigint AS back,
        (SELECT coalesce(sum(amount) FILTER (WHERE kind = 1), 0)::bigint FROM dues) AS discount,
        (SELECT coalesce(sum(amount) FILTER (WHERE kind = 2), 0)::bigint FROM dues) AS discount_back
    FROM movements m JOIN wallets w ON w.id = m.wallet_id WHERE w.book_id = :book
""")


async def lived(world: World, shopping: Shopping) -> list:
    """A brand on its second day: claims, sales with two codes, returns of parts, corrections. Its agents."""
    brand = await world.brand_by_id(shopping.programme.brand_id)
    agents = [await world.account() for _ in range(3)]
    products = [await world.product(brand.id, price=9999 + n) for n in range(3)]
    await world.campaign(shopping.programme, world.percent(777), key="boxes")
    for number, product in enumerate(products):
        codes = world.codes_of(await world.batch(shopping.programme, product))
        for agent in agents[: number + 1]:
            await world.scan(agent, codes[agents.index(agent)])
    seven, five = [await shopping.offer(Promo(PercentAmount(off)), bonus=PercentAmount(333)) for off in (700, 500)]
    codes = [await shopping.code(seven, account=agents[0]), await shopping.code(five, account=agents[1])]
    basket = [
        line(1, 10001, sku=products[0].sku),
        line(2, 3333, 3, sku=products[1].sku),
        line(3, 7, sku=products[2].sku),
    ]
    for code in codes * 2:
        key = str(uuid.uuid4())
        assert (await shopping.sell(code, key=key, basket=basket)).status_code == 200
        back = await shopping.take_back(key, (1, 0.5, 5000), (2, 1, 1111))
        assert back.status_code == 200, back.text
    await corrected(world, brand, shopping, agents[2], 1234)
    await corrected(world, brand, shopping, agents[0], -77)
    return agents


async def corrected(world, brand, shopping, agent, amount) -> None:
    first, second = await world.staff(brand), await world.staff(brand)
    key = uuid.uuid4()
    body = {"card_number": agent.card_number, "programme": shopping.programme.key, "amount": amount, "reason": "x"}
    assert (await first.put(f"/v1/console/corrections/{key}", body)).status_code == 200
    answer = await second.put(f"/v1/console/approvals/{key}/decision", {"action": "approve"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("by", sorted(KEYS))
async def test_figures_agree_with_the_ledger(world, shopping, analyst, db, by):
    await lived(world, shopping)

    found = (await analyst.get(FIGURES, params={"by": by})).json()

    ledger = await db.call(LEDGER, book=shopping.programme.id)
    (total,) = found["totals"]
    result = [total.get(name, 0) for name in ("bonus", "bonus_returned", "discount", "discount_returned")]
    assert result == [ledger.earned, ledger.back, ledger.discount, ledger.discount_back]
    assert total["cost"] == ledger.earned - ledger.back + ledger.discount - ledger.discount_back
    for name in ("bonus", "bonus_returned", "discount", "discount_returned", "base", "base_returned", "cost"):
        assert sum(one.get(name, 0) for one in found["items"]) == total.get(name, 0), name


async def test_figures_have_costs_by_campaign_and_shop(world, shopping, analyst):
    campaign = await shopping.offer(Promo(PercentAmount(500)), bonus=FixedAmount(300))
    await shopping.sell(await shopping.code(campaign, account=await world.account()), basket=[line(1, 10000)])

    by_campaign = (await analyst.get(FIGURES)).json()["items"]
    by_shop = (await analyst.get(FIGURES, params={"by": "shop"})).json()["items"]

    names = {"key": campaign.key, "name": "Autumn", "programme": shopping.programme.key}
    sums = {"currency": "RUB", "count": 1, "base": 9500, "bonus": 300, "discount": 500, "cost": 800}
    assert by_campaign == [sums | names]
    assert [(one["name"], one["cost"]) for one in by_shop] == [(shopping.shop.name, 800)]


async def test_figures_of_a_campaign_leave_others_out(world, shopping, analyst):
    campaigns = [await shopping.offer(), await shopping.offer()]
    for campaign in campaigns:
        await shopping.sell(await shopping.code(campaign, account=await world.account()))

    found = (await analyst.get(FIGURES, params={"campaign": campaigns[1].key, "by": "day"})).json()

    assert [one["count"] for one in found["items"]] == [1]


async def test_figures_of_points_have_no_cost(world, analyst):
    programme = await world.programme(await world.brand_by_id(analyst.brand_id))
    product = await world.product(analyst.brand_id)
    await world.campaign(programme)
    await world.scan(await world.account(), world.codes_of(await world.batch(programme, product))[0])

    (item,) = (await analyst.get(FIGURES, params={"by": "product"})).json()["items"]

    assert (item["key"], item["currency"], item["bonus"]) == (product.sku, "PTS", 100)
    assert "cost" not in item


async def test_figures_of_a_past_period_are_empty(world, shopping, analyst):
    await lived(world, shopping)
    day = str(datetime.now(UTC).date() - timedelta(days=5))

    found = (await analyst.get(FIGURES, params={"from": day, "to": day})).json()

    assert found["items"] == found["totals"] == []


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [
        ("2026-02-01", "2026-01-01", "period_invalid"),
        ("2024-01-01", "2026-01-01", "period_limited"),
        ("2026-01-01", "2099-01-01", "period_invalid"),
    ],
)
async def test_figures_of_an_invalid_period_are_refused(analyst, first, last, code):
    answer = await analyst.get(FIGURES, params={"from": first, "to": last})

    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_figures_with_their_etag_are_not_sent_again(world, shopping, analyst):
    await lived(world, shopping)
    first = await analyst.get(FIGURES)

    again = await analyst.get(FIGURES, headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304


async def test_figures_as_a_file_have_the_same_sums(world, shopping, analyst):
    await lived(world, shopping)
    result = (await analyst.get(FIGURES)).json()

    english = await analyst.get(f"{FIGURES}/export")
    russian = await analyst.get(f"{FIGURES}/export", headers={"Accept-Language": "ru"})
    book = await analyst.get(f"{FIGURES}/export", params={"format": "xlsx"})

    rows = list(csv.DictReader(io.StringIO(english.content.decode("utf-8-sig"))))
    assert [row["key"] for row in rows] == [*(one.get("key", "") for one in result["items"]), "total"]
    assert rows[-1]["cost"] == f"{result['totals'][0]['cost'] / 100:.2f}"
    assert russian.content.decode("utf-8-sig").splitlines()[0].startswith("Ключ;Название;Программа;")
    assert russian.content.decode("utf-8-sig").splitlines()[-1].startswith("Итого;")
    cells = [row[-1].value for row in load_workbook(io.BytesIO(book.content)).active.iter_rows()]
    assert cells[-1] == result["totals"][0]["cost"] / 100


async def test_figures_of_a_period_use_indexes(owner):
    statement = build_query("campaign")
    places = {
        "brand": "1",
        "since": "'2026-01-01'",
        "upto": "'2026-02-01'",
        "slack": "'10 min'",
        "campaign": "NULL",
        "language": "'ru'",
        "limit": "10",
    }
    for name, value in places.items():
        statement = statement.replace(f":{name}", value)
    async with owner.begin() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        connection = (await session.connection()).sync_connection.connection.driver_connection
        cursor = await connection.execute("EXPLAIN " + statement)
        plan = "\n".join(row[0] for row in await cursor.fetchall())

    assert "ix_accruals_at" in plan
    assert "Seq Scan on movements" not in plan
    assert "Seq Scan on redemptions" not in plan


async def test_figures_include_awards_of_stacking_campaigns(world, shopping, analyst, db):
    brand = await world.brand_by_id(shopping.programme.brand_id)
    product = await world.product(brand.id)
    rules = [Rule(ways=frozenset({"package"}), amount=FixedAmount(sum_), stacks=sum_ < 100) for sum_ in (100, 30)]
    for key, rule in zip(("main", "more"), rules, strict=True):
        await world.campaign(shopping.programme, rule, key=key)
    await world.scan(await world.account(), world.codes_of(await world.batch(shopping.programme, product))[0])

    found = (await analyst.get(FIGURES)).json()
    (scan,) = (await analyst.get("/v1/console/scans")).json()["items"]

    assert {one["key"]: (one["bonus"], one.get("count", 0)) for one in found["items"]} == {
        "main": (100, 1),
        "more": (30, 0),
    }
    assert found["totals"][0]["bonus"] == (await db.call(LEDGER, book=shopping.programme.id)).earned == 130
    assert scan["amount"] == 130
