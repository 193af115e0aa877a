"""Reading pictures is paid for in seconds, by the account and by its network."""

import asyncio
import time
import uuid

from httpx2 import AsyncClient
from litestar import Litestar
from sqlalchemy import text

from tests.make import World, bearer
from tests.scanning.pictures import bombs, draw

LABEL = draw.file(draw.photo(draw.qr("HTTPS://EX.RU/P/SPRING")), "JPEG")  # not a code that counts as made up


async def send(client: AsyncClient, account, content: bytes):
    return await client.put(f"/v1/scans/{uuid.uuid4()}", files={"file": ("p", content)}, headers=bearer(account))


async def spent(world: World) -> dict[str, int]:
    rows = await world.db.rows(text("SELECT key, count FROM counters WHERE key LIKE 'picture_ms:%' ORDER BY key"))
    return {row.key.split(":")[1]: row.count for row in rows}


async def put(world: World, key: str, milliseconds: int) -> None:
    await world.db.rows(text("SELECT limit_count(:key, 60, :add)"), key=key, add=milliseconds)


async def test_picture_seconds_count_for_account_and_network(world: World):
    account = await world.account()

    (await send(world.client, account, LABEL)).raise_for_status()

    counted = await spent(world)
    assert set(counted) == {"account", "network"}
    assert counted["account"] == counted["network"]
    assert 1 <= counted["account"] < 2000


async def test_endless_pdf_exhausts_the_accounts_minute(world: World, number):
    number("picture_seconds_per_minute", 1)  # on a busy machine it gets little of a processor
    account = await world.account()

    endless = await send(world.client, account, bombs.nested_forms())
    after = await send(world.client, account, LABEL)

    assert (endless.status_code, endless.json()["code"]) == (422, "picture_broken")
    assert after.status_code == 429
    assert 0 < int(after.headers["retry-after"]) <= 60


async def test_exhausted_account_does_not_limit_its_network(world: World):
    costly, honest = await world.account(), await world.account()
    (await send(world.client, costly, bombs.nested_forms())).json()

    assert (await send(world.client, honest, LABEL)).status_code == 200


async def test_exhausted_network_limits_only_its_spenders(world: World, number):
    number("picture_seconds_per_minute_per_network", 0)
    spender, honest = await world.account(), await world.account()
    (me,) = await world.db.rows(text("SELECT id FROM accounts WHERE card_number = :card"), card=spender.card_number)
    await put(world, f"picture_ms:account:{me.id}", 2000)
    (await send(world.client, honest, LABEL)).raise_for_status()

    stopped = await send(world.client, spender, LABEL)

    assert stopped.status_code == 429
    assert (await send(world.client, honest, LABEL)).status_code == 200


async def test_repeated_picture_beyond_limit_is_answered(world: World):
    account, scan_id = await world.account(), uuid.uuid4()
    request = {"files": {"file": ("p", LABEL)}, "headers": bearer(account)}
    first = await world.client.put(f"/v1/scans/{scan_id}", **request)
    (await send(world.client, account, bombs.nested_forms())).json()

    again = await world.client.put(f"/v1/scans/{scan_id}", **request)

    assert (again.status_code, again.json()["status"]) == (200, first.json()["status"])


async def test_abusive_pdfs_do_not_limit_another_account(app: Litestar, world: World):
    abusers, honest = [await world.account() for _ in range(4)], await world.account()
    bomb = bombs.nested_forms()
    over = asyncio.Event()

    async def abuse(account):
        while not over.is_set():
            await send(world.client, account, bomb)
            await asyncio.sleep(0.05)

    attack = [asyncio.create_task(abuse(account)) for account in abusers for _ in range(3)]
    await asyncio.sleep(0.3)
    seconds, answers = [], []
    for _ in range(20):
        begun = time.perf_counter()
        answers.append((await send(world.client, honest, LABEL)).status_code)
        seconds.append(time.perf_counter() - begun)
        await asyncio.sleep(0.02)
    over.set()
    await asyncio.gather(*attack)

    assert set(answers) == {200}
    # Other tests share the machine: without processes of its own a PDF would hold each of these for four seconds.
    assert sorted(seconds)[18] < 2
