"""Accounts over HTTP: making one, its devices, who may call, and how many an address may make."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import text
from stdnum import luhn

from backend.core.db.database import Database
from backend.core.security import tokens
from tests.make import World, bearer


async def test_created_account_has_three_secrets_without_personal_data(client: AsyncClient):
    response = await client.post("/v1/accounts")

    assert response.status_code == 201
    made = response.json()
    assert sorted(made) == ["card_number", "recovery_code", "token"]
    assert len(made["card_number"]) == 16
    assert luhn.is_valid(made["card_number"])
    assert re.fullmatch(r"ls_[A-Za-z0-9_-]{47}", made["token"])
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{6}", made["recovery_code"])
    assert len(response.content) < 300


async def test_token_and_recovery_code_are_stored_as_hashes(client: AsyncClient, owner: Database):
    made = (await client.post("/v1/accounts")).json()

    rows = await owner.rows(
        text("""
        SELECT a::text AS stored FROM accounts a UNION ALL SELECT d::text FROM devices d
        UNION ALL SELECT e::text FROM events e UNION ALL SELECT c::text FROM counters c""")
    )
    stored = "".join(row.stored for row in rows)
    for secret in (made["token"], made["recovery_code"], made["recovery_code"].replace("-", "")):
        assert secret not in stored
        assert secret.encode().hex() not in stored


async def test_card_number_grants_no_access(client: AsyncClient):
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
async def test_invalid_tokens_get_the_same_response(world: World, make):
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
async def test_request_without_token_gets_the_same_response(world: World, header: dict[str, str]):
    expected = await _refused(world, tokens.token("ls"))

    response = await world.client.get("/v1/me", headers=header)

    assert _without_request_id(response) == _without_request_id(expected)


async def test_devices_are_listed_and_ended(world: World):
    account = await world.account()
    (device,) = (await world.client.get("/v1/devices", headers=bearer(account))).json()["items"]
    assert device["current"] is True

    first = await world.client.delete(f"/v1/devices/{device['id']}", headers=bearer(account))

    assert first.status_code == 204
    assert (await world.client.get("/v1/me", headers=bearer(account))).status_code == 401


async def test_device_of_another_account_cannot_be_ended(world: World):
    mine, other = await world.account(), await world.account()
    (device,) = (await world.client.get("/v1/devices", headers=bearer(other))).json()["items"]

    response = await world.client.delete(f"/v1/devices/{device['id']}", headers=bearer(mine))

    assert response.status_code == 404
    assert response.json()["code"] == "device_unknown"
    assert (await world.client.get("/v1/me", headers=bearer(other))).status_code == 200


@pytest.mark.parametrize("number", ["0", "-1", "9223372036854775808", "1" * 30])
async def test_device_id_out_of_range_is_refused(world: World, number: str):
    account = await world.account()

    response = await world.client.delete(f"/v1/devices/{number}", headers=bearer(account))

    assert response.status_code in (400, 404)


async def test_token_in_use_does_not_expire(world: World):
    account = await world.account()
    async with world.db.begin() as session:
        await session.execute(
            text("UPDATE devices SET seen_at = now() - interval '2 hours', expires_at = now() + interval '1 day'")
        )

    await world.client.get("/v1/me", headers=bearer(account))

    row = await world.db.call(text("SELECT seen_at, expires_at FROM devices"))
    assert row.seen_at > datetime.now(UTC) - timedelta(minutes=1)
    assert row.expires_at > datetime.now(UTC) + timedelta(days=89)


async def test_device_is_not_updated_by_each_request(world: World):
    account = await world.account()
    before = await world.db.call(text("SELECT xmin::text AS version FROM devices"))

    await world.client.get("/v1/me", headers=bearer(account))

    assert await world.db.call(text("SELECT xmin::text AS version FROM devices")) == before
