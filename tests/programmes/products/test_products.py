"""Products, one by one."""

import asyncio
import runpy
from pathlib import Path

import pytest
from sqlalchemy import text

from backend import migrations
from tests.make import World, bearer

SOCKET = {
    "name_ru": "Розетка двойная с заземлением",
    "name_en": "Double socket, earthed",
    "gtin": "4600000000015",
    "aliases": ["розетка с землёй"],
    "articles": ["РА16-374"],
    "maker": "Завод Оптима",
    "trade_marks": ["Оптима", "Optima Pro"],
    "exact_aliases": ["роз 2м бел опт"],
    "warranty_months": 24,
    "price": 45000,
}


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


async def rules_versions(world):
    async with world.db.begin() as session:
        return (await session.scalars(text("SELECT rules_version FROM programmes ORDER BY id"))).all()


async def test_product_is_created_and_read(manager):
    made = await manager.put("/v1/console/products/RA16-374", SOCKET)

    assert made.status_code == 200
    answer = made.json()
    assert answer | {"id": 0, "updated_at": ""} == SOCKET | {
        "id": 0,
        "updated_at": "",
        "sku": "RA16-374",
        "gtin": "04600000000015",
    }
    read = await manager.get("/v1/console/products/RA16-374")
    assert read.json() == answer
    assert read.headers["etag"] == made.headers["etag"]


async def test_repeated_product_changes_nothing(manager):
    first = await manager.put("/v1/console/products/RA16-374", SOCKET)

    again = await manager.put("/v1/console/products/RA16-374", SOCKET)

    assert (again.status_code, again.json()) == (200, first.json())


async def test_omitted_fields_are_cleared(manager):
    await manager.put("/v1/console/products/RA16-374", SOCKET)

    changed = (await manager.put("/v1/console/products/RA16-374", {"name_ru": "Розетка"})).json()

    assert changed["name_ru"] == "Розетка"
    assert changed.keys() == {"id", "sku", "name_ru", "updated_at"}


@pytest.mark.parametrize("sku", ["10/2", "А-1 б", "100%", "a.b", "#7", "a?b", "+7"])
async def test_real_skus_are_accepted(manager, sku):
    path = "/v1/console/products/" + sku.replace("%", "%25").replace("#", "%23").replace("?", "%3F")

    made = await manager.put(path, SOCKET)

    assert (made.status_code, made.json()["sku"]) == (200, sku)
    assert (await manager.get(path)).json()["sku"] == sku


@pytest.mark.parametrize("sku", ["%20a", "a%20", "a%0A", "a%00b", ".a", "a%7Cb", "x" * 65])
async def test_skus_unsafe_in_paths_or_files_are_refused(manager, sku):
    response = await manager.put(f"/v1/console/products/{sku}", SOCKET)

    assert (response.status_code, response.json()["code"]) == (400, "validation_failed")


@pytest.mark.parametrize("gtin", ["46000000", "4600000000014", "460000000001", "abcdefgh", "0"])
async def test_wrong_gtin_is_refused(manager, gtin):
    response = await manager.put("/v1/console/products/A", SOCKET | {"gtin": gtin})

    assert (response.status_code, response.json()["code"]) == (422, "gtin_invalid")


BLANKS = [" ", "\x85", "\xa0", "\u1680", "\u2007", "\u2028", "\u202f", "\u3000", "\xa0 \x85"]


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("field", ["name_ru", "aliases", "articles", "trade_marks", "exact_aliases"])
async def test_text_of_blanks_is_empty(manager, field, blank):
    answer = await manager.put("/v1/console/products/X", SOCKET | {field: blank if field == "name_ru" else [blank]})

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")


@pytest.mark.parametrize(
    ("gtin", "kept"),
    [("96385074", "00000096385074"), ("036000291452", "00036000291452"), ("14600000000012", "14600000000012")],
)
async def test_gtin_is_stored_as_fourteen_digits(manager, gtin, kept):
    made = await manager.put("/v1/console/products/A", SOCKET | {"gtin": gtin})

    assert made.json()["gtin"] == kept


