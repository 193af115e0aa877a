"""Accounts over HTTP: making one, its devices, who may call, and how many an address may make."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import AsyncClient, Response
from litestar import Litestar
from sqlalchemy import text
from stdnum import luhn

from backend import tokens
from backend.database import Database
from tests.make import World, bearer, caller


async def test_an_account_is_three_strings_and_no_person(client: AsyncClient):
    response = await client.post("/v1/accounts")

    assert response.status_code == 201
    made = response.json()
    assert sorted(made) == ["card_number", "recovery_code", "token"]
    assert len(made["card_number"]) == 16
    assert luhn.is_valid(made["card_number"])
    assert re.fullmatch(r"ls_[A-Za-z0-9_-]{47}", made["token"])
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{6}", made["recovery_code"])
    assert len(response.content) < 300


async def test_neither_token_nor_recovery_code_is_kept(client: AsyncClient, owner: Database):
    made = (await client.post("/v1/accounts")).json()

    rows = await owner.rows(
        text("""
        SELECT a::text AS kept FROM accounts a UNION ALL SELECT d::text FROM devices d
        UNION ALL SELECT e::text FROM events e UNION ALL SELECT c::text FROM counters c""")
    )
    kept = "".join(row.kept for row in rows)
    for secret in (made["token"], made["recovery_code"], made["recovery_code"].replace("-", "")):
        assert secret not in kept
        assert secret.encode().hex() not in kept


async def test_a_card_number_gives_no_access(client: AsyncClient):
    made = (await client.post("/v1/accounts")).json()

    response = await client.get("/v1/me", headers={"Authorization": f"Bearer {made['card_number']}"})

    assert response.status_code == 401


async def ended_token(world: World) -> str:
    account = await world.account()
    (device,) = (await world.client.get("/v1/devices", headers=bearer(account))).json()["items"]
    await world.client.delete(f"/v1/devices/{device['id']}", headers=bearer(account))
    return account.token


async def closed_token(world: World) -> str:
    account = await world.account()
    await world.client.delete("/v1/me", headers=bearer(account))
    return account.token


async def outlived_token(world: World) -> str:
    account = await world.account()
    digest = tokens.digest(account.token)
    async with world.db.begin() as session:
        await session.execute(
            text("UPDATE devices SET expires_at = now() - interval '1 second' WHERE token_digest = :digest"),
            {"digest": digest},
        )
    return account.token


async def unknown_token(world: World) -> str:
    return tokens.token("ls")


async def malformed_token(world: World) -> str:
    return "ls_" + "A" * 47


async def staff_token(world: World) -> str:
    return tokens.token("st")


@pytest.mark.parametrize(
    "make", [ended_token, closed_token, outlived_token, malformed_token, staff_token], ids=lambda f: f.__name__
)
async def test_strangers_cannot_tell_why_a_token_opens_nothing(world: World, make):
    expected = await _refused(world, await unknown_token(world))

    answer = await _refused(world, await make(world))

    assert _without_request_id(answer) == _without_request_id(expected)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def _refused(world: World, token: str) -> Response:
    return await world.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


def _without_request_id(response: Response) -> tuple[int, dict[str, str], dict[str, object]]:
    headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
    body = response.json()
    body.pop("request_id")
    return response.status_code, headers, body


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Basic ls_x"}, {"Authorization": "Bearer"}, {"Authorization": ""}]
)
async def test_a_call_without_a_token_gets_the_same_answer(world: World, header: dict[str, str]):
    expected = await _refused(world, tokens.token("ls"))

    response = await world.client.get("/v1/me", headers=header)

    assert _without_request_id(response) == _without_request_id(expected)


async def test_a_device_is_listed_and_ended_one_by_one(world: World):
    account = await world.account()
    (device,) = (await world.client.get("/v1/devices", headers=bearer(account))).json()["items"]
    assert device["current"] is True

    first = await world.client.delete(f"/v1/devices/{device['id']}", headers=bearer(account))

    assert first.status_code == 204
    assert (await world.client.get("/v1/me", headers=bearer(account))).status_code == 401


async def test_a_device_of_another_account_cannot_be_ended(world: World):
    mine, other = await world.account(), await world.account()
    (device,) = (await world.client.get("/v1/devices", headers=bearer(other))).json()["items"]

    response = await world.client.delete(f"/v1/devices/{device['id']}", headers=bearer(mine))

    assert response.status_code == 404
    assert response.json()["code"] == "device_unknown"
    assert (await world.client.get("/v1/me", headers=bearer(other))).status_code == 200


@pytest.mark.parametrize("number", ["0", "-1", "9223372036854775808", "1" * 30])
async def test_a_device_number_out_of_range_is_a_clear_error(world: World, number: str):
    account = await world.account()

    response = await world.client.delete(f"/v1/devices/{number}", headers=bearer(account))

    assert response.status_code in (400, 404)


async def test_a_token_lives_on_while_it_is_used(world: World):
    account = await world.account()
    async with world.db.begin() as session:
        await session.execute(
            text("UPDATE devices SET seen_at = now() - interval '2 hours', expires_at = now() + interval '1 day'")
        )

    await world.client.get("/v1/me", headers=bearer(account))

    row = await world.db.call(text("SELECT seen_at, expires_at FROM devices"))
    assert row.seen_at > datetime.now(UTC) - timedelta(minutes=1)
    assert row.expires_at > datetime.now(UTC) + timedelta(days=89)


async def test_a_token_is_not_written_with_each_call(world: World):
    account = await world.account()
    before = await world.db.call(text("SELECT xmin::text AS version FROM devices"))

    await world.client.get("/v1/me", headers=bearer(account))

    assert await world.db.call(text("SELECT xmin::text AS version FROM devices")) == before


async def test_an_address_makes_a_hundred_accounts_an_hour(app: Litestar, world: World):
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
async def test_a_network_is_counted_as_one_and_no_other_with_it(
    app: Litestar, number, first: str, neighbour: str, stranger: str
):
    number("accounts_per_hour_per_address", 2)
    async with caller(app, first) as one, caller(app, neighbour) as two, caller(app, stranger) as three:
        statuses = [(await client.post("/v1/accounts")).status_code for client in (one, two, two, one, three)]

    assert statuses == [201, 201, 429, 429, 201]


async def test_all_addresses_together_have_a_limit(app: Litestar, number):
    number("accounts_per_hour", 3)
    statuses = []
    for third in range(4):
        async with caller(app, f"198.51.{third}.7") as client:
            statuses.append((await client.post("/v1/accounts")).status_code)

    assert statuses == [201, 201, 201, 429]


async def test_a_limit_holds_against_callers_at_once(app: Litestar, number):
    number("accounts_per_hour_per_address", 10)
    async with caller(app, "198.51.100.7") as client:
        answers = await asyncio.gather(*(client.post("/v1/accounts") for _ in range(40)))

    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [429] * 30


async def test_counters_are_shared_by_processes(app: Litestar, database_url: str, number):
    number("accounts_per_hour_per_address", 1)
    async with caller(app, "198.51.100.7") as client:
        await client.post("/v1/accounts")
    other = Database(database_url, pool_size=1)

    row = await other.call(text("SELECT count FROM counters WHERE key = 'accounts:198.51.100.0/24'"))
    await other.close()

    assert row.count == 1


async def test_a_window_that_is_over_begins_anew(app: Litestar, db: Database, number):
    number("accounts_per_hour_per_address", 1)
    async with caller(app, "198.51.100.7") as client:
        await client.post("/v1/accounts")
        async with db.begin() as session:
            await session.execute(text("UPDATE counters SET ends_at = now()"))

        assert (await client.post("/v1/accounts")).status_code == 201


async def test_a_stranger_cannot_choose_the_address_that_is_counted(app: Litestar, number):
    number("accounts_per_hour_per_address", 1)
    async with caller(app, "198.51.100.7") as client:
        statuses = [
            (await client.post("/v1/accounts", headers={"X-Forwarded-For": f"192.0.2.{hop}, 10.{hop}.0.1"})).status_code
            for hop in range(3)
        ]

    assert statuses == [201, 429, 429]
