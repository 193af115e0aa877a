"""Redemptions, scans and receipts as lists and files."""

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from openpyxl import load_workbook

from tests.checkout.till_client import line
from tests.make import World
from tests.reporting.shelf import Shelf, add_receipt

CONSOLE = "/v1/console"


async def test_redemptions_have_code_shop_and_agent(world, shopping, analyst):
    agent = await world.account()
    word = await shopping.code(await shopping.offer(), account=agent)
    await shopping.sell(word, basket=[line(1, 10000)])

    (found,) = (await analyst.get(f"{CONSOLE}/redemptions")).json()["items"]

    assert (found["code"], found["card_number"], found["status"]) == (word, agent.card_number, "paid")
    assert (found["shop_number"], found["shop"]) == (shopping.shop.number, f"shop-{int(shopping.shop.number)}")
    assert (found["base"], found["discount"], found["bonus"]) == (9500, 500, 950)


async def test_redemptions_are_narrowed_by_each_filter(world, shopping, analyst):
    agents = [await world.account() for _ in range(2)]
    product = await world.product(analyst.brand_id)
    campaigns = [await shopping.offer() for _ in range(2)]
    codes = [await shopping.code(one, account=agent) for one, agent in zip(campaigns, agents, strict=True)]
    await shopping.sell(codes[0], key="first", basket=[line(1, 10000, sku=product.sku)])
    await shopping.sell(codes[1], basket=[line(1, 10000)])
    await shopping.take_back("first", (1, 1, 10000))
    past = str(datetime.now(UTC).date() - timedelta(days=9))

    wanted = {
        "campaign": campaigns[0].key,
        "product": product.sku,
        "agent": agents[0].card_number,
        "status": "returned",
    }
    found = {name: await codes_of(analyst, **{name: value}) for name, value in wanted.items()}

    assert found == {name: [codes[0]] for name in wanted}
    assert await codes_of(analyst, shop=f"shop-{int(shopping.shop.number)}") == codes[::-1]
    assert await codes_of(analyst, shop="another") == []
    assert await codes_of(analyst, **{"from": past, "to": past}) == []


async def codes_of(worker, **params) -> list[str]:
    answer = await worker.get(f"{CONSOLE}/redemptions", params=params)
    assert answer.status_code == 200, answer.text
    return [one["code"] for one in answer.json()["items"]]


async def test_redemptions_page_through_everything_once_with_an_etag(world, shopping, analyst):
    codes = [await shopping.code(await shopping.offer(), account=await world.account()) for _ in range(5)]
    for code in codes:
        await shopping.sell(code, basket=[line(1, 10000)])
    found, place = [], {}

    while place is not None:
        answer = await analyst.get(f"{CONSOLE}/redemptions", params={"limit": 2} | place)
        found += [one["code"] for one in answer.json()["items"]]
        place = {"cursor": answer.json()["next"]} if "next" in answer.json() else None
    again = await analyst.get(
        f"{CONSOLE}/redemptions", params={"limit": 100}, headers={"If-None-Match": await tag(analyst, "redemptions")}
    )

    assert found == codes[::-1]
    assert again.status_code == 304


async def tag(worker, subject: str) -> str:
    return (await worker.get(f"{CONSOLE}/{subject}", params={"limit": 100})).headers["etag"]


async def test_redemptions_as_files_in_both_languages(world, shopping, analyst):
    word = await shopping.code(await shopping.offer(), account=await world.account())
    await shopping.sell(word, basket=[line(1, 10000)])

    english = await analyst.get(f"{CONSOLE}/redemptions/export")
    russian = await analyst.get(f"{CONSOLE}/redemptions/export", headers={"Accept-Language": "ru"})
    book = await analyst.get(f"{CONSOLE}/redemptions/export", params={"format": "xlsx"})

    (row,) = csv.DictReader(io.StringIO(english.content.decode("utf-8-sig")))
    assert (row["code"], row["base"], row["bonus"]) == (word, "95.00", "9.50")
    assert ";95,00;5,00;9,50;" in russian.content.decode("utf-8-sig").splitlines()[1]
    sheet = load_workbook(io.BytesIO(book.content)).active
    assert [cell.value for cell in sheet[1]][:3] == ["redemption", "at", "status"]
    assert sheet[2][10].value == 95


async def test_scans_list_claims_and_refusals(world: World, shelf: Shelf):
    first, late = await world.account(), await world.account()
    await world.scan(first, shelf.codes[3])
    await world.scan(late, shelf.codes[3])
    analyst = await world.staff(shelf.brand, "analyst")

    items = (await analyst.get(f"{CONSOLE}/scans")).json()["items"]
    claimed = (await analyst.get(f"{CONSOLE}/scans", params={"status": "claimed", "product": shelf.product.sku})).json()
    rows = (await analyst.get(f"{CONSOLE}/scans/export")).content.decode("utf-8-sig").splitlines()

    assert [(one["status"], one["card_number"], one.get("amount")) for one in items] == [
        ("already_claimed", late.card_number, None),
        ("claimed", first.card_number, 100),
    ]
    assert claimed["items"] == items[1:]
    assert items[0]["code_id"] == items[1]["code_id"]
    assert len(rows) == 3


async def test_receipts_of_the_brand_are_listed_and_exported(world: World, shelf: Shelf):
    agent = await world.account()
    receipt = await add_receipt(world, shelf, agent, fd=21, lines=2)
    await add_receipt(world, shelf, agent, fd=22, brand=await world.brand())
    analyst = await world.staff(shelf.brand, "analyst")

    items = (await analyst.get(f"{CONSOLE}/receipts/search", params={"status": "refused"})).json()["items"]
    none = (await analyst.get(f"{CONSOLE}/receipts/search", params={"status": "credited"})).json()["items"]
    rows = list(
        csv.DictReader(io.StringIO((await analyst.get(f"{CONSOLE}/receipts/export")).content.decode("utf-8-sig")))
    )

    assert [one["receipt"] for one in items] == [receipt.id]
    assert none == []
    assert [(row["line"], row["sum"], row["reason"]) for row in rows] == [
        ("1", "5.00", "no_campaign"),
        ("2", "5.00", "no_campaign"),
    ]


@pytest.mark.parametrize("subject", ["redemptions", "scans", "receipts/search"])
async def test_list_of_another_brand_is_empty(world: World, shelf: Shelf, subject):
    await world.scan(await world.account(), shelf.codes[0])
    await add_receipt(world, shelf, await world.account(), fd=int(uuid.uuid4()) % 10**6)

    answer = await (await world.staff()).get(f"{CONSOLE}/{subject}")

    assert answer.json()["items"] == []


@pytest.mark.parametrize("last", ["0001-01-01", "0001-01-20"])
async def test_default_period_begins_with_the_calendar(analyst, last):
    answer = await analyst.get(f"{CONSOLE}/scans", params={"to": last})

    assert (answer.status_code, answer.json()["items"]) == (200, [])
