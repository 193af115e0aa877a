"""Coming back with the recovery code."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from backend.accounts import secrets
from scanning import symbols
from tests.accounts.owners import come_back, signed
from tests.make import World, bearer


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


def test_a_recovery_code_catches_every_single_typing_error():
    code = symbols.fold(secrets.recovery_code())
    wrong = [code[:place] + symbol + code[place + 1 :] for place in range(21) for symbol in symbols.ALPHABET]

    opened = [text for text in wrong if text != code and secrets.recovery_digest(text, b"pepper")]

    assert opened == []
