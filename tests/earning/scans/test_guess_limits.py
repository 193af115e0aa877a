"""Where guesses are counted, what they stop and what they do not, and what a lucky one gives away."""

import asyncio
import random
import time
import uuid

from httpx2 import AsyncClient, Response
from litestar import Litestar
from PIL import Image
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.earning.packages import service as packages
from backend.earning.packages.service import CodeLookup
from backend.earning.packages.slot_keys import slot_key
from backend.identity.accounts.schemas import AccountCreated
from scanning.codes import package, symbols
from tests.make import World, bearer, caller
from tests.scanning.pictures import draw


def guess() -> str:
    body = "0H" + "".join(random.choices(symbols.ALPHABET, k=13))
    return body + symbols.check_symbol(body)


async def scan(client: AsyncClient, account: AccountCreated, scanned: str) -> Response:
    return await client.put(f"/v1/scans/{uuid.uuid4()}", json={"text": scanned}, headers=bearer(account))


def test_guess_lookup_finds_live_codes(settings: Settings):
    key = slot_key(settings.master_key, 7)
    live = [package.encode(key, 7, serial) for serial in range(1000)]

    read = packages.read_packages(settings, list(enumerate(live)))

    assert all(isinstance(row, CodeLookup) for row in read)
    assert [row.serial for row in read] == list(range(1000))


async def test_sixth_guess_in_an_hour_is_refused(world: World):
    (code, *_) = await world.codes()
    account, other = await world.account(), await world.account()

    answers = [await scan(world.client, account, guess()) for _ in range(6)]
    others = await scan(world.client, other, code)

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert 3500 < int(answers[5].headers["retry-after"]) <= 3600
    assert others.json()["status"] == "credited"


async def test_twenty_guesses_a_day_limit_device(world: World, db: Database):
    account = await world.account()
    answers = []
    for _ in range(21):
        answers.append(await scan(world.client, account, guess()))
        async with db.begin() as session:
            await session.execute(text("DELETE FROM counters WHERE key LIKE 'wrong:account:%'"))

    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert 86300 < int(answers[20].headers["retry-after"]) <= 86400


async def test_fifty_guesses_an_hour_limit_network_guessers(app: Litestar, world: World):
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


def queue_of(texts: list[str]) -> list[dict[str, str]]:
    return [{"id": str(uuid.uuid4()), "text": scanned} for scanned in texts]


async def send_queue(world: World, account: AccountCreated, scans: list[dict[str, str]]) -> list[dict]:
    answer = await world.client.post("/v1/scans/batch", json={"scans": scans}, headers=bearer(account))
    answer.raise_for_status()
    return answer.json()["items"]


def reasons(items: list[dict]) -> list[str]:
    return [item.get("reason") or item["status"] for item in items]


async def test_batch_of_guesses_is_limited_like_scans(world: World):
    account = await world.account()

    items = await send_queue(world, account, queue_of([guess() for _ in range(200)]))
    second = await scan(world.client, account, guess())

    assert reasons(items) == ["unknown_code"] * 5 + ["too_many"] * 195
    assert items[-1]["next"]
    assert second.status_code == 429
    rows = await world.db.rows(text("SELECT key, count FROM counters WHERE key LIKE 'wrong:%' ORDER BY key"))
    assert {row.count for row in rows} == {5}
    assert [row.key.split(":")[1] for row in rows] == ["account", "device", "network", "slot"]


async def test_batch_guess_beyond_limit_reveals_nothing(world: World):
    (code, *_) = await world.codes()
    account = await world.account()

    items = await send_queue(world, account, queue_of([*(guess() for _ in range(30)), code, guess()]))

    assert reasons(items) == ["unknown_code"] * 5 + ["too_many"] * 27
    assert (await scan(world.client, await world.account(), code)).json()["status"] == "credited"


async def test_batch_with_some_wrong_codes_is_paid(world: World):
    codes = await world.codes(20)
    account = await world.account()
    texts = [scanned for code in codes[:8] for scanned in (guess(), code)] + codes[8:]

    items = await send_queue(world, account, queue_of(texts))

    assert reasons(items).count("credited") == 20
    assert reasons(items).count("unknown_code") == 5
    assert reasons(items).count("too_many") == 3


async def test_limited_batch_items_are_accepted_later(world: World, owner: Database):
    (code, *_) = await world.codes()
    account = await world.account()
    scans = queue_of([*(guess() for _ in range(8)), code])
    first = await send_queue(world, account, scans)
    await owner.rows(text("UPDATE counters SET ends_at = now() WHERE key LIKE 'wrong:%'"))

    again = await send_queue(world, account, scans)

    assert reasons(first) == ["unknown_code"] * 5 + ["too_many"] * 4
    assert reasons(again) == ["unknown_code"] * 8 + ["credited"]


async def test_unknown_texts_in_batch_have_own_limit(world: World, number):
    number("missed_codes_per_hour_per_account", 10)
    account = await world.account()
    texts = ["X" + "".join(random.choices(symbols.ALPHABET, k=11)) for _ in range(30)]

    items = await send_queue(world, account, queue_of(texts))

    assert reasons(items) == ["unknown"] * 10 + ["too_many"] * 20


