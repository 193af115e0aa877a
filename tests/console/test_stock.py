"""Stocks of codes, over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from backend.core.security import gift_card_codes
from tests.core.tabular.workbooks import book, number_cell, styles, text_cell
from tests.core.tabular.workbooks import row as row_of
from tests.make import caller
from tests.spending.scenario import spending_scenario

CODES = ["7KQ2-M9XJ-4T0C", "GIFT/ab-17", "0000 1111 2222 3333"]
LATER = datetime.now(UTC).date() + timedelta(days=90)
LOW = text("SELECT offers_stock_low(:offer, :nominal)")
EVENTS = text("SELECT body FROM events WHERE kind = 'stock.low' ORDER BY id")


@pytest.fixture
async def offer(shop):
    return await shop.offer("stock", key="gift", least=100_000, most=500_000, step=100_000)


async def send(worker, content, key="gift", media="text/csv"):
    headers = {"Content-Type": media}
    return await worker.ask("POST", f"/v1/console/offers/{key}/stock", content=content, headers=headers)


def status_and_code(answer):
    return answer.status_code, answer.json().get("code")


def lines(codes, nominal="1000"):
    return "\n".join(["code,nominal", *(f"{code},{nominal}" for code in codes)])


async def counts(worker, key="gift"):
    items = (await worker.get(f"/v1/console/offers/{key}/stock")).json()["items"]
    return {row["nominal"]: (row["free"], row["sold"], row["expired"]) for row in items}


async def test_imported_codes_are_counted_and_sold(world, shop, manager, offer):
    answer = await send(manager, f"code,nominal,valid_until\n{CODES[0]},1000,{LATER}\n{CODES[1]},1000,\n")
    agent = await shop.agent(500_000)

    ordered = (await shop.order(agent, offer, nominal=100_000)).json()

    assert answer.json() == {"rows": 2, "added": 2, "known": 0, "refused": 0, "problems": []}
    assert (ordered["status"], ordered["valid_until"]) == ("done", str(LATER))
    assert await counts(manager) == {100_000: (1, 1, 0)}


async def test_stored_codes_are_encrypted(world, manager, offer):
    await send(manager, lines(CODES))

    rows = await world.db.rows(text("SELECT t::text AS line, sealed, digest FROM stock_codes t"))

    assert len(rows) == 3
    for row in rows:
        for code in CODES:
            assert code not in row.line
            assert code.encode() not in row.sealed + row.digest


async def test_stock_file_can_be_repeated(manager, offer):
    await send(manager, lines(CODES[:2]))

    again = (await send(manager, lines(CODES))).json()

    assert (again["rows"], again["added"], again["known"], again["refused"]) == (3, 1, 2, 0)
    assert await counts(manager) == {100_000: (3, 0, 0)}


async def test_stock_of_released_data_is_recognized(world, settings, manager, offer):
    await send(manager, lines(["ЁЖ7KQ2."]))
    async with world.db.begin() as session:
        await session.execute(
            text("UPDATE stock_codes SET digest = :digest"),
            {"digest": gift_card_codes.older_digest(settings, "ЁЖ7KQ2.")},
        )

    again = (await send(manager, lines(["ЁЖ7KQ2."]))).json()

    assert (again["known"], again["added"]) == (1, 0)


async def test_refused_rows_are_reported_without_codes(manager, offer):
    rows = [
        "good-1,1000,",
        "good-1,1000,",
        "GOOD 1,1000,",
        ",1000,",
        "=cmd|x,1000,",
        "+7001,1000,",
        "@sum,1000,",
        "'=1+1,1000,",
        "x\ty,1000,",
        f"{'s' * 201},1000,",
        "good-2,1500,",
        "good-3,minus,",
        "good-4,1000,2020-01-01",
        "good-5,1000,31.02.2030",
        "good-6,1000,31.12.2099,more",
        "good-7,\u200b1000,",
        "good-8,5 000,31.12.2099",
    ]

    answer = await send(manager, "\n".join(["code,nominal,valid_until", *rows]))

    report = answer.json()
    assert (report["rows"], report["added"], report["refused"]) == (17, 2, 15)
    found = [(row["line"], row["column"], row["code"]) for row in report["problems"]]
    assert found == [
        (3, "code", "code_repeated"),
        (4, "code", "code_repeated"),
        (5, "code", "code_unfit"),
        (6, "code", "code_unfit"),
        (7, "code", "code_unfit"),
        (8, "code", "code_unfit"),
        (9, "code", "code_unfit"),
        (10, "code", "code_unfit"),
        (11, "code", "code_unfit"),
        (12, "nominal", "nominal_unfit"),
        (13, "nominal", "nominal_unfit"),
        (14, "valid_until", "code_expired"),
        (15, "valid_until", "day_unfit"),
        (16, "", "row_too_long"),
        (17, "nominal", "nominal_unfit"),
    ]
    assert not any(word in answer.text for word in ("good", "GOOD", "cmd", "7001", "sum", "sss"))


async def test_duplicate_code_of_a_brand_is_refused(shop, manager, offer):
    await shop.offer("stock", key="other", least=100_000, most=500_000, step=100_000)
    await send(manager, lines(CODES[:2]))
    agent = await shop.agent(500_000)
    await shop.order(agent, offer, nominal=100_000)

    elsewhere = (await send(manager, lines(CODES), key="other")).json()
    other_worth = (await send(manager, lines(CODES[1:2], nominal="2000"))).json()
    sold = (await send(manager, lines(CODES[:1]))).json()

    assert (elsewhere["added"], [row["code"] for row in elsewhere["problems"]]) == (1, ["code_in_stock"] * 2)
    assert [row["code"] for row in other_worth["problems"]] == ["code_in_stock"]
    assert [row["code"] for row in sold["problems"]] == ["code_in_stock"]


async def test_gift_card_code_is_refused_in_stock(shop, manager, offer):
    own = (await shop.order(await shop.agent(5000), await shop.offer("own"))).json()["code"]

    report = (await send(manager, lines([own]))).json()

    assert [row["code"] for row in report["problems"]] == ["code_in_stock"]


async def test_brands_may_share_a_code(world, manager, offer):
    theirs = await spending_scenario(world)
    stranger = await world.staff(await world.brand_by_id(theirs.programme.brand_id))
    await theirs.offer("stock", key="mine", nominal=100_000)

    first, second = await send(manager, lines(CODES)), await send(stranger, lines(CODES), key="mine")

    assert (first.json()["added"], second.json()["added"]) == (3, 3)


async def test_concurrent_files_add_each_code_once(manager, offer):
    codes = [f"RACE-{number:05}" for number in range(300)]

    answers = await asyncio.gather(*(send(manager, lines(codes)), send(manager, lines(codes[::-1]))))

    added = [answer.json()["added"] for answer in answers if answer.status_code == 200]
    assert sum(added) == 300
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert await counts(manager) == {100_000: (300, 0, 0)}


@pytest.mark.parametrize(
    "content",
    [
        lines(CODES[:1]).encode("utf-8-sig"),
        lines(CODES[:1]).encode("utf-16"),
        f"Код;Номинал, руб;Действует до\r\n{CODES[0]};1 000,00;{LATER:%d.%m.%Y}\r\n".encode("cp1251"),
        f'"nominal"\t"code"\tsomething\n"1000.00"\t"{CODES[0]}"\tx\n'.encode(),
    ],
    ids=["with its mark", "utf-16", "as a Russian spreadsheet writes", "with tabs"],
)
async def test_real_files_are_read(manager, offer, content):
    report = (await send(manager, content)).json()

    assert (report["added"], report["problems"]) == (1, [])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "file_unreadable"),
        (CODES[0], "stock_columns"),
        ("code,code,nominal\n", "stock_columns"),
        ("code,valid_until\n", "stock_columns"),
        (b"PK\x03\x04nothing", "file_unreadable"),
        ('code,nominal\n"a,1000\n', "line_broken"),
        (b"\xd0\xcf\x11\xe0old", "file_unreadable"),
    ],
)
async def test_file_without_a_table_of_codes_is_refused(manager, offer, content, code):
    assert status_and_code(await send(manager, content)) == (422, code)


async def test_stock_of_workbook_has_displayed_values(world, manager, offer):
    head = row_of(*map(text_cell, ("Код", "Номинал", "Действует до")))
    first = row_of(number_cell(12345, 2), number_cell(1000), number_cell(73050, 1))
    content = book(head + first, style_part=styles(14, "00000000"))

    report = (await send(manager, content)).json()

    assert (report["added"], report["problems"]) == (1, [])
    assert [str(day) for (day,) in await world.db.rows(text("SELECT valid_until FROM stock_codes"))] == ["2099-12-31"]


async def test_codes_damaged_by_a_spreadsheet_are_refused(manager, offer):
    rows = [f"{n},1000,2099-12-31" for n in range(4_000_000_001, 4_000_000_013)]
    rows += [
        "12345678,1000,2099-12-31",
        '"4,6E+12",1000,2099-12-31',
        "#Н/Д,1000,2099-12-31",
        "02.янв,1000,",
        "GIFT-1,1000",
    ]

    report = (await send(manager, "\n".join(["code,nominal,valid_until", *rows]))).json()

    assert report["added"] == 12
    assert [(row["line"], row["column"], row["code"]) for row in report["problems"]] == [
        (14, "code", "leading_zeros_invalid"),
        (15, "code", "shortened_number_invalid"),
        (16, "code", "cell_error_invalid"),
        (17, "code", "date_cell_invalid"),
        (18, "valid_until", "row_too_short"),
    ]


async def test_stock_code_is_sold_without_invisible_signs(shop, manager, offer):
    await send(manager, "code,nominal\nZZ-17\u200b,1000\n")

    sold = await shop.order(await shop.agent(500_000), offer, nominal=100_000)

    assert sold.json()["code"] == "ZZ-17"


async def test_interrupted_file_adds_nothing(manager, offer):
    answer = await send(manager, lines([f"MID-{n}" for n in range(2500)]) + '\n"broken,1000\n')

    assert status_and_code(answer) == (422, "line_broken")
    assert await counts(manager) == {}


async def test_stock_file_other_than_csv_is_refused(shop, manager, offer):
    await shop.offer("own", key="own")

    assert (await send(manager, lines(CODES), media="application/json")).status_code == 415
    assert status_and_code(await send(manager, lines(CODES), key="own")) == (409, "not_a_stock")
    assert status_and_code(await manager.get("/v1/console/offers/own/stock")) == (409, "not_a_stock")
    assert status_and_code(await send(manager, lines(CODES), key="nothing")) == (404, "offer_not_kept")


async def test_body_over_16_mib_is_refused(manager, offer):
    assert (await send(manager, b"x" * (16 * 2**20 + 1))).status_code == 413


async def test_fifty_thousand_rows_are_imported(manager, offer):
    report = (await send(manager, lines([f"BULK-{number:06}" for number in range(50_000)]))).json()

    assert (report["rows"], report["added"], report["refused"]) == (50_000, 50_000, 0)
    assert await counts(manager) == {100_000: (50_000, 0, 0)}


async def test_more_than_200000_rows_are_too_many(manager, offer):
    answer = await send(manager, "code,nominal\n" + "x,1\n" * 200_001)

    assert status_and_code(answer) == (413, "stock_too_long")


async def test_expired_codes_are_counted_separately(world, manager, offer):
    await send(manager, f"code,nominal,valid_until\n{CODES[0]},1000,{LATER}\n")
    await world.db.rows(text("UPDATE stock_codes SET valid_until = current_date - 1"))

    assert await counts(manager) == {100_000: (0, 0, 1)}


async def test_low_stock_event_is_sent_once_per_delivery(world, shop, manager, offer, number):
    number("stock_low", 2)
    await send(manager, lines(CODES))
    agent = await shop.agent(10**8)

    async def sell():
        await shop.order(agent, offer, nominal=100_000)
        await world.db.rows(LOW, offer=offer.id, nominal=100_000)
        return [row.body["free"] for row in await world.db.rows(EVENTS)]

    before, below, still = [await sell() for _ in range(3)]
    low = (await manager.get("/v1/console/offers/gift/stock")).json()["items"][0]["low"]
    await send(manager, lines(["NEW-1", "NEW-2"]))
    anew = await sell()

    assert (before, below, still, low) == ([], [1], [1], True)
    assert anew == [1, 1]
    (body, _) = [row.body for row in await world.db.rows(EVENTS)]
    assert body == {"offer": "gift", "nominal": 100_000, "free": 1}


async def test_low_stock_is_in_the_metrics(app, manager, offer):
    async with caller(app, "127.0.0.1") as here:
        before = (await here.get("/metrics")).text
        await send(manager, lines(CODES))
        after = (await here.get("/metrics")).text

    assert "scanback_stocks_low 0.0" in before
    assert "scanback_stocks_low 1.0" in after
