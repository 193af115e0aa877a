"""The PIN: setting it, guessing it, and what a flood of checks does to everybody else."""

import asyncio
import time

import pytest
from httpx2 import AsyncClient, Limits, Response
from litestar import Litestar
from sqlalchemy import text

from backend.accounts.schemas import AccountNew
from backend.database import Database
from tests.make import World, bearer, caller

PIN, OTHER = "4071", "907352"


async def put(world: World, account: AccountNew, pin: str | None, old: str | None = None) -> Response:
    return await world.client.put("/v1/me/pin", json={"pin": pin, "old_pin": old}, headers=bearer(account))


async def leave(world: World, account: AccountNew, pin: str | None = None) -> Response:
    """What asks for the PIN: value leaves the wallet."""
    headers = bearer(account) | ({"Scanback-Pin": pin} if pin else {})
    return await world.client.delete("/v1/me", headers=headers)


async def with_pin(world: World) -> AccountNew:
    account = await world.account()
    assert (await put(world, account, PIN)).status_code == 204
    return account


async def set_fields(db: Database, change: str) -> None:
    async with db.begin() as session:
        await session.execute(text(change))


async def test_a_pin_is_asked_for_once_it_is_set(world: World):
    account = await with_pin(world)

    without = await leave(world, account)
    wrong = await leave(world, account, OTHER)
    right = await leave(world, account, PIN)

    assert (without.status_code, without.json()["code"]) == (403, "pin_needed")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "pin_wrong")
    assert right.status_code == 204


async def test_the_home_screen_says_whether_there_is_a_pin(world: World):
    account = await world.account()
    before = await world.home(account)
    await put(world, account, PIN)

    assert "has_pin" not in before
    assert (await world.home(account))["has_pin"] is True


async def test_a_pin_is_replaced_and_removed_by_who_knows_it(world: World):
    account = await with_pin(world)

    assert (await put(world, account, OTHER)).json()["code"] == "pin_needed"
    assert (await put(world, account, OTHER, "0000")).json()["code"] == "pin_wrong"
    assert (await put(world, account, OTHER, PIN)).status_code == 204
    assert (await leave(world, account, PIN)).json()["code"] == "pin_wrong"
    assert (await put(world, account, None, OTHER)).status_code == 204
    assert "has_pin" not in await world.home(account)


async def test_setting_the_same_pin_again_is_harmless(world: World):
    account = await with_pin(world)

    again = await put(world, account, PIN)
    replaced = [await put(world, account, OTHER, PIN) for _ in range(2)]
    removed = [await put(world, account, None, OTHER) for _ in range(2)]

    assert [answer.status_code for answer in (again, *replaced, *removed)] == [204] * 5
    assert (await world.db.call(text("SELECT pin_failures FROM accounts"))).pin_failures == 0


@pytest.mark.parametrize("pin", ["", "123", "1234567", "12a4", "١٢٣٤", " 1234"])
async def test_a_pin_is_four_to_six_digits(world: World, pin: str):
    response = await put(world, await world.account(), pin)

    assert response.status_code == 400


async def test_a_pin_is_not_kept(world: World, owner: Database):
    await with_pin(world)

    row = await owner.call(text("SELECT pin_hash FROM accounts"))

    assert row.pin_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PIN not in row.pin_hash


async def test_each_wrong_pin_after_the_free_ones_waits_longer(world: World):
    account = await with_pin(world)
    free = [(await leave(world, account, OTHER)).json()["code"] for _ in range(5)]

    waits = []
    for _ in range(5):
        refused = await leave(world, account, OTHER)
        waits.append((refused.status_code, int(refused.headers["retry-after"])))
        await set_fields(world.db, "UPDATE accounts SET pin_wait_until = now(); ")
        await set_fields(world.db, "DELETE FROM counters")
        assert (await leave(world, account, OTHER)).json()["code"] == "pin_wrong"

    assert free == ["pin_wrong"] * 5
    assert [status for status, _ in waits] == [429] * 5
    expected = [60, 300, 1800, 36000, 36000]
    assert all(abs(wait - due) <= 2 for (_, wait), due in zip(waits, expected, strict=True))


async def test_the_right_pin_waits_as_well_and_then_forgives(world: World):
    account = await with_pin(world)
    for _ in range(5):
        await leave(world, account, OTHER)

    early = await put(world, account, OTHER, PIN)
    await set_fields(world.db, "UPDATE accounts SET pin_wait_until = now() - interval '1 second'")
    late = await put(world, account, OTHER, PIN)

    assert (early.status_code, late.status_code) == (429, 204)
    row = await world.db.call(text("SELECT pin_failures, pin_wait_until FROM accounts"))
    assert row == (0, None)