async def test_new_accounts_of_network_share_batch_limit(world: World):
    accounts = [await world.account() for _ in range(8)]

    queues = [await send_queue(world, account, queue_of([guess() for _ in range(50)])) for account in accounts]

    unknown_counts = [reasons(items).count("unknown_code") for items in queues]
    assert unknown_counts == [5] * 5 + [1] * 3  # half of the network's window, then each account's first


async def test_older_account_has_whole_network_window(world: World, owner: Database):
    accounts = [await world.account() for _ in range(8)]
    await owner.rows(text("UPDATE accounts SET created_at = now() - interval '2 hours'"))

    queues = [await send_queue(world, account, queue_of([guess() for _ in range(50)])) for account in accounts]

    assert [reasons(items).count("unknown_code") for items in queues] == [5] * 8


async def test_codes_of_picture_are_limited_like_batch(world: World):
    account, scan_id = await world.account(), uuid.uuid4()
    codes = [draw.qr(f"HTTPS://EX.RU/C/{guess()}", module=3) for _ in range(12)]
    sheet = Image.new("L", (900, 700), 255)
    for place, code in enumerate(codes):
        sheet.paste(code, (20 + place % 4 * 210, 20 + place // 4 * 210))
    request = {"files": {"file": ("p", draw.file(sheet))}, "headers": bearer(account)}

    answer = await world.client.put(f"/v1/scans/{scan_id}", **request)
    again = await world.client.put(f"/v1/scans/{scan_id}", **request)

    found = answer.json()
    assert sorted(reasons([found, *found["others"]])) == ["too_many"] * 7 + ["unknown_code"] * 5
    assert again.json() == found


async def test_distributed_guesses_find_nothing(app: Litestar, world: World):
    await world.codes(100)
    accounts = [await world.account() for _ in range(40)]
    outcomes: list[tuple[int, str | None]] = []

    async def attack(place: int, account: AccountCreated) -> None:
        async with caller(app, f"198.51.{place}.7") as client:
            for _ in range(25):
                answer = await scan(client, account, guess())
                outcomes.append((answer.status_code, answer.json().get("reason")))

    await asyncio.gather(*(attack(place, account) for place, account in enumerate(accounts)))

    assert len(outcomes) == 1000
    assert outcomes.count((200, "unknown_code")) == 200
    assert outcomes.count((429, None)) == 800
    assert (await world.db.call(text("SELECT count(*) AS n FROM accruals"))).n == 0


async def test_concurrent_guesses_are_limited(world: World):
    account = await world.account()

    answers = await asyncio.gather(*(scan(world.client, account, guess()) for _ in range(64)))

    # Those that were on their way together are counted together; from then on the account is stopped.
    assert {answer.status_code for answer in answers} <= {200, 429}
    assert (await scan(world.client, account, guess())).status_code == 429
    row = await world.db.call(text("SELECT count FROM counters WHERE key LIKE 'wrong:account:%'"))
    assert row.count == sum(answer.status_code == 200 for answer in answers)


async def test_repeated_guess_counts_once(world: World):
    account, scan_id, wrong = await world.account(), uuid.uuid4(), guess()

    answers = [await world.scan(account, wrong, scan_id) for _ in range(10)]

    assert {answer.content for answer in answers} == {answers[0].content}
    row = await world.db.call(text("SELECT max(count) AS most FROM counters WHERE key LIKE 'wrong:%'"))
    assert row.most == 1


async def test_limited_account_gets_stored_responses_again(world: World):
    codes = await world.codes(2)
    account, scan_id = await world.account(), uuid.uuid4()
    first = await world.scan(account, codes[0], scan_id)
    for _ in range(6):
        await scan(world.client, account, guess())

    again = await world.scan(account, codes[0], scan_id)
    changed = await world.scan(account, codes[1], scan_id)

    assert again.content == first.content
    assert (changed.status_code, changed.json()["code"]) == (422, "body_changed")


async def test_typing_errors_delay_but_do_not_block(world: World, number):
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


async def test_valid_unissued_code_is_unknown_with_alarm(world: World, owner: Database):
    made = await world.programme()
    batch = await world.batch(made, await world.product(made.brand_id), count=10)
    key = slot_key(world.settings.master_key, batch.slot)
    account = await world.account()

    leaked = (await scan(world.client, account, package.encode(key, batch.slot, 11))).json()
    made_up = (await scan(world.client, account, guess())).json()

    assert leaked | {"id": ""} == made_up | {"id": ""}
    alarm = await owner.call(text("SELECT brand_id, body FROM events WHERE kind = 'package.unissued'"))
    assert alarm.brand_id == made.brand_id
    assert alarm.body["cause_id"] & (2**37 - 1) == 11
    row = await world.db.call(text("SELECT count FROM counters WHERE key LIKE 'wrong:account:%'"))
    assert row.count == 2
