"""Where guesses are counted, what they stop and what they do not, and what a lucky one gives away."""

import asyncio
import random
import time
import uuid

from httpx2 import AsyncClient, Response
from litestar import Litestar
from sqlalchemy import text

from backend.accounts.schemas import AccountNew
from backend.database import Database
from backend.packages import service as packages
from backend.packages.service import Lookup
from backend.settings import Settings
from scanning import package, symbols
from tests.make import World, bearer, caller


def guess() -> str:
    body = "0H" + "".join(random.choices(symbols.ALPHABET, k=13))
    return body + symbols.check_symbol(body)


async def scan(client: AsyncClient, account: AccountNew, scanned: str) -> Response:
    return await client.put(f"/v1/scans/{uuid.uuid4()}", json={"text": scanned}, headers=bearer(account))


def test_the_reading_that_finds_no_guess_finds_what_is_live(settings: Settings):
    key = packages.slot_key(settings.master_key, 7)
    live = [package.encode(key, 7, serial) for serial in range(1000)]

    read = packages.read_many(settings, list(enumerate(live)))

    assert all(isinstance(row, Lookup) for row in read)
    assert [row.serial for row in read] == list(range(1000))


async def test_the_sixth_guess_of_an_hour_is_refused_and_others_go_on(world: World):
    (code, *_) = await world.codes()
    account, other = await world.account(), await world.account()

    answers = [await scan(world.client, account, guess()) for _ in range(6)]
    others = await scan(world.client, other, code)

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert 3500 < int(answers[5].headers["retry-after"]) <= 3600
    assert others.json()["status"] == "credited"


async def test_twenty_guesses_a_day_stop_a_device(world: World, db: Database):
    account = await world.account()
    answers = []
    for _ in range(21):
        answers.append(await scan(world.client, account, guess()))
        async with db.begin() as session:
            await session.execute(text("DELETE FROM counters WHERE key LIKE 'wrong:account:%'"))

    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert 86300 < int(answers[20].headers["retry-after"]) <= 86400


async def test_fifty_guesses_an_hour_stop_the_guessers_of_a_network_and_no_other(app: Litestar, world: World):
    codes = await world.codes(2)
    accounts = [await world.account() for _ in range(50)]
    async with caller(app, "198.51.100.7") as here, caller(app, "192.0.2.7") as elsewhere:
        answers = [await scan(here, account, guess()) for account in accounts]
        stopped = await scan(here, accounts[0], codes[0])
        moved = await scan(elsewhere, accounts[0], codes[0])
        honest = await scan(here, await world.account(), codes[1])

    assert {answer.status_code for answer in answers} == {200}
    assert stopped.status_code == 429
    assert 0 < int(stopped.headers["retry-after"]) <= 3600
    assert moved.json()["status"] == honest.json()["status"] == "credited"


async def test_a_queue_full_of_guesses_counts_each_of_them(world: World):
    account = await world.account()
    scans = [{"id": str(uuid.uuid4()), "text": guess()} for _ in range(200)]

    first = await world.client.post("/v1/scans/batch", json={"scans": scans}, headers=bearer(account))
    second = await scan(world.client, account, guess())

    assert {row["reason"] for row in first.json()["items"]} == {"unknown_code"}
    assert second.status_code == 429
    rows = await world.db.rows(text("SELECT key, count FROM counters WHERE key LIKE 'wrong:%' ORDER BY key"))
    assert {row.count for row in rows} == {200}
    assert [row.key.split(":")[1] for row in rows] == ["account", "device", "network", "slot"]


async def test_a_thousand_guesses_by_many_agents_from_many_networks_find_nothing(app: Litestar, world: World):
    await world.codes(100)
    accounts = [await world.account() for _ in range(40)]
    outcomes: list[tuple[int, str | None]] = []

    async def attack(place: int, account: AccountNew) -> None:
        async with caller(app, f"198.51.{place}.7") as client:
            for _ in range(25):
                answer = await scan(client, account, guess())
                outcomes.append((answer.status_code, answer.json().get("reason")))

    await asyncio.gather(*(attack(place, account) for place, account in enumerate(accounts)))

    assert len(outcomes) == 1000
    assert outcomes.count((200, "unknown_code")) == 200
    assert outcomes.count((429, None)) == 800
    assert (await world.db.call(text("SELECT count(*) AS n FROM accruals"))).n == 0


async def test_guesses_at_once_gain_little(world: World):
    account = await world.account()

    answers = await asyncio.gather(*(scan(world.client, account, guess()) for _ in range(64)))

    # Those that were on their way together are counted together; from then on the account is stopped.
    assert {answer.status_code for answer in answers} <= {200, 429}
    assert (await scan(world.client, account, guess())).status_code == 429
    row = await world.db.call(text("SELECT count FROM counters WHERE key LIKE 'wrong:account:%'"))
    assert row.count == sum(answer.status_code == 200 for answer in answers)


async def test_a_repeat_of_a_guess_is_no_new_guess(world: World):
    account, scan_id, wrong = await world.account(), uuid.uuid4(), guess()

    answers = [await world.scan(account, wrong, scan_id) for _ in range(10)]

    assert {answer.content for answer in answers} == {answers[0].content}
    row = await world.db.call(text("SELECT max(count) AS most FROM counters WHERE key LIKE 'wrong:%'"))
    assert row.most == 1


async def test_what_was_answered_is_answered_again_although_a_limit_has_tripped(world: World):
    codes = await world.codes(2)
    account, scan_id = await world.account(), uuid.uuid4()
    first = await world.scan(account, codes[0], scan_id)
    for _ in range(6):
        await scan(world.client, account, guess())

    again = await world.scan(account, codes[0], scan_id)
    changed = await world.scan(account, codes[1], scan_id)

    assert again.content == first.content
    assert (changed.status_code, changed.json()["code"]) == (422, "body_changed")


async def test_typing_errors_slow_down_and_never_block(world: World, number):
    number("typing_errors_per_hour", 3)
    (code, *_) = await world.codes()
    account = await world.account()
    mistyped = code[:-1] + symbols.ALPHABET[(symbols.ALPHABET.index(code[-1]) + 1) % 32]
    times = []
    for _ in range(8):
        begun = time.perf_counter()
        answer = await scan(world.client, account, mistyped)
        times.append(time.perf_counter() - begun)
        assert (answer.status_code, answer.json()["reason"]) == (200, "typing_error")

    right = await scan(world.client, account, code)

    assert right.json()["status"] == "credited"
    assert [seconds >= 0.1 * (place - 2) for place, seconds in enumerate(times) if place > 2] == [True] * 5
    assert min(times[:3]) < 0.1
    assert not await world.db.rows(text("SELECT 1 FROM counters WHERE key LIKE 'wrong:%'"))


async def test_a_code_that_deciphers_but_was_never_given_out_is_unknown_outward_and_an_alarm_inward(
    world: World, owner: Database
):
    made = await world.programme()
    batch = await world.batch(made, await world.product(made.brand_id), count=10)
    key = packages.slot_key(world.settings.master_key, batch.slot)
    account = await world.account()

    leaked = (await scan(world.client, account, package.encode(key, batch.slot, 11))).json()
    made_up = (await scan(world.client, account, guess())).json()

    assert leaked | {"id": ""} == made_up | {"id": ""}
    alarm = await owner.call(text("SELECT brand_id, body FROM events WHERE kind = 'package.unissued'"))
    assert alarm.brand_id == made.brand_id
    assert alarm.body["cause_id"] & (2**37 - 1) == 11
    row = await world.db.call(text("SELECT count FROM counters WHERE key LIKE 'wrong:account:%'"))
    assert row.count == 2
