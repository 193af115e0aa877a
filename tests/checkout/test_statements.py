"""Settlement: payables of a brand to a shop, to the kopeck, and closed statements stay as they are."""

import asyncio
import csv
import io

import pytest
from openpyxl import load_workbook
from pypdfium2 import PdfDocument
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.checkout.checks import PAYABLES, SALES, STATEMENTS
from backend.core.db.locks import share_shop
from backend.identity.brands.models import Brand
from backend.programmes.rules.rule import FixedAmount, Promo
from tests.make import World
from tests.payouts.conftest import as_superuser

OWED = text("SELECT coalesce(sum(CASE kind WHEN 1 THEN amount ELSE -amount END), 0)::bigint AS total FROM dues")

DUE = text("""
    INSERT INTO dues (creditor_id, debtor_id, kind, amount, cause, cause_id) VALUES (:shop, :brand, 1, 7, 99, 1)
""")


@pytest.fixture
async def brand(shopping, world: World):
    """A member of the brand, and the brand's own key of the shop."""
    async with world.db.begin() as session:
        worker = await world.staff(await session.get_one(Brand, shopping.programme.brand_id))
    rows = await world.db.rows(text("SELECT key FROM brand_shops WHERE shop_id = :shop"), shop=shopping.shop.id)
    return Pages(worker, f"/v1/console/shops/{rows[0].key}/statements")


class Pages:
    def __init__(self, worker, path):
        self.worker, self.path = worker, path

    async def all(self, **params):
        return (await self.worker.get(self.path, params=params)).json()

    async def close(self, number):
        return await self.worker.ask("PUT", f"{self.path}/{number}")

    async def file(self, number, kind, **headers):
        return await self.worker.get(f"{self.path}/{number}/file.{kind}", headers=headers)


async def sold_and_returned(shopping):
    """Two sales with a discount of 6.67 each, and a return of 5.00 of the first."""
    code = await shopping.code(await shopping.offer(), "IVAN7")
    await shopping.sell(code, key="a")
    await shopping.sell(code, key="b")
    await shopping.take_back("a", (1, 1, 10000), key="r")
    return code


async def test_statement_is_the_sum_of_its_payables(shopping, brand, world):
    await sold_and_returned(shopping)

    (open_now, closed) = ((await brand.all())["open"], await brand.close(1))

    figures = {"number": 1, "sales": 2, "discounts": 1334, "returned": 500, "total": 834}
    figures |= {"certificates": 0, "certificates_returned": 0}
    assert open_now == figures
    assert closed.json() | figures == closed.json()
    assert (await world.db.call(OWED)).total == 834
    after = await brand.all()
    assert after["items"] == [closed.json()]
    assert after["open"] == dict.fromkeys(figures, 0) | {"number": 2}


async def test_return_after_closing_is_in_next_period(shopping, brand, world):
    await sold_and_returned(shopping)
    first = (await brand.close(1)).json()

    await shopping.take_back("b", (1, 1, 10000), (2, 3, 3333), (3, 1, 1))
    again = (await brand.close(1)).json()
    second = (await brand.close(2)).json()

    assert again == first
    assert second | {"sales": 0, "discounts": 0, "returned": 667, "total": -667} == second
    assert first["total"] + second["total"] == (await world.db.call(OWED)).total == 167


async def test_periods_are_closed_in_order(shopping, brand):
    skipped = await brand.close(2)
    empty = await brand.close(1)
    zero = await brand.close(0)

    assert (skipped.status_code, skipped.json()["code"]) == (409, "statement_not_next")
    assert "number 1" in skipped.json()["detail"]
    assert (empty.status_code, empty.json()["total"]) == (200, 0)
    assert zero.status_code == 400


async def test_statements_of_shop_are_separate_by_brand(shopping, brand, world):
    await sold_and_returned(shopping)
    guest = await world.staff()
    await guest.put("/v1/console/shops/theirs", {"number": shopping.shop.number})
    await brand.worker.put(brand.path.replace("statements", f"brands/{guest.brand_id}"), {})
    theirs = await world.programme(await world.brand_of(guest), currency="RUB")
    mine, shopping.programme = shopping.programme, theirs
    await shopping.sell(await shopping.code(await shopping.offer(Promo(FixedAmount(100)))))
    shopping.programme = mine

    closed = (await brand.close(1)).json()
    other = Pages(guest, "/v1/console/shops/theirs/statements")
    listed = (await shopping.ask("GET", "statements")).json()

    assert (await other.all())["open"] | {"discounts": 100, "total": 100} == (await other.all())["open"]
    assert [row["brand"]["id"] for row in listed["open"]] == [mine.brand_id, guest.brand_id]
    assert [row["total"] for row in listed["open"]] == [0, 100]
    (row,) = listed["items"]
    assert row == closed | {"brand": row["brand"]}
    assert row["brand"]["id"] == mine.brand_id


