"""What goes out, is damaged as spreadsheets and programs do, and comes in again: each row is equal or reported."""

import csv
import io
import os
import re

import openpyxl
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from stdnum import ean

from backend.core.tabular.workbook.shared_strings import escaped
from tests.make import World
from tests.programmes.products import damages
from tests.programmes.products.damages import as_csv, as_excel, rows_of, written

EXPORT, IMPORT, PRODUCTS = "/v1/console/products/export", "/v1/console/products/import", "/v1/console/products"

LETTERS = "АБВЁабвгёABCabc"
SIGNS = " -;,\"'|=+@#%_().№«»0123456789"
SKUS = st.one_of(
    st.from_regex(r"[A-ZА-Я]{1,3}-[0-9]{1,4}", fullmatch=True),
    st.from_regex(r"0{1,3}[1-9][0-9]{0,4}", fullmatch=True),
    st.from_regex(r"[1-9][0-9]{0,17}", fullmatch=True),
    st.from_regex(r"[1-9][0-9]?[-/][1-9][0-9]?", fullmatch=True),
    st.from_regex(r"[1-9]E[1-9]", fullmatch=True),
    st.sampled_from(["=1+1", "'q", "-5", "+7900", "@x", "''=", "1.50", "3,14", "TRUE", "10%", "_x000D_", "1E+05"]),
)
NAMES = st.one_of(
    st.text(LETTERS + SIGNS, min_size=1, max_size=20).map(str.strip).filter(lambda name: re.search(r"\w", name)), SKUS
)


def gtin(number):
    return f"0{number:012}{ean.calc_check_digit(f'{number:012}')}"


ENTRIES = st.lists(NAMES.map(lambda name: name.replace("|", "/")), max_size=3)
PRODUCT = st.fixed_dictionaries(
    {
        "name_ru": NAMES,
        "name_en": st.one_of(st.just(""), NAMES),
        "aliases": ENTRIES,
        "articles": ENTRIES,
        "maker": st.one_of(st.just(""), NAMES),
        "trade_marks": ENTRIES,
        "exact_aliases": ENTRIES,
        "warranty_months": st.integers(0, 1200),
        "price": st.one_of(st.none(), st.integers(0, 10**9)),
        "gtin": st.one_of(st.none(), st.integers(0, 10**12 - 1).map(gtin)),
        "archived": st.booleans(),
    }
)
CATALOGUES = st.dictionaries(SKUS, PRODUCT, min_size=1, max_size=6)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1251"])
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
SEPARATORS = st.sampled_from([";", ",", "\t", "|"])
QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
EXAMPLES = settings(
    max_examples=15,
    # To shrink an example means to fill hundreds of brands.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    # `make test` tries the same examples each time, `make fuzz` others.
    derandomize="HYPOTHESIS_PROFILE" not in os.environ,
)


@pytest.fixture
async def manager(world: World):
    return await world.staff(role="manager")


async def filled(world, catalogue):
    """A brand with these products; those that the API itself refuses are left out."""
    worker = await world.staff(role="manager")
    for sku, product in catalogue.items():
        path = f"{PRODUCTS}/{sku.replace('%', '%25').replace('#', '%23').replace('?', '%3F')}"
        await worker.put(path, {name: value for name, value in product.items() if name != "archived"})
        if product["archived"]:
            await worker.delete(path)
    return worker


async def products(worker):
    pages = [await worker.get(PRODUCTS, params={"limit": 100, "archived": archived}) for archived in (False, True)]
    found = {row["sku"]: row for page in pages for row in page.json()["items"]}
    return {sku: {k: v for k, v in row.items() if k not in ("id", "updated_at")} for sku, row in found.items()}


async def exported(worker, kind="csv", language="ru"):
    return (await worker.get(EXPORT, params={"format": kind}, headers={"Accept-Language": language})).content


async def send(worker, content):
    return await worker.ask("POST", IMPORT, files={"file": ("p", content)})


async def is_nothing_lost(worker, before, answer):
    """Nothing that was there changed, and every row that is not as before is in the report."""
    after, report = await products(worker), answer.json()
    refused = {row["line"] for row in report.get("problems", [])}
    assert answer.status_code in (200, 422), answer.text
    assert {sku: after.get(sku) for sku in before} == before
    assert report.get("created", 0) == len(after) - len(before)
    assert report.get("updated", 0) == 0
    return after, refused


@EXAMPLES
@given(CATALOGUES, ENCODINGS, ENDS, SEPARATORS, QUOTING)
async def test_file_in_another_dress_comes_in_unchanged(world, catalogue, encoding, end, separator, quoting):
    worker = await filled(world, catalogue)
    before = await products(worker)

    answer = await send(worker, written(rows_of(await exported(worker)), encoding, end, separator, quoting))

    after, refused = await is_nothing_lost(worker, before, answer)
    assert after == before
    assert answer.json()["unchanged"] + len(refused) == len(before)