async def test_gtin_belongs_to_one_product_of_a_brand(world, manager):
    stranger = await world.staff()
    await stranger.put("/v1/console/products/A", SOCKET)
    await manager.put("/v1/console/products/A", SOCKET)
    await manager.put("/v1/console/products/B", SOCKET | {"gtin": None})

    made = await manager.put("/v1/console/products/C", SOCKET)
    changed = await manager.put("/v1/console/products/B", SOCKET)

    assert [(answer.status_code, answer.json()["code"]) for answer in (made, changed)] == [(409, "gtin_taken")] * 2


async def test_unknown_field_is_refused(manager):
    response = await manager.put("/v1/console/products/A", SOCKET | {"prise": 1})

    assert (response.status_code, response.json()["code"]) == (400, "validation_failed")


async def test_unknown_product_is_not_found(manager):
    answers = [await manager.get("/v1/console/products/A"), await manager.delete("/v1/console/products/A")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "product_unknown")] * 2


async def test_archived_product_is_unlisted_until_restored(manager):
    await manager.put("/v1/console/products/A", SOCKET)

    gone = [await manager.delete("/v1/console/products/A") for _ in range(2)]
    listed = (await manager.get("/v1/console/products")).json()["items"]
    archived = (await manager.get("/v1/console/products", params={"archived": "true"})).json()["items"]
    back = await manager.put("/v1/console/products/A", SOCKET)

    assert [answer.status_code for answer in gone] == [204, 204]
    assert listed == []
    assert [row["sku"] for row in archived] == ["A"]
    assert "archived_at" not in back.json()


async def test_products_are_paginated_by_sku(manager):
    for sku in ("C", "A", "B"):
        await manager.put(f"/v1/console/products/{sku}", {"name_ru": sku})

    first = (await manager.get("/v1/console/products", params={"limit": 2})).json()
    second = (await manager.get("/v1/console/products", params={"limit": 2, "cursor": first["next"]})).json()

    assert [row["sku"] for row in first["items"] + second["items"]] == ["A", "B", "C"]
    assert "next" not in second


@pytest.mark.parametrize("cursor", ["x", "WzFd", "WyJhXHUwMDAwIl0"])
async def test_invalid_cursor_is_refused(manager, cursor):
    response = await manager.get("/v1/console/products", params={"cursor": cursor})

    assert (response.status_code, response.json()["code"]) == (422, "cursor_invalid")


@pytest.mark.parametrize(
    "asked",
    [
        "розетк",
        "ЗАЗЕМЛ двойн",
        "double",
        "ra16",
        "ра16-374",
        "460000000001",
        "землей",
        "PA16",
        "p\u200bа16-374",
        "ΡΑ16",
        "\uff30\uff2116",
        "3А3ЕМЛ",
    ],
)
async def test_product_is_found_by_typed_text(manager, asked):
    await manager.put("/v1/console/products/RA16-374", SOCKET)
    await manager.put("/v1/console/products/OTHER", {"name_ru": "Выключатель"})

    found = (await manager.get("/v1/console/products", params={"q": asked})).json()["items"]

    assert [row["sku"] for row in found] == ["RA16-374"]


@pytest.mark.parametrize("asked", ["%", "_", "\\", "розетка выключатель"])
async def test_search_escapes_special_characters(manager, asked):
    await manager.put("/v1/console/products/RA16-374", SOCKET)

    found = (await manager.get("/v1/console/products", params={"q": asked})).json()["items"]

    assert found == []


