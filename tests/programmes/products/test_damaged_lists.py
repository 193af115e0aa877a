"""Stocks, lists of codes and sellers, damaged as spreadsheets and programs do, come in again: equal or reported."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from stdnum.ru import inn as tax_number

from tests.make import World
from tests.programmes.products import damages
from tests.programmes.products.damages import written
from tests.spending.scenario import spending_scenario

IMPORTS = "/v1/console/imports"
RUNS = itertools.count(1)
LATER = datetime.now(UTC).date() + timedelta(days=90)
EXAMPLES = settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
    deadline=None,
)
DIGITS = st.from_regex(r"[0-9]{8}", fullmatch=True)
LONG_DIGITS = st.from_regex(r"0[1-9][0-9]{14}", fullmatch=True)
LETTERS = st.from_regex(r"[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}", fullmatch=True)


def columns(codes, others, **sizes):
    return st.lists(st.tuples(codes, *others), unique_by=lambda row: row[0], **sizes)


NOMINALS = st.sampled_from(["1000", "2000,00"])
STOCKS = st.one_of(
    *(
        columns(
            codes, [st.sampled_from(["1000", "2000,00"]), st.sampled_from(["", str(LATER)])], min_size=1, max_size=6
        )
        for codes in (DIGITS, LONG_DIGITS, LETTERS)
    )
)
LISTS = st.one_of(*(columns(codes, [], min_size=2, max_size=6) for codes in (LONG_DIGITS, LETTERS)))


def inn(number):
    return f"{number:09}{tax_number.calc_company_check_digit(f'{number:09}')}"


NOTES = st.one_of(
    st.sampled_from(["", "Продаёт сам себе", "007", "1-2", "TRUE", "3,14", "Склад №1 ½"]),
    st.text("АБВабв 0123", max_size=12).map(lambda note: " ".join(note.split())),
)
SELLERS = columns(
    st.integers(10**6, 10**9 - 1).map(inn), [st.sampled_from(["да", "нет"]), NOTES], min_size=1, max_size=5
)
DAMAGE = st.one_of(damages.CELLS, damages.FILES.map(lambda damage: ("file", damage)))


def damaged(head, rows, damage, column):
    """The file, with a damage of one column or of its bytes."""
    if isinstance(damage, tuple):
        content = written([head, *rows], "utf-8-sig")
        return damage[1](content)
    place = column % len(head)
    return written([head, *([*row[:place], damage(row[place]), *row[place + 1 :]] for row in rows)])


async def put(worker, content, kind, target=None):
    params = {"kind": kind, "apply": "true"} | ({"target": target} if target else {})
    return await worker.ask("PUT", f"{IMPORTS}/{uuid.uuid4()}", files={"file": ("f", content)}, params=params)


def is_nothing_new(answer):
    """Each row is known as it is, or refused with its number and reason."""
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        report = answer.json()["report"]
        assert (report["created"], report["updated"]) == (0, 0), report
        assert report["unchanged"] + report["refused"] == report["rows"]
        assert all(row["line"] and row["detail"] for row in report["problems"])  # a header that is damaged is a row
        assert len({row["line"] for row in report["problems"]}) == report["refused"]


@EXAMPLES
@given(STOCKS, DAMAGE, st.integers(0, 2))
async def test_damaged_stock_adds_nothing(world: World, rows, damage, column):
    shop = await spending_scenario(world)
    manager = await world.staff(await world.brand_by_id(shop.programme.brand_id), "manager")
    await shop.offer("stock", key="gift", least=100_000, most=500_000, step=100_000)
    head = ["code", "nominal", "valid_until"]
    first = await put(manager, written([head, *rows]), "stock", "gift")
    assume(first.json()["report"]["refused"] == 0)

    again = await put(manager, damaged(head, rows, damage, column), "stock", "gift")

    is_nothing_new(again)


@EXAMPLES
@given(LISTS, DAMAGE)
async def test_damaged_list_of_codes_adds_nothing(world: World, rows, damage):
    run = next(RUNS)
    rows = [[f"{code}{run:04}"] for (code,) in rows]  # a code is taken once over all brands
    manager = await world.staff(role="manager")
    programme = await world.programme(await world.brand_of(manager))
    product = await world.product(programme.brand_id)
    body = {"programme_id": programme.id, "sku": product.sku, "codes": "imported"}
    batch = (await manager.put(f"/v1/console/batches/{uuid.uuid4()}", body)).json()["id"]
    first = await put(manager, written([["Код"], *rows]), "codes", batch)
    assume(first.status_code == 200 and first.json()["report"]["refused"] == 0)

    again = await put(manager, damaged(["Код"], rows, damage, 0), "codes", batch)

    is_nothing_new(again)


@EXAMPLES
@given(SELLERS, DAMAGE, st.integers(0, 2))
async def test_damaged_sellers_change_nothing(world: World, rows, damage, column):
    manager = await world.staff(role="manager")
    head = ["ИНН", "Разрешён", "Примечание"]
    first = await put(manager, written([head, *rows]), "sellers")
    assume(first.json()["report"]["refused"] == 0)
    before = (await manager.get("/v1/console/sellers")).json()

    again = await put(manager, damaged(head, rows, damage, column), "sellers")

    is_nothing_new(again)
    assert (await manager.get("/v1/console/sellers")).json() == before