@EXAMPLES
@given(CATALOGUES)
async def test_workbook_of_ours_comes_in_unchanged(world, catalogue):
    worker = await filled(world, catalogue)
    before = await products(worker)

    answer = await send(worker, await exported(worker, "xlsx"))

    after, refused = await is_nothing_lost(worker, before, answer)
    assert after == before
    assert answer.json()["unchanged"] + len(refused) == len(before)


@EXAMPLES
@given(CATALOGUES, st.sampled_from(["utf-8-sig", "cp1251"]))
async def test_csv_that_excel_saved_loses_nothing_in_silence(world, catalogue, encoding):
    worker = await filled(world, catalogue)
    before = await products(worker)
    head, *rows = rows_of(await exported(worker))

    damaged = [[as_csv(as_excel(cell)) if place == 0 else cell for place, cell in enumerate(row)] for row in rows]
    answer = await send(worker, written([head, *damaged], encoding, "\r\n", ";", csv.QUOTE_MINIMAL))

    await is_nothing_silent(worker, before, rows, damaged, answer)


@EXAMPLES
@given(CATALOGUES)
async def test_workbook_that_excel_saved_loses_nothing_in_silence(world, catalogue):
    worker = await filled(world, catalogue)
    before = await products(worker)
    head, *rows = rows_of(await exported(worker))
    book = openpyxl.Workbook()
    book.active.append(head)
    damaged = []
    for row in rows:
        damaged.append([as_excel(row[0]), *row[1:]])
        book.active.append(damaged[-1])
        for cell in book.active[book.active.max_row]:
            if isinstance(cell.value, str):
                cell.value, cell.data_type = escaped(cell.value), "s"
    file = io.BytesIO()
    book.save(file)

    answer = await send(worker, file.getvalue())

    await is_nothing_silent(worker, before, rows, damaged, answer)


async def is_nothing_silent(worker, before, rows, damaged, answer):
    """No product is changed or made, and each row whose SKU the spreadsheet changed is refused."""
    after, refused = await is_nothing_lost(worker, before, answer)
    changed = {
        line for line, (row, now) in enumerate(zip(rows, damaged, strict=True), 2) if _is_changed(row[0], now[0])
    }
    assert after == before
    assert changed <= refused, (changed - refused, rows, damaged)


def _is_changed(sku, now):
    """A number of a workbook is the code that its digits are."""
    guarded = sku[1:] if sku[:1] == "'" and sku[1:2] in tuple("=+-@'") else sku
    return str(now) not in (sku, guarded)


@EXAMPLES
@given(CATALOGUES, st.data())
async def test_broken_byte_anywhere_is_equal_or_reported(world, catalogue, data):
    worker = await filled(world, catalogue)
    before = await products(worker)
    content = bytearray((await exported(worker)).removeprefix(b"\xef\xbb\xbf"))
    start = content.index(b"\n") + 1
    assume(start < len(content))
    place = data.draw(st.integers(start, len(content) - 1))
    content[place] = 0xFF

    answer = await send(worker, bytes(content))

    after = await products(worker)
    report = answer.json()
    reported = report.get("refused", 0) + report.get("created", 0) + (answer.status_code == 422)
    assert {sku: row for sku, row in after.items() if sku in before} == before or reported or report["updated"]
    assert not any("\xff" in str(row) or "я" in row["sku"] for sku, row in after.items() if sku not in before)


@settings(EXAMPLES, max_examples=40)
@given(CATALOGUES, st.sampled_from(["ru", "en"]), damages.CELLS, st.data())
async def test_damaged_cell_is_equal_or_reported(world, catalogue, language, damage, data):
    worker = await filled(world, catalogue)
    before, separator = await products(worker), ";" if language == "ru" else ","
    head, *rows = rows_of(await exported(worker, language=language), separator)
    column = data.draw(st.integers(0, len(head) - 1))
    for row in rows:
        row[column] = damage(row[column])

    answer = await send(worker, written([head, *rows], separator=separator))

    await is_equal_or_reported(worker, before, answer)


@settings(EXAMPLES, max_examples=100)
@given(CATALOGUES, st.sampled_from(["ru", "en"]), damages.FILES)
async def test_damaged_file_is_equal_or_reported(world, catalogue, language, damage):
    worker = await filled(world, catalogue)
    before = await products(worker)

    answer = await send(worker, damage(await exported(worker, language=language)))

    await is_equal_or_reported(worker, before, answer)


async def is_equal_or_reported(worker, before, answer):
    """Each product is as it was, and each row that would have changed one is refused with its number and reason."""
    assert answer.status_code in (200, 422), answer.text
    report = answer.json()
    assert await products(worker) == before, report
    if answer.status_code == 200:
        assert all(row["line"] > 1 and row["code"] and row["detail"] for row in report.get("problems", []))
        assert (report["created"], report["updated"]) == (0, 0)
        assert report["unchanged"] + len({row["line"] for row in report.get("problems", [])}) == report["rows"]
