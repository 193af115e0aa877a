"""The cache of till tokens: each request still reads whether the till is signed in, and its current cashier."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from tests.checkout.till_client import BASKET


@pytest.fixture
async def code(shopping):
    """A code that was used once, so the till is in the cache."""
    made = await shopping.code(await shopping.offer())
    assert (await shopping.sell(made)).status_code == 200
    return made


async def change(world, setting):
    await world.db.rows(text(f"UPDATE tills SET {setting}"))  # noqa: S608 - our own


REQUESTS = [("POST", "quotes", {}), ("PUT", "reservations/r", {"seconds": 60}), ("PUT", "sales/s", {})]


@pytest.mark.parametrize(("method", "path", "more"), REQUESTS)
@pytest.mark.parametrize("ending", ["disabled_at = now()", "token_digest = sha256(token_digest)"])
async def test_token_that_was_revoked_is_refused(world, shopping, code, method, path, more, ending):
    await change(world, ending)

    answer = await shopping.ask(method, path, {"codes": [code], "basket": BASKET} | more)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("setting", "refusal"),
    [
        ("kind = 'web', origins = ARRAY['https://shop.example']", "token_in_pages"),
        ("needs_cashier = true", "cashier_needed"),
    ],
)
async def test_till_that_may_no_longer_sell_still_quotes(world, shopping, code, setting, refusal):
    await change(world, setting)

    sale, quote = await shopping.sell(code), await shopping.quote(code)

    assert (sale.status_code, sale.json()["code"]) == (403, refusal)
    assert quote["applied"]


async def test_sale_has_the_cashier_of_the_current_shift(world, shopping, code):
    await world.db.rows(text("INSERT INTO cashiers (shop_id, key) SELECT shop_id, 'first' FROM tills"))
    await change(world, "cashier_id = (SELECT id FROM cashiers), shift_ends_at = now() + interval '1 hour'")

    assert (await shopping.sell(code, key="with")).status_code == 200
    await change(world, "shift_ends_at = now()")
    assert (await shopping.sell(code, key="without")).status_code == 200

    rows = await world.db.rows(text("SELECT key, cashier_id IS NOT NULL AS has FROM sales ORDER BY id"))
    assert [(row.key, row.has) for row in rows[1:]] == [("with", True), ("without", False)]


async def test_cors_follows_current_origins_of_till(world, shopping, code):
    origin = "https://shop.example"
    body = {"codes": [code], "basket": BASKET}
    page = shopping.till | {"Origin": origin}
    readable = []
    for setting in (f"kind = 'web', origins = ARRAY['{origin}']", "origins = ARRAY['https://other.example']"):
        await change(world, setting)
        answer = await shopping.ask("POST", "quotes", body, page)
        readable.append(answer.headers.get("access-control-allow-origin"))

    assert readable == [origin, None]


async def test_offline_batch_has_the_cashier_of_its_start(world, shopping, code):
    await world.db.rows(text("INSERT INTO cashiers (shop_id, key) SELECT shop_id, 'first' FROM tills"))
    await change(world, "cashier_id = (SELECT id FROM cashiers), shift_ends_at = now() + interval '1 hour'")
    at = datetime.now(UTC) - timedelta(hours=1)
    sales = [
        {
            "id": f"s{n}",
            "taken_at": (at + timedelta(minutes=n)).isoformat(),
            "discount": 0,
            "codes": [],
            "basket": BASKET,
        }
        for n in range(2)
    ]

    async with world.db.begin() as session:
        await session.execute(text("LOCK TABLE sales IN SHARE MODE"))
        batch = asyncio.create_task(shopping.ask("POST", "sales/batch", {"sales": sales}))
        await asyncio.sleep(0.3)
        await session.execute(text("UPDATE tills SET shift_ends_at = now()"))

    assert (await batch).status_code == 200
    rows = await world.db.rows(text("SELECT cashier_id IS NOT NULL AS has FROM sales WHERE key LIKE 's%'"))
    assert [row.has for row in rows] == [True, True]