async def test_debt_of_unlinked_brand_stays(shopping, brand):
    await sold_and_returned(shopping)
    await brand.worker.delete(brand.path.removesuffix("/statements"))

    listed = (await shopping.ask("GET", "statements")).json()

    assert [row["total"] for row in listed["open"]] == [834]
    assert (await brand.close(1)).json()["total"] == 834


async def test_statements_are_paged_newest_first(shopping, brand):
    for number in (1, 2, 3):
        await brand.close(number)

    first = await brand.all(limit=2)
    rest = await brand.all(cursor=first["next"])
    at_till = (await shopping.ask("GET", "statements?limit=2")).json()
    rest_at_till = (await shopping.ask("GET", f"statements?cursor={at_till['next']}")).json()

    assert [row["number"] for row in first["items"] + rest["items"]] == [3, 2, 1]
    assert [row["number"] for row in at_till["items"] + rest_at_till["items"]] == [3, 2, 1]
    assert "next" not in rest
    assert "next" not in rest_at_till


async def test_statement_csv_has_every_payable_and_total(shopping, brand):
    code = await sold_and_returned(shopping)
    receipt = {"fn": "9960440300112233", "fd": "27118", "fp": "3456789012"}
    await shopping.ask("PUT", "sales/a/fiscal", receipt)
    await brand.close(1)

    english = await brand.file(1, "csv")
    russian = await brand.file(1, "csv", **{"Accept-Language": "ru"})

    assert english.headers["content-type"].startswith("text/csv")
    names, *rows, total = csv.reader(io.StringIO(english.text.removeprefix("\ufeff")))
    listed = [dict(zip(names, row, strict=True)) for row in rows]
    assert [(row["Operation"], row["Sale"], row["Return"], row["Paid, RUB"], row["Owed, RUB"]) for row in listed] == [
        ("sale", "a", "", "126.67", "6.67"),
        ("sale", "b", "", "126.67", "6.67"),
        ("return", "a", "r", "-95.00", "-5.00"),
    ]
    assert {row["Promo code"] for row in listed} == {code}
    assert listed[0]["Receipt: FN/FD/FPD"] == "9960440300112233/27118/3456789012"
    assert (total[0], total[-1]) == ("Total", "8.34")
    assert "К возмещению, руб" in russian.text
    assert russian.text.rstrip().endswith(";8,34")


async def test_long_statement_is_complete_in_every_format(shopping, brand, monkeypatch):
    monkeypatch.setattr("backend.checkout.settlements.files.PAGE", 7)
    code = await shopping.code(await shopping.offer())
    for _ in range(60):
        await shopping.sell(code)
    total = (await brand.close(1)).json()["total"]

    lines = (await brand.file(1, "csv")).text.splitlines()
    sheet = load_workbook(io.BytesIO((await brand.file(1, "xlsx")).content)).active
    paper = await brand.file(1, "pdf", **{"Accept-Language": "ru"})

    assert total == 60 * 667
    assert len(lines) == 62
    cells = [row[-1].value for row in sheet.iter_rows(min_row=2)]
    assert sum(cells[:-1]) == pytest.approx(cells[-1]) == total / 100
    assert paper.headers["content-type"] == "application/pdf"
    pages = PdfDocument(paper.content)
    words = "\n".join(page.get_textpage().get_text_bounded() for page in pages)
    assert len(pages) == 2
    assert "Отчёт № 1" in words
    assert words.count("продажа") == 60
    assert words.count(f"{total / 100:.2f}".replace(".", ",")) == 3


async def test_statement_too_long_for_pdf_is_available_as_csv(shopping, brand, monkeypatch):
    monkeypatch.setattr("backend.checkout.settlements.files.MAX_PDF_ROWS", 2)
    await sold_and_returned(shopping)
    await brand.close(1)

    paper, table = await brand.file(1, "pdf"), await brand.file(1, "csv")

    assert (paper.status_code, paper.json()["code"]) == (422, "statement_too_long")
    assert table.status_code == 200


async def test_till_gets_the_same_statement_file(shopping, brand):
    await sold_and_returned(shopping)
    await brand.close(1)

    path = f"statements/{shopping.programme.brand_id}/1/file"
    files = [(await shopping.ask("GET", f"{path}.{kind}")).content for kind in ("csv", "xlsx", "pdf")]

    assert files[0] == (await brand.file(1, "csv")).content
    assert files[2] == (await brand.file(1, "pdf")).content
    assert load_workbook(io.BytesIO(files[1])).active.max_row == 5


