"""How many accounts an address, a network and everybody together may make."""

import asyncio

import pytest
from litestar import Litestar
from sqlalchemy import text

from backend.core.db.database import Database
from tests.make import caller


async def test_accounts_per_address_are_limited(app: Litestar):
    async with caller(app, "198.51.100.7") as here:
        made = [(await here.post("/v1/accounts")).status_code for _ in range(100)]
        refused = await here.post("/v1/accounts")

    assert made == [201] * 100
    assert refused.status_code == 429
    assert refused.json()["code"] == "too_many_requests"
    assert 0 < int(refused.headers["retry-after"]) <= 3600


@pytest.mark.parametrize(
    ("first", "neighbour", "stranger"),
    [
        ("198.51.100.7", "198.51.100.250", "198.51.101.7"),
        ("2001:db8:1:1::7", "2001:db8:1:ff:ffff::1", "2001:db8:1:100::7"),
        ("::ffff:198.51.100.7", "198.51.100.9", "::ffff:198.51.101.9"),
    ],
)
async def test_accounts_are_limited_by_network(app: Litestar, number, first: str, neighbour: str, stranger: str):
    number("accounts_per_hour_per_address", 2)
    async with caller(app, first) as one, caller(app, neighbour) as two, caller(app, stranger) as three:
        statuses = [(await client.post("/v1/accounts")).status_code for client in (one, two, two, one, three)]

    assert statuses == [201, 201, 429, 429, 201]


async def test_accounts_of_all_addresses_are_limited(app: Litestar, number):
    number("accounts_per_hour", 3)
    statuses = []
    for third in range(4):
        async with caller(app, f"198.51.{third}.7") as client:
            statuses.append((await client.post("/v1/accounts")).status_code)

    assert statuses == [201, 201, 201, 429]


async def test_creation_limit_holds_concurrently(app: Litestar, number):
    number("accounts_per_hour_per_address", 10)
    async with caller(app, "198.51.100.7") as client:
        answers = await asyncio.gather(*(client.post("/v1/accounts") for _ in range(40)))

    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [429] * 30


async def test_creation_counters_are_shared_by_processes(app: Litestar, database_url: str, number):
    number("accounts_per_hour_per_address", 1)
    async with caller(app, "198.51.100.7") as client:
        await client.post("/v1/accounts")
    other = Database(database_url, pool_size=1)

    row = await other.call(text("SELECT count FROM counters WHERE key = 'accounts:198.51.100.0/24'"))
    await other.close()

    assert row.count == 1


async def test_creation_window_restarts_after_its_end(app: Litestar, db: Database, number):
    number("accounts_per_hour_per_address", 1)
    async with caller(app, "198.51.100.7") as client:
        await client.post("/v1/accounts")
        async with db.begin() as session:
            await session.execute(text("UPDATE counters SET ends_at = now()"))

        assert (await client.post("/v1/accounts")).status_code == 201


async def test_forged_address_is_not_counted(app: Litestar, number):
    number("accounts_per_hour_per_address", 1)
    async with caller(app, "198.51.100.7") as client:
        statuses = [
            (await client.post("/v1/accounts", headers={"X-Forwarded-For": f"192.0.2.{hop}, 10.{hop}.0.1"})).status_code
            for hop in range(3)
        ]

    assert statuses == [201, 429, 429]
