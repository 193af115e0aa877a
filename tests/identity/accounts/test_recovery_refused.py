"""Codes that open nothing: one answer for all of them, and longer waits for who goes on."""

from httpx2 import AsyncClient, Response
from litestar import Litestar
from sqlalchemy import text

from backend.identity.accounts import secrets
from tests.identity.accounts.owners import come_back
from tests.make import World, bearer, caller


def _uniform(response: Response) -> tuple[int, dict[str, str], dict[str, object]]:
    body = response.json()
    body.pop("request_id")
    headers = {name: value for name, value in response.headers.items() if name not in ("x-request-id", "retry-after")}
    return response.status_code, headers, body


async def test_invalid_recovery_codes_get_the_same_response(world: World):
    closed = await world.account()
    await world.client.delete("/v1/me", headers=bearer(closed))
    right = await world.account()
    mistyped = right.recovery_code[:-1] + ("7" if right.recovery_code[-1] != "7" else "8")
    wrong = [secrets.generate_recovery_code(), closed.recovery_code, mistyped, "0", "", "Ж" * 64, right.card_number]

    answers = [_uniform(await come_back(world.client, code)) for code in wrong]

    assert answers[0][0] == 401
    assert answers[0][2]["code"] == "recovery_unknown"
    assert all(answer == answers[0] for answer in answers)


async def fail(client: AsyncClient, times: int) -> list[Response]:
    return [await come_back(client, secrets.generate_recovery_code()) for _ in range(times)]


async def test_failures_beyond_the_free_ones_double_the_wait(app: Litestar, number):
    number("signins_failed_per_hour_per_address", 3)
    async with caller(app, "198.51.100.7") as client:
        answers = await fail(client, 7)

    assert [answer.status_code for answer in answers] == [401, 401, 429, 429, 429, 429, 429]
    assert [int(answer.headers["retry-after"]) for answer in answers[2:]] == [30, 60, 120, 240, 480]


async def test_wait_is_limited_to_ten_hours(app: Litestar, db, number):
    number("signins_failed_per_hour_per_address", 1)
    async with caller(app, "198.51.100.7") as client:
        await fail(client, 1)
        async with db.begin() as session:
            await session.execute(text("UPDATE counters SET count = 2000000000"))
        (answer,) = await fail(client, 1)

    assert answer.headers["retry-after"] == "36000"


async def test_failures_of_others_do_not_lock_owner(app: Litestar, world: World, number):
    number("signins_failed_per_hour_per_address", 1)
    account = await world.account()
    async with caller(app, "198.51.100.7") as stranger, caller(app, "198.51.100.8") as owner:
        await fail(stranger, 5)

        response = await come_back(owner, account.recovery_code)

    assert response.status_code == 201


async def test_other_networks_do_not_wait(app: Litestar, number):
    number("signins_failed_per_hour_per_address", 1)
    async with caller(app, "198.51.100.7") as stranger, caller(app, "203.0.113.1") as other:
        await fail(stranger, 5)
        number("signins_failed_per_hour_per_address", 5)

        (answer,) = await fail(other, 1)

    assert answer.status_code == 401


async def test_failures_are_reset_after_an_hour(app: Litestar, db, number):
    number("signins_failed_per_hour_per_address", 2)
    async with caller(app, "198.51.100.7") as client:
        await fail(client, 5)
        async with db.begin() as session:
            await session.execute(text("UPDATE counters SET ends_at = now() - interval '61 minutes'"))

        answers = await fail(client, 2)

    assert [answer.status_code for answer in answers] == [401, 429]