async def test_file_of_open_period_is_not_found(shopping, brand, world):
    await sold_and_returned(shopping)
    stranger = await world.till((await world.brand()).id)
    answers = [await brand.file(1, kind) for kind in ("csv", "xlsx", "pdf")]
    await brand.close(1)

    answers.append(await shopping.ask("GET", f"statements/{shopping.programme.brand_id}/1/file.csv", till=stranger))

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "statement_unknown")] * 4


async def test_page_token_cannot_read_statements(shopping, brand, world):
    await brand.close(1)
    pages = await world.till(shop=shopping.shop, kind="web", origins=["https://shop.example"])
    paths = ["statements", f"statements/{shopping.programme.brand_id}/1/file.csv"]

    answers = [await shopping.ask("GET", path, till=pages) for path in paths]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "token_in_pages")] * 2


async def test_closing_waits_for_open_sales_and_is_idempotent(shopping, brand, world):
    code = await shopping.code(await shopping.offer())
    async with world.db.begin() as session:
        await share_shop(session, shopping.shop.id)
        closings = [asyncio.create_task(brand.close(1)) for _ in range(3)]
        await asyncio.sleep(0.3)
        waits = [closing.done() for closing in closings]
        await session.execute(DUE, {"shop": shopping.shop.id, "brand": shopping.programme.brand_id})
    answers = [(await closing).json() for closing in closings]
    await shopping.sell(code)

    assert waits == [False] * 3
    assert [answer["total"] for answer in answers] == [7] * 3
    assert answers[1:] == answers[:2]
    assert (await brand.all())["open"]["total"] == 667


async def test_concurrent_sales_and_closings_count_each_payable_once(shopping, brand, world):
    code = await shopping.code(await shopping.offer())

    async def closings():
        return [(await brand.close(number)).json()["total"] for number in range(1, 6)]

    answers = await asyncio.gather(closings(), *(shopping.sell(code) for _ in range(40)))

    rest = (await brand.all())["open"]["total"]
    assert {sale.status_code for sale in answers[1:]} == {200}
    assert sum(answers[0]) + rest == (await world.db.call(OWED)).total == 40 * 667


async def test_closed_statement_cannot_be_changed(shopping, brand, world):
    await brand.close(1)

    for change in ("UPDATE statements SET total = 1", "DELETE FROM statements"):
        with pytest.raises(DBAPIError) as refused:
            async with world.db.begin() as session:
                await session.execute(text(change))
        assert refused.value.orig.sqlstate == "42501"


@pytest.mark.parametrize(
    ("change", "back", "fault"),
    [
        ("UPDATE dues SET amount = amount + 1", "UPDATE dues SET amount = amount - 1", PAYABLES),
        ("UPDATE dues SET creditor_id = -creditor_id", "UPDATE dues SET creditor_id = -creditor_id", PAYABLES),
        ("UPDATE dues SET kind = 3 - kind", "UPDATE dues SET kind = 3 - kind", PAYABLES),
        ("UPDATE reversals SET discount = 1", "UPDATE reversals SET discount = 500", PAYABLES),
        ("UPDATE redemptions SET reason = 'over_offline_limit'", "UPDATE redemptions SET reason = NULL", PAYABLES),
        ("UPDATE statements SET total = total + 1", "UPDATE statements SET total = total - 1", STATEMENTS),
        (
            "UPDATE statements SET upto_due = 0",
            "UPDATE statements SET upto_due = (SELECT max(id) FROM dues)",
            STATEMENTS,
        ),
        ("UPDATE sales SET amount = amount + 1", "UPDATE sales SET amount = amount - 1", SALES),
        (
            "UPDATE sales SET returned_amount = returned_amount + 1",
            "UPDATE sales SET returned_amount = returned_amount - 1",
            SALES,
        ),
        ("UPDATE sale_lines SET sale_id = -sale_id", "UPDATE sale_lines SET sale_id = -sale_id", SALES),
        ("UPDATE shares SET base = base + 1", "UPDATE shares SET base = base - 1", SALES),
        ("UPDATE shares SET redemption_id = -redemption_id", "UPDATE shares SET redemption_id = -redemption_id", SALES),
        ("UPDATE redemptions SET sale_id = -sale_id", "UPDATE redemptions SET sale_id = -sale_id", SALES),
    ],
)
async def test_audit_finds_tampered_payables(shopping, brand, owner, change, back, fault):
    await sold_and_returned(shopping)
    await brand.close(1)
    before = [await owner.rows(text(check)) for check in (PAYABLES, SALES, STATEMENTS)]

    await as_superuser(owner, change)
    found = await owner.rows(text(fault))
    await as_superuser(owner, back)

    assert before == [[], [], []]
    assert found
