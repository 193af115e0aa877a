"""Files of products, in and out."""

import asyncio
import csv
import io

import openpyxl
import pytest
from sqlalchemy import text

from backend.programmes.models import Product
from tests.make import World
from tests.programmes.products.product_file_requests import EXPORT, IMPORT, product, send, took, workbook


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


async def test_import_applies_good_rows_and_reports_refused(manager):
    content = (
        "sku,gtin,name_ru,price\n"
        "A,4600000000015,Розетка,45000\n"
        "B,4600000000014,Вилка,100\n"
        "C,,,1.5\n"
        "D,4600000000015,Шнур,\n"
        "A,,Снова,\n"
        "E,,Лишнее,1,2\n"
    )

    response = await send(manager, content)

    assert response.status_code == 200
    answer = response.json()
    assert [answer[name] for name in ("rows", "created", "updated", "unchanged", "refused")] == [6, 1, 0, 0, 5]
    assert [(row["line"], row["column"], row["code"]) for row in answer["problems"]] == [
        (3, "gtin", "gtin_invalid"),
        (4, "name_ru", "cell_empty"),
        (4, "price", "kopecks_invalid"),
        (5, "gtin", "gtin_taken"),
        (6, "sku", "sku_repeated"),
        (7, "", "row_too_long"),
    ]
    assert answer["problems"][0]["detail"].startswith("This is not a GTIN")
    assert (await product(manager, "A"))["price"] == 45000
    assert (await manager.get("/v1/console/products/B")).status_code == 404


async def test_repeated_import_changes_nothing(manager):
    content = "sku,name_ru,price\nA,Розетка,1\nB,Вилка,2\n"

    assert [await took(manager, content), await took(manager, content)] == [(2, 0, 0, 0), (0, 0, 2, 0)]


async def test_missing_columns_stay_and_empty_cells_clear(manager):
    await took(manager, "sku,name_ru,gtin,aliases,warranty_months,price\nA,Розетка,4600000000015,a|b,24,100\n")

    changed = await took(manager, "sku,price,aliases\nA,200,\nNEW,1,\n")

    assert changed == (0, 1, 0, 1)
    answer = await product(manager, "A")
    assert (answer["name_ru"], answer["gtin"], answer["warranty_months"]) == ("Розетка", "04600000000015", 24)
    assert (answer["price"], answer.get("aliases", [])) == (200, [])


async def test_workbook_in_russian_is_imported(manager):
    content = workbook(
        ["Артикул", "Наименование", "Штрихкод", "Цена, руб", "Гарантия, мес", "Остаток"],
        ["007", "Розетка", 4600000000015, 450.5, 24, 3],
    )

    answer = (await send(manager, content)).json()

    assert (answer["created"], answer["ignored_columns"]) == (1, ["Остаток"])
    made = await product(manager, "007")
    assert (made["gtin"], made["price"], made["warranty_months"]) == ("04600000000015", 45050, 24)


async def test_refusals_are_in_the_callers_language(manager):
    content = "sku,name_ru\n,Розетка\n"

    english, russian = [
        (await send(manager, content, **{"Accept-Language": name})).json()["problems"][0]["detail"]
        for name in ("en", "ru")
    ]

    assert english == "This cell must not be empty."
    assert russian


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "file_unreadable"),
        (b"name_ru\nx\n", 422, "column_missing"),
        ("sku,price,Цена\nA,1,1\n".encode(), 422, "columns_repeated"),
        (b'sku,name_ru\nA,x\nB,"never ends\n', 422, "line_broken"),
        (b"PK\x03\x04", 422, "file_unreadable"),
        (b"sku\n" + b"A\n" * 200_001, 413, "too_many_rows"),
        (b"x" * (32 * 2**20 + 1), 413, "file_too_large"),
        (b"x" * (64 * 2**20 + 1), 413, "too_large"),
    ],
    ids=["empty", "no sku", "twice the price", "broken", "no zip", "too many rows", "too large", "much too large"],
)
async def test_file_without_a_table_changes_nothing(manager, content, status, code):
    response = await send(manager, content)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (await manager.get("/v1/console/products")).json()["items"] == []


async def test_form_without_a_file_is_refused(manager):
    response = await manager.ask("POST", IMPORT, files={"other": ("x", b"sku\n")})

    assert (response.status_code, response.json()["code"]) == (400, "validation_failed")


async def test_gtin_is_unique_within_a_brand(world: World, manager):
    stranger = await world.staff()
    await took(stranger, "sku,name_ru,gtin\nA,x,4600000000015\n")
    await took(manager, "sku,name_ru,gtin\nA,x,4600000000022\n")

    answers = [
        await took(manager, "sku,name_ru,gtin\nB,x,4600000000022\n"),
        await took(manager, "sku,name_ru,gtin\nC,x,4600000000015\n"),
    ]

    assert answers == [(0, 0, 0, 1), (1, 0, 0, 0)]


async def test_imported_price_changes_rules_version(world: World, manager):
    programme = await world.programme(await world.brand_of(manager))

    async def rules_version():
        async with world.db.begin() as session:
            row = text("SELECT rules_version FROM programmes WHERE id = :id")
            return await session.scalar(row, {"id": programme.id})

    await took(manager, "sku,name_ru,price\nA,x,1\n")
    await took(manager, "sku,name_ru\nA,y\n")
    named = await rules_version()
    await took(manager, "sku,price\nA,2\n")

    assert (named, await rules_version()) == (1, 2)