async def test_products_of_earlier_versions_are_found(db, manager):
    await manager.put("/v1/console/products/RA16-374", SOCKET)
    (step,) = Path(migrations.__path__[0], "versions").glob("*_product_search_folding.py")
    async with db.begin() as session:
        await session.execute(text("UPDATE products SET search = 'ra16-374\nрозетка двойная щётка'"))

        await session.execute(runpy.run_path(str(step))["FOLD"])

    for asked in ("РОЗЕТКА", "щетка", "rа16"):
        found = (await manager.get("/v1/console/products", params={"q": asked})).json()["items"]
        assert [row["sku"] for row in found] == ["RA16-374"]


async def test_sku_ignores_invisible_characters(manager):
    made = await manager.put("/v1/console/products/ZW-%E2%80%8B1", SOCKET)
    again = await manager.put("/v1/console/products/ZW-1%EF%BB%BF", SOCKET)
    read = [await manager.get(f"/v1/console/products/{sku}") for sku in ("ZW-1", "%E2%80%AAZW-1")]

    assert [answer.json()["sku"] for answer in (made, again, *read)] == ["ZW-1"] * 4
    assert len((await manager.get("/v1/console/products")).json()["items"]) == 1


async def test_renamed_product_is_found_by_new_name(manager):
    await manager.put("/v1/console/products/A", SOCKET)
    await manager.put("/v1/console/products/A", SOCKET | {"name_ru": "Вилка"})

    found = [(await manager.get("/v1/console/products", params={"q": q})).json()["items"] for q in ("вилка", "двойная")]

    assert [len(items) for items in found] == [1, 0]


async def test_changed_price_changes_rules_version(world: World, manager):
    programme = await world.programme(await world.brand_of(manager))
    other = await world.programme()
    await manager.put("/v1/console/products/A", SOCKET)

    await manager.put("/v1/console/products/A", SOCKET | {"name_ru": "Вилка"})
    after_name = await rules_versions(world)
    await manager.put("/v1/console/products/A", SOCKET | {"name_ru": "Вилка", "price": 1})
    after_price = await rules_versions(world)
    await manager.delete("/v1/console/products/A")

    assert (programme.rules_version, other.rules_version) == (1, 1)
    assert [after_name, after_price, await rules_versions(world)] == [[1, 1], [2, 1], [3, 1]]


async def test_changed_price_applies_to_the_next_scan(world: World, manager):
    brand = await world.brand_of(manager)
    programme = await world.programme(brand)
    product = await world.product(brand.id, sku="A", price=10000)
    await world.campaign(programme, world.percent(1000))
    codes = world.codes_of(await world.batch(programme, product))
    account = await world.account()
    before = (await world.scan(account, codes[0])).json()["amount"]

    await manager.put("/v1/console/products/A", {"name_ru": "Розетка", "price": 20000})
    after = (await world.scan(account, codes[1])).json()["amount"]

    assert (before, after) == (1000, 2000)


async def test_product_write_with_stale_etag_is_refused(manager):
    stale = (await manager.put("/v1/console/products/A", SOCKET)).headers["etag"]
    await manager.put("/v1/console/products/A", SOCKET | {"price": 1})

    refused = await manager.put("/v1/console/products/A", SOCKET, headers={"If-Match": stale})
    absent = await manager.put("/v1/console/products/B", SOCKET, headers={"If-Match": "*"})

    assert [answer.status_code for answer in (refused, absent)] == [412, 412]
    assert (await manager.get("/v1/console/products/A")).json()["price"] == 1


async def test_unchanged_product_is_not_modified(manager):
    tag = (await manager.put("/v1/console/products/A", SOCKET)).headers["etag"]

    response = await manager.get("/v1/console/products/A", headers={"If-None-Match": tag})

    assert (response.status_code, response.content) == (304, b"")


async def test_concurrent_creations_make_one_product(manager, owner):
    answers = await asyncio.gather(*(manager.put("/v1/console/products/A", SOCKET) for _ in range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_agent_cannot_read_products(world: World, client):
    account = await world.account()

    response = await client.get("/v1/console/products", headers=bearer(account))

    assert response.status_code == 401
