"""Files that are checked before they are imported: nothing changes, and the file is applied by its id."""

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta

import openpyxl
import pytest
from sqlalchemy import text

IMPORTS = "/v1/console/imports"
PRODUCTS = "Код;Наименование;Цена;Остаток\nA;Розетка;450,50;7\nB;#Н/Д;1;7\n"
INN = "7707083893"


async def put(worker, content, key=None, kind="products", **params):
    content = content if isinstance(content, bytes) else content.encode()
    key = key or uuid.uuid4()
    params = {"kind": kind} | params
    return await worker.ask("PUT", f"{IMPORTS}/{key}", files={"file": ("f", content)}, params=params)


async def apply(worker, checked):
    return await worker.ask("POST", f"{IMPORTS}/{checked.json()['id']}/apply")


async def skus(worker):
    return [row["sku"] for row in (await worker.get("/v1/console/products")).json()["items"]]


def counts(answer):
    report = answer.json()["report"]
    return [report[name] for name in ("rows", "created", "updated", "unchanged", "refused")]


async def test_checked_file_changes_nothing_and_is_reported(world, manager):
    checked = await put(manager, PRODUCTS.encode("cp1251"))

    report = checked.json()["report"]
    assert (checked.status_code, checked.json()["state"]) == (200, "checked")
    assert counts(checked) == [2, 1, 0, 0, 1]
    assert report["source"] == {"format": "csv", "encoding": "cp1251", "delimiter": ";"}
    assert report["columns"] == {"Код": "sku", "Наименование": "name_ru", "Цена": "price"}
    assert report["ignored_columns"] == ["Остаток"]
    (problem,) = report["problems"]
    assert (problem["line"], problem["column"], problem["value"], problem["code"]) == (
        3,
        "Наименование",
        "#Н/Д",
        "cell_error_invalid",
    )
    assert await skus(manager) == []
    assert (await world.db.call(text("SELECT count(*) AS n FROM events WHERE kind = 'products.imported'"))).n == 0


async def test_checked_file_is_applied_once(manager):
    checked = await put(manager, PRODUCTS)

    applied, again = await apply(manager, checked), await apply(manager, checked)

    assert (applied.status_code, applied.json()["state"]) == (200, "applied")
    assert counts(applied) == counts(again) == [2, 1, 0, 0, 1]
    assert await skus(manager) == ["A"]


async def test_file_with_apply_is_applied_at_once(manager):
    answer = await put(manager, PRODUCTS, apply="true")

    assert (answer.json()["state"], await skus(manager)) == ("applied", ["A"])


async def test_import_repeated_with_another_file_is_refused(manager):
    key = uuid.uuid4()
    first = await put(manager, PRODUCTS, key)

    again, other = await put(manager, PRODUCTS, key), await put(manager, "sku\nX\n", key)

    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (422, "body_changed")


async def test_report_of_a_check_equals_the_applied(manager):
    checked = await put(manager, "sku,name_ru\nA,Розетка\n")
    await manager.put("/v1/console/products/A", {"name_ru": "Розетка"})

    applied = await apply(manager, checked)

    assert (counts(checked), counts(applied)) == ([1, 1, 0, 0, 0], [1, 0, 0, 1, 0])


async def test_file_that_waited_too_long_is_not_applied(world, manager):
    checked = await put(manager, PRODUCTS)
    yesterday = datetime.now(UTC) - timedelta(seconds=1)
    await world.db.rows(text("UPDATE import_files SET expires_at = :at"), at=yesterday)

    applied = await apply(manager, checked)

    assert (applied.status_code, applied.json()["code"]) == (409, "import_expired")
    assert await skus(manager) == []


async def test_oldest_files_of_a_brand_are_removed(world, manager):
    checked = [await put(manager, f"sku,name_ru\nA{n},x\n") for n in range(12)]

    oldest, newest = await apply(manager, checked[0]), await apply(manager, checked[-1])

    assert (oldest.json()["code"], newest.json()["state"]) == ("import_expired", "applied")


async def test_content_is_sealed_and_deleted_after_applying(world, manager):
    held = text("SELECT content FROM import_files")
    checked = await put(manager, "sku,name_ru\nVISIBLE,x\n")
    before = (await world.db.call(held)).content

    await apply(manager, checked)

    assert b"VISIBLE" not in before
    assert (await world.db.call(held)).content is None


@pytest.mark.parametrize(("language", "delimiter", "word"), [("ru", ";", "Отклонено"), ("en", ",", "Refused")])
async def test_report_download_is_in_the_callers_language(manager, language, delimiter, word):
    checked = await put(manager, PRODUCTS)
    path, said = f"{IMPORTS}/{checked.json()['id']}/report", {"Accept-Language": language}

    lines = await manager.get(path, headers=said)
    book = await manager.get(path, params={"format": "xlsx"}, headers=said)

    rows = list(csv.reader(io.StringIO(lines.content.decode("utf-8-sig")), delimiter=delimiter))
    sheet = openpyxl.load_workbook(io.BytesIO(book.content)).active
    assert [word, "1"] in rows
    assert (rows[-1][0], rows[-1][2], rows[-1][4]) == ("3", "#Н/Д", "cell_error_invalid")
    assert [str(cell) for cell in list(sheet.values)[-1]] == rows[-1]