async def test_concurrent_imports_do_not_mix(manager):
    lines = "".join(f"S{n},x\n" for n in range(3000))

    answers = await asyncio.gather(*(send(manager, "sku,name_ru\n" + lines) for _ in range(3)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses.count(200) >= 1
    assert {answer.json().get("code") for answer in answers} <= {None, "import_under_way"}
    assert sum(answer.json().get("created", 0) for answer in answers) == 3000


async def test_product_created_meanwhile_is_not_overwritten(world: World, manager):
    async with world.db.begin() as session:
        session.add(Product(brand_id=manager.brand_id, sku="B", name_ru="Раньше", price=7))
        await session.flush()
        under_way = asyncio.create_task(send(manager, "sku,name_ru\nA,x\nB,y\n"))
        async with asyncio.timeout(10):
            # PostgreSQL has no notification that a transaction waits for a lock.
            while not await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    response = await under_way

    assert (response.status_code, response.json()["code"]) == (409, "import_collided")
    assert (await product(manager, "B"))["price"] == 7
    assert (await manager.get("/v1/console/products/A")).status_code == 404


async def test_archived_products_come_and_go_by_file(manager):
    await took(manager, "sku,name_ru,archived\nA,x,yes\n")
    archived = await product(manager, "A")

    await took(manager, "sku,В архиве\nA,нет\n")

    assert "archived_at" in archived
    assert "archived_at" not in await product(manager, "A")


PRODUCTS = {
    "007": {"name_ru": "Розетка; двойная", "name_en": '3/4" "euro"', "gtin": "96385074", "price": 45050},
    "=1+1": {"name_ru": "=HYPERLINK(1)", "aliases": ["-5", "+7", "'тихо", "запятая, и; точка"]},
    "'q": {
        "name_ru": "'кавычка",
        "maker": "=Завод",
        "trade_marks": ["Оптима", "=Про"],
        "exact_aliases": ["роз бел"],
        "articles": ["@cmd", "''x"],
        "warranty_months": 24,
    },
    "10/2": {"name_ru": "Труба <b> & «ёлочки» \u2028 конец", "name_en": "\uffffx"},
}


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["ru", "en"])
async def test_export_imported_again_changes_nothing(world: World, manager, kind, language):
    for sku, body in PRODUCTS.items():
        assert (await manager.put(f"/v1/console/products/{sku}", body)).status_code == 200
    await manager.delete("/v1/console/products/10/2")
    other = await world.staff(role="manager")

    exported = await manager.get(EXPORT, params={"format": kind}, headers={"Accept-Language": language})
    unchanged = (await send(manager, exported.content)).json()
    copied = (await send(other, exported.content)).json()

    assert (unchanged["unchanged"], unchanged["updated"], unchanged["refused"]) == (4, 0, 0)
    assert copied["created"] == 4
    for sku in PRODUCTS:
        mine, theirs = await product(manager, sku), await product(other, sku)
        own = ("id", "updated_at", "archived_at")
        assert {k: v for k, v in mine.items() if k not in own} == {k: v for k, v in theirs.items() if k not in own}
        assert ("archived_at" in mine) == ("archived_at" in theirs)


async def test_csv_export_has_no_formulas(manager):
    for sku, body in PRODUCTS.items():
        await manager.put(f"/v1/console/products/{sku}", body)

    exported = (await manager.get(EXPORT)).content.decode("utf-8-sig")

    cells = [cell for line in csv.reader(io.StringIO(exported)) for cell in line]
    assert "'=1+1" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


async def test_workbook_export_has_texts_and_numbers(manager):
    await manager.put("/v1/console/products/007", PRODUCTS["007"])

    exported = await manager.get(EXPORT, params={"format": "xlsx"})

    assert exported.headers["content-type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    sheet = openpyxl.load_workbook(io.BytesIO(exported.content)).active
    headers, row = [[cell.value for cell in line] for line in sheet.iter_rows()]
    assert dict(zip(headers, row, strict=True)) == {
        "sku": "007",
        "gtin": "00000096385074",
        "name_ru": "Розетка; двойная",
        "name_en": '3/4" "euro"',
        "aliases": None,
        "articles": None,
        "maker": None,
        "trade_marks": None,
        "exact_aliases": None,
        "warranty_months": 0,
        "price": 45050,
        "archived": None,
    }
    assert sheet["A2"].data_type in ("s", "inlineStr")


async def test_export_of_many_pages_has_each_product_once(manager):
    lines = "".join(f"S{n:05},Розетка {n}\n" for n in range(2500))
    await took(manager, "sku,name_ru\n" + lines)

    exported = (await manager.get(EXPORT)).content.decode("utf-8-sig")

    skus = [line["sku"] for line in csv.DictReader(io.StringIO(exported))]
    assert skus == [f"S{n:05}" for n in range(2500)]


async def test_unknown_export_format_is_refused(manager):
    response = await manager.get(EXPORT, params={"format": "pdf"})

    assert (response.status_code, response.json()["code"]) == (400, "validation_failed")