async def test_after_ten_wrong_pins_only_the_recovery_code_helps(world: World):
    account = await with_pin(world)
    await set_fields(world.db, "UPDATE accounts SET pin_failures = 10")

    blocked = await leave(world, account, PIN)
    back = (await world.client.post("/v1/sessions", json={"recovery_code": account.recovery_code})).json()

    assert (blocked.status_code, blocked.json()["code"]) == (403, "pin_blocked")
    home = (await world.client.get("/v1/me", headers={"Authorization": f"Bearer {back['token']}"})).json()
    assert "has_pin" not in home


async def test_guessing_in_parallel_gains_nothing(world: World, number):
    number("pin_checks_per_minute", 1000)
    account = await with_pin(world)

    answers = await asyncio.gather(*(leave(world, account, f"{guess:04}") for guess in range(64)))

    checked = [answer for answer in answers if answer.status_code == 403]
    assert len(checked) <= 5
    assert {answer.status_code for answer in answers} <= {403, 429, 503}
    row = await world.db.call(text("SELECT pin_failures, pin_wait_until FROM accounts"))
    assert row.pin_failures == len(checked)


async def test_who_is_turned_away_has_lost_no_try(app: Litestar, world: World):
    account = await with_pin(world)
    passwords = app.state["passwords"]
    passwords.waiting += 8

    refused = await leave(world, account, PIN)
    passwords.waiting -= 8

    assert refused.status_code == 503
    assert (await world.db.call(text("SELECT pin_failures FROM accounts"))).pin_failures == 0
    assert (await leave(world, account, PIN)).status_code == 204


async def test_right_pins_are_limited_too(world: World):
    account = await with_pin(world)
    answers = [await put(world, account, PIN, PIN) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [204] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) <= 60


async def test_a_network_has_a_limit_of_checks(app: Litestar, world: World, number):
    number("pin_checks_per_minute_per_network", 2)
    accounts = [await with_pin(world) for _ in range(3)]
    async with caller(app, "192.0.2.9") as elsewhere:
        answers = [await put(world, account, PIN, PIN) for account in accounts]
        other = await elsewhere.put("/v1/me/pin", json={"pin": PIN, "old_pin": PIN}, headers=bearer(accounts[2]))

    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert other.status_code == 204


async def test_no_transaction_is_open_while_a_pin_is_hashed(app: Litestar, world: World, owner: Database):
    account = await with_pin(world)
    check = asyncio.create_task(put(world, account, OTHER, PIN))
    open_at = []
    while not check.done():
        row = await owner.call(text("SELECT count(*) AS n FROM pg_stat_activity WHERE state LIKE 'idle in%'"))
        open_at.append((app.state["passwords"].waiting, row.n))
        await asyncio.sleep(0.005)

    hashing = [count for waiting, count in open_at if waiting]
    assert (await check).status_code == 204
    # A look may fall on the moment between the count and its commit.
    assert len(hashing) >= 5
    assert sum(hashing) <= 2


async def test_a_flood_of_pin_checks_starves_nobody(world: World, live_url: str):
    """A hundred at once, again and again: the line is full and the rest is turned away at once. Were they all let in,
    they would wait for six seconds, and so would everybody whose thread or loop they block."""
    bystander = await world.account()
    flooders = [await world.account() for _ in range(100)]
    await with_pin(world)
    await set_fields(world.db, "UPDATE accounts SET pin_hash = (SELECT max(pin_hash) FROM accounts)")
    over = asyncio.Event()

    async with AsyncClient(base_url=live_url, timeout=30, limits=Limits(max_connections=101)) as client:
        quiet = await _home_times(client, bystander, over, 100)
        (answers, busy) = await asyncio.gather(
            _flood(client, flooders, over, seconds=3), _home_times(client, bystander, over)
        )

    assert {answer.status_code for answer in answers} == {204, 503}
    turned_away = [answer for answer in answers if answer.status_code == 503]
    assert all(answer.headers["retry-after"] == "1" for answer in turned_away)
    assert len(turned_away) > len(answers) / 2
    assert len(busy) > 20
    assert _p99(busy) < max(1.0, 20 * _p99(quiet))


async def _flood(
    client: AsyncClient, accounts: list[AccountNew], over: asyncio.Event, seconds: float
) -> list[Response]:
    answers: list[Response] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answers += await asyncio.gather(
            *(client.put("/v1/me/pin", json={"pin": PIN, "old_pin": PIN}, headers=bearer(row)) for row in accounts)
        )
    over.set()
    return answers


async def _home_times(client: AsyncClient, account: AccountNew, over: asyncio.Event, most: int = 10**6) -> list[float]:
    times: list[float] = []
    while not over.is_set() and len(times) < most:
        begun = time.perf_counter()
        response = await client.get("/v1/me", headers=bearer(account))
        times.append(time.perf_counter() - begun)
        assert response.status_code == 200
        await asyncio.sleep(0.01)
    return times


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]
