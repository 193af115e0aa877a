"""Coming back with the recovery code."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from backend.identity.accounts import secrets
from scanning.codes import symbols
from tests.identity.accounts.owners import come_back, end_hold, signed
from tests.make import World, bearer


async def test_recovery_code_signs_in_a_new_device(world: World):
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


async def test_other_devices_end_with_the_hold(world: World):
    account = await world.account()

    back = (await come_back(world.client, account.recovery_code)).json()

    assert (await world.client.get("/v1/me", headers=bearer(account))).status_code == 200
    await end_hold(world.db)
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
        lambda code: code.translate(str.maketrans("ABEKMHPTYX", "ΑΒΕΚΜΗΡΤΥΧ")),
        lambda code: f"\u202d{code}\u202c",
        lambda code: "\u200b".join(code),
        lambda code: f"«{code}».",
        lambda code: code.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"}),
    ],
    ids=[
        "small letters",
        "no dashes",
        "blanks",
        "long dashes",
        "letters for digits",
        "small ones",
        "Cyrillic",
        "Greek",
        "marks of direction",
        "signs of no width",
        "quotes",
        "double width",
    ],
)
async def test_recovery_code_spelling_is_tolerant(world: World, spelling):
    account = await world.account()

    response = await come_back(world.client, spelling(account.recovery_code))

    assert response.status_code == 201


async def test_lost_response_does_not_lock_the_owner_out(world: World):
    account = await world.account()
    await come_back(world.client, account.recovery_code)

    again = await come_back(world.client, account.recovery_code)

    assert again.status_code == 201
    assert (await world.client.get("/v1/me", headers=signed(again.json()["token"]))).status_code == 200


async def test_old_recovery_code_is_invalid_after_hold(world: World):
    account = await world.account()
    back = (await come_back(world.client, account.recovery_code)).json()
    await world.client.get("/v1/me", headers=signed(back["token"]))
    await end_hold(world.db)
    await world.client.get("/v1/me", headers=signed(back["token"]))

    assert (await come_back(world.client, account.recovery_code)).status_code == 401
    assert (await come_back(world.client, back["recovery_code"])).status_code == 201


async def test_old_recovery_code_is_valid_until_first_use(world: World):
    account = await world.account()
    await come_back(world.client, account.recovery_code)
    await end_hold(world.db)

    assert (await come_back(world.client, account.recovery_code)).status_code == 201


async def test_both_recovery_codes_are_valid_during_hold(world: World):
    account = await world.account()
    back = (await come_back(world.client, account.recovery_code)).json()

    response = await come_back(world.client, back["recovery_code"])

    assert response.status_code == 201
    assert (await come_back(world.client, account.recovery_code)).status_code == 201
    assert (await come_back(world.client, response.json()["recovery_code"])).status_code == 401


async def test_recovery_code_of_a_superseded_response_is_refused(world: World):
    account = await world.account()
    lost = (await come_back(world.client, account.recovery_code)).json()
    await come_back(world.client, account.recovery_code)

    assert (await come_back(world.client, lost["recovery_code"])).status_code == 401


async def test_concurrent_recoveries_leave_one_device(world: World):
    account = await world.account()

    answers = await asyncio.gather(*(come_back(world.client, account.recovery_code) for _ in range(16)))

    assert {answer.status_code for answer in answers} == {201}
    tokens = [answer.json()["token"] for answer in answers]
    homes = await asyncio.gather(*(world.client.get("/v1/me", headers=signed(token)) for token in tokens))
    assert sorted(home.status_code for home in homes) == [200] + [401] * 15
    (winner,) = [answer.json() for answer, home in zip(answers, homes, strict=True) if home.status_code == 200]
    assert (await come_back(world.client, winner["recovery_code"])).status_code == 201


async def test_concurrent_first_requests_and_recoveries_keep_access(world: World):
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


def test_recovery_code_detects_single_typing_errors():
    code = symbols.fold(secrets.generate_recovery_code())
    wrong = [code[:place] + symbol + code[place + 1 :] for place in range(21) for symbol in symbols.ALPHABET]

    opened = [text for text in wrong if text != code and secrets.recovery_digest(text, b"pepper")]

    assert opened == []