async def test_stock_import_reveals_no_code(shop, manager):
    await shop.offer("stock", key="gift", least=100_000, most=500_000, step=100_000)
    content = "code,nominal\nSECRET-1,1000\n=cmd,1000\n"

    checked = await put(manager, content, kind="stock", target="gift")
    free_before = (await manager.get("/v1/console/offers/gift/stock")).json()["items"]
    applied = await apply(manager, checked)

    assert free_before == []
    assert (await manager.get("/v1/console/offers/gift/stock")).json()["items"][0]["free"] == 1
    assert counts(checked) == counts(applied) == [2, 1, 0, 0, 1]
    assert "SECRET" not in checked.text
    assert "cmd" not in checked.text


async def test_stock_import_names_unknown_columns(shop, manager):
    await shop.offer("stock", key="gift", least=100_000, most=500_000, step=100_000)

    checked = await put(manager, "Код;Номинал;PIN\nGIFT-1;1000;77\n", kind="stock", target="gift")

    assert checked.json()["report"]["ignored_columns"] == ["PIN"]


@pytest.mark.parametrize("header", ["Срок", "Действителен до", "expires"])
async def test_stock_import_reads_day_by_any_header(shop, manager, header):
    await shop.offer("stock", key="gift", least=100_000, most=500_000, step=100_000)

    checked = await put(manager, f"Код;Номинал;{header}\nGIFT-1;1000;01.01.2020\n", kind="stock", target="gift")

    assert [row["code"] for row in checked.json()["report"]["problems"]] == ["code_expired"]


async def test_list_of_codes_is_checked_and_applied(world, manager):
    programme = await world.programme(await world.brand_of(manager))
    product = await world.product(programme.brand_id)
    body = {"programme_id": programme.id, "sku": product.sku, "codes": "imported"}
    batch = (await manager.put(f"/v1/console/batches/{uuid.uuid4()}", body)).json()["id"]
    content = "Код;Товар\nQ7-TTK2-9ZPA-41;x\nQ7;x\n"

    checked = await put(manager, content, kind="codes", target=batch)
    between = (await manager.get(f"/v1/console/batches/{batch}")).json()["count"]
    applied = await apply(manager, checked)

    (problem,) = checked.json()["report"]["problems"]
    assert (problem["line"], problem["code"]) == (3, "guessable")
    assert problem["detail"].startswith("This code is too short")
    assert checked.json()["report"]["ignored_columns"] == ["Товар"]
    assert counts(checked) == counts(applied) == [2, 1, 0, 0, 1]
    assert (between, (await manager.get(f"/v1/console/batches/{batch}")).json()["count"]) == (0, 1)


async def test_sellers_are_imported_row_by_row(manager):
    content = f"ИНН;Разрешён;Примечание\n{INN};нет;Продаёт сам себе\n7707083894;да;\n{INN};да;\n7736050003;?;\n"
    await manager.put("/v1/console/sellers/7736050003", {"allowed": True})

    checked = await put(manager, content, kind="sellers")
    absent = await manager.get(f"/v1/console/sellers/{INN}")
    applied = await apply(manager, checked)

    assert [(row["line"], row["code"]) for row in checked.json()["report"]["problems"]] == [
        (3, "inn_invalid"),
        (4, "seller_repeated"),
        (5, "flag_invalid"),
    ]
    assert absent.status_code == 404
    assert counts(applied) == [4, 1, 0, 0, 3]
    assert (await manager.get(f"/v1/console/sellers/{INN}")).json() == {
        "inn": INN,
        "allowed": False,
        "note": "Продаёт сам себе",
    }


@pytest.mark.parametrize("shown", ["7 707 083 893", "7\xa0707\xa0083\xa0893", "7707 083893"])
async def test_seller_is_imported_without_blanks_in_its_number(manager, shown):
    answer = await put(manager, f"inn;allowed\n{shown};да\n", kind="sellers", apply="true")

    assert counts(answer) == [1, 1, 0, 0, 0]
    assert (await manager.get(f"/v1/console/sellers/{INN}")).json()["allowed"] is True


@pytest.mark.parametrize(
    ("content", "params", "status", "code"),
    [
        ("name_ru\nx\n", {}, 422, "column_missing"),
        ("sku\n", {"target": "x"}, 422, "target_invalid"),
        ("code,nominal\n", {"kind": "stock"}, 422, "target_invalid"),
        ("code\n", {"kind": "codes", "target": "x"}, 422, "target_invalid"),
        ("code\n", {"kind": "codes", "target": str(uuid.uuid4())}, 404, "batch_unknown"),
        ("code,nominal\n", {"kind": "stock", "target": "none"}, 404, "offer_not_kept"),
        ("inn\n", {"kind": "sellers"}, 422, "seller_columns"),
        ("x", {"kind": "people"}, 400, "validation_failed"),
    ],
)
async def test_file_that_cannot_be_imported_is_refused(manager, content, params, status, code):
    answer = await put(manager, content, **params)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await manager.get(IMPORTS)).json()["items"] == []


async def test_imports_are_listed_newest_first_by_brand(world, manager):
    first, second = await put(manager, "sku,name_ru\nA,x\n"), await put(manager, "sku,name_ru\nB,x\n")
    stranger = await world.staff(role="manager")

    page = (await manager.get(IMPORTS, params={"limit": 1})).json()
    rest = (await manager.get(IMPORTS, params={"cursor": page["next"]})).json()
    theirs = [await stranger.get(IMPORTS), await stranger.get(f"{IMPORTS}/{first.json()['id']}")]

    assert [row["id"] for row in page["items"] + rest["items"]] == [second.json()["id"], first.json()["id"]]
    assert (theirs[0].json()["items"], theirs[1].json()["code"]) == ([], "import_unknown")
