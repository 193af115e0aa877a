"""Coming back with the recovery code."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from httpx2 import AsyncClient, Response
from litestar import Litestar
from sqlalchemy import text

from backend.accounts import secrets
from scanning import symbols
from tests.make import World, bearer, caller


async def come_back(client: AsyncClient, code: str) -> Response:
    return await client.post("/v1/sessions", json={"recovery_code": code, "device_name": "New phone"})


def signed(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_the_recovery_code_opens_the_same_account_on_a_new_device(world: World):
    (code, *_) = await world.codes()
    account = await world.account()
    await world.scan(account, code)

    response = await come_back(world.client, account.recovery_code)

    assert response.status_code == 201
    back = response.json()
    assert sorted(back) == ["card_number", "recovery_code", "spending_held_until", "token"]
    assert back["card_number"] == account.card_number
    assert back["token"] != account.token
    assert back["recovery_code"] != account.recovery_code
    home = (await world.client.get("/v1/me", headers=signed(back["token"]))).json()
    assert home["wallets"][0]["available"] == 100


async def test_all_other_devices_are_signed_out(world: World):
    account = await world.account()

    back = (await come_back(world.client, account.recovery_code)).json()

    assert (await world.client.get("/v1/me", headers=bearer(account))).status_code == 401
    devices = (await world.client.get("/v1/devices", headers=signed(back["token"]))).json()["items"]
    assert [(device["name"], device["current"]) for device in devices] == [("New phone", True)]


async def test_spending_is_held_for_a_day(world: World):
    account = await world.account()

    back = (await come_back(world.client, account.recovery_code)).json()

    until = datetime.fromisoformat(back["spending_held_until"])
    assert abs(until - datetime.now(UTC) - timedelta(hours=24)) < timedelta(minutes=1)
    home = (await world.client.get("/v1/me", headers=signed(back["token"]))).json()
    assert datetime.fromisoformat(home["spending_held_until"]) == until


@pytest.mark.parametrize(
    "spelling",
    [
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: f"  {code.replace('-', ' - ')}\n",
        lambda code: code.replace("-", "\u2013"),
        lambda code: code.replace("0", "O").replace("1", "I"),
        lambda code: code.replace("0", "о").replace("1", "l"),
        lambda code: code.translate(str.maketrans("ABEKMHPCTYX3", "АВЕКМНРСТУХЗ")),
    ],
    ids=["small letters", "no dashes", "blanks", "long dashes", "letters for digits", "small ones", "Cyrillic"],
)
async def test_a_code_may_be_spelled_as_people_do(world: World, spelling):
    account = await world.account()

    response = await come_back(world.client, spelling(account.recovery_code))

    assert response.status_code == 201


async def test_an_answer_lost_on_the_way_locks_nobody_out(world: World):
    account = await world.account()
    await come_back(world.client, account.recovery_code)

    again = await come_back(world.client, account.recovery_code)

    assert again.status_code == 201
    assert (await world.client.get("/v1/me", headers=signed(again.json()["token"]))).status_code == 200


async def test_the_old_code_is_dead_once_the_new_token_was_used(world: World):
    account = await world.account()
    back = (await come_back(world.client, account.recovery_code)).json()
    await world.client.get("/v1/me", headers=signed(back["token"]))

    assert (await come_back(world.client, account.recovery_code)).status_code == 401
    assert (await come_back(world.client, back["recovery_code"])).status_code == 201


async def test_the_new_code_opens_before_the_new_token_was_used_and_kills_the_old_one(world: World):
    account = await world.account()
    back = (await come_back(world.client, account.recovery_code)).json()

    response = await come_back(world.client, back["recovery_code"])

    assert response.status_code == 201
    assert (await come_back(world.client, account.recovery_code)).status_code == 401
    assert (await come_back(world.client, response.json()["recovery_code"])).status_code == 201


async def test_the_code_of_an_answer_that_was_overtaken_opens_nothing(world: World):
    account = await world.account()
    lost = (await come_back(world.client, account.recovery_code)).json()
    await come_back(world.client, account.recovery_code)

    assert (await come_back(world.client, lost["recovery_code"])).status_code == 401


async def test_of_many_who_come_back_at_once_one_is_in(world: World):
    account = await world.account()

    answers = await asyncio.gather(*(come_back(world.client, account.recovery_code) for _ in range(16)))

    assert {answer.status_code for answer in answers} == {201}
    tokens = [answer.json()["token"] for answer in answers]
    homes = await asyncio.gather(*(world.client.get("/v1/me", headers=signed(token)) for token in tokens))
    assert sorted(home.status_code for home in homes) == [200] + [401] * 15
    (winner,) = [answer.json() for answer, home in zip(answers, homes, strict=True) if home.status_code == 200]
    assert (await come_back(world.client, winner["recovery_code"])).status_code == 201


async def test_first_calls_and_recoveries_at_once_hurt_nobody(world: World):
    account = await world.account()
    code = account.recovery_code
    for _ in range(10):
        back = (await come_back(world.client, code)).json()
        answers = await asyncio.gather(
            *(world.client.get("/v1/me", headers=signed(back["token"])) for _ in range(4)),
            come_back(world.client, back["recovery_code"]),
        )

        assert {answer.status_code for answer in answers[:4]} <= {200, 401}
        assert answers[4].status_code == 201
        code = answers[4].json()["recovery_code"]


def _uniform(response: Response) -> tuple[int, dict[str, str], dict[str, object]]:
    body = response.json()
    body.pop("request_id")
    headers = {name: value for name, value in response.headers.items() if name not in ("x-request-id", "retry-after")}
    return response.status_code, headers, body


async def test_one_answer_for_every_code_that_opens_nothing(world: World):
    closed = await world.account()
    await world.client.delete("/v1/me", headers=bearer(closed))
    right = await world.account()
    mistyped = right.recovery_code[:-1] + ("7" if right.recovery_code[-1] != "7" else "8")
    wrong = [secrets.recovery_code(), closed.recovery_code, mistyped, "0", "", "Ж" * 64, right.card_number]

    answers = [_uniform(await come_back(world.client, code)) for code in wrong]

    assert answers[0][0] == 401
    assert answers[0][2]["code"] == "recovery_unknown"
    assert all(answer == answers[0] for answer in answers)


async def fail(client: AsyncClient, times: int) -> list[Response]:
    return [await come_back(client, secrets.recovery_code()) for _ in range(times)]


async def test_each_failure_beyond_the_free_ones_doubles_the_wait(app: Litestar, number):
    number("signins_failed_per_hour_per_address", 3)
    async with caller(app, "198.51.100.7") as client:
        answers = await fail(client, 7)

    assert [answer.status_code for answer in answers] == [401, 401, 429, 429, 429, 429, 429]
    assert [int(answer.headers["retry-after"]) for answer in answers[2:]] == [30, 60, 120, 240, 480]


async def test_the_wait_ends_at_ten_hours(app: Litestar, db, number):
    number("signins_failed_per_hour_per_address", 1)
    async with caller(app, "198.51.100.7") as client:
        await fail(client, 1)
        async with db.begin() as session:
            await session.execute(text("UPDATE counters SET count = 2000000000"))
        (answer,) = await fail(client, 1)

    assert answer.headers["retry-after"] == "36000"


async def test_a_stranger_who_fails_on_purpose_keeps_no_owner_out(app: Litestar, world: World, number):
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


async def test_an_hour_of_peace_forgives(app: Litestar, db, number):
    number("signins_failed_per_hour_per_address", 2)
    async with caller(app, "198.51.100.7") as client:
        await fail(client, 5)
        async with db.begin() as session:
            await session.execute(text("UPDATE counters SET ends_at = now() - interval '61 minutes'"))

        answers = await fail(client, 2)

    assert [answer.status_code for answer in answers] == [401, 429]


def test_a_recovery_code_catches_every_single_typing_error():
    code = symbols.fold(secrets.recovery_code())
    wrong = [code[:place] + symbol + code[place + 1 :] for place in range(21) for symbol in symbols.ALPHABET]

    opened = [text for text in wrong if text != code and secrets.recovery_digest(text, b"pepper")]

    assert opened == []
