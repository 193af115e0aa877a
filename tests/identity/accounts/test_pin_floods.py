"""The PIN under load: guesses at once, a full line, limits, and what a flood does to everybody else."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from httpx2 import AsyncClient, Limits, Response
from litestar import Litestar
from sqlalchemy import text

from backend.core.db.database import Database
from backend.identity.accounts.schemas import AccountCreated
from tests.identity.accounts.owners import OTHER, PIN, leave, put, set_fields, with_pin
from tests.make import World, bearer, caller

# Of this database: another process of the suite has one of its own on the same server.
IDLE = text("""
    SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'
""")


async def test_guessing_in_parallel_gains_nothing(world: World, number):
    number("pin_checks_per_minute", 1000)
    account = await with_pin(world)

    answers = await asyncio.gather(*(leave(world, account, f"{guess:04}") for guess in range(64)))

    checked = [answer for answer in answers if answer.status_code == 403]
    assert len(checked) <= 5
    assert {answer.status_code for answer in answers} <= {403, 429, 503}
    row = await world.db.call(text("SELECT pin_failures, pin_wait_until FROM accounts"))
    assert row.pin_failures == len(checked)


async def test_busy_pin_check_counts_no_attempt(app: Litestar, world: World):
    account = await with_pin(world)
    passwords = app.state["passwords"].agents
    passwords.waiting += 8

    refused = await leave(world, account, PIN)
    passwords.waiting -= 8

    assert refused.status_code == 503
    assert (await world.db.call(text("SELECT pin_failures FROM accounts"))).pin_failures == 0
    assert (await leave(world, account, PIN)).status_code == 204


async def test_right_pins_are_rate_limited(world: World):
    account = await with_pin(world)
    answers = [await put(world, account, PIN, PIN) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [204] * 10 + [429]
    assert int(answers[-1].headers["retry-after"]) <= 60


async def test_pin_checks_are_limited_by_network(app: Litestar, world: World, number):
    number("pin_checks_per_minute_per_network", 2)
    accounts = [await with_pin(world) for _ in range(3)]
    async with caller(app, "192.0.2.9") as elsewhere:
        answers = [await put(world, account, PIN, PIN) for account in accounts]
        other = await elsewhere.put("/v1/me/pin", json={"pin": PIN, "old_pin": PIN}, headers=bearer(accounts[2]))

    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert other.status_code == 204


async def test_pin_is_hashed_outside_any_transaction(app: Litestar, world: World, owner: Database):
    account = await with_pin(world)
    check = asyncio.create_task(put(world, account, OTHER, PIN))
    open_at = []
    while not check.done():
        row = await owner.call(IDLE)
        open_at.append((app.state["passwords"].agents.waiting, row.n))
        await asyncio.sleep(0.005)

    hashing = [count for waiting, count in open_at if waiting]
    assert (await check).status_code == 204
    # A look may fall on the moment between the count and its commit.
    assert len(hashing) >= 5
    assert sum(hashing) <= 2


async def test_flood_of_pin_checks_does_not_block_others(world: World, live_url: str):
    """A hundred at once, again and again: the line is full and the rest is turned away at once. Others wait hardly
    longer than in a flood of cheap reads; were all let in, they would wait for six seconds of hashing."""
    bystander = await world.account()
    flooders = [await world.account() for _ in range(100)]
    await with_pin(world)
    await set_fields(world.db, "UPDATE accounts SET pin_hash = (SELECT max(pin_hash) FROM accounts)")

    async with AsyncClient(base_url=live_url, timeout=30, limits=Limits(max_connections=101)) as client:

        def read(account: AccountCreated) -> Awaitable[Response]:
            return client.get("/v1/devices", headers=bearer(account))

        def check(account: AccountCreated) -> Awaitable[Response]:
            return client.put("/v1/me/pin", json={"pin": PIN, "old_pin": PIN}, headers=bearer(account))

        _, usual = await _flooded(client, bystander, flooders, read)
        answers, times = await _flooded(client, bystander, flooders, check)

    turned_away = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} == {204, 503}
    assert all(answer.headers["retry-after"] == "1" for answer in turned_away)
    assert len(turned_away) > len(answers) / 2
    assert _p99(times) < 4 * _p99(usual) + 0.25


Flood = Callable[[AccountCreated], Awaitable[Response]]


async def _flooded(
    client: AsyncClient, bystander: AccountCreated, flooders: list[AccountCreated], ask: Flood, seconds: float = 2.5
) -> tuple[list[Response], list[float]]:
    """The responses to a flood, and the latencies of another account's home screen meanwhile."""
    answers: list[Response] = []
    times: list[float] = []
    end = time.monotonic() + seconds

    async def flood() -> None:
        while time.monotonic() < end:
            answers.extend(await asyncio.gather(*(ask(account) for account in flooders)))

    async def read_home() -> None:
        while time.monotonic() < end:
            begun = time.perf_counter()
            response = await client.get("/v1/me", headers=bearer(bystander))
            times.append(time.perf_counter() - begun)
            assert response.status_code == 200

    await asyncio.gather(flood(), read_home())
    return answers, times


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]
