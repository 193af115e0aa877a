"""A receipt's stream, over a real server: what it holds, and when it ends."""

import json
import uuid

import httpx2
import pytest

from tests.earning.receipts.receipt_builders import Buying, document, goods
from tests.make import World, bearer

LIMIT_SECONDS = 20


async def sent(buying: Buying):
    """A receipt that waits for its verification: its sender, its document, its id."""
    await goods(buying.world)
    account, found = await buying.world.account(), document()
    await buying.known(found)
    await buying.scan(account, found)
    (mine,) = await buying.receipts(account)
    return account, found, mine["id"]


@pytest.fixture
async def phone(live_url: str):
    async with httpx2.AsyncClient(base_url=live_url, timeout=LIMIT_SECONDS, trust_env=False) as client:
        yield client


async def test_receipt_stream_ends_with_the_decision(buying: Buying, phone):
    account, _, key = await sent(buying)
    names, states = [], []

    async with phone.stream("GET", f"/v1/receipts/{key}/stream", headers=bearer(account)) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("event: "):
                names.append(line[7:])
            if line.startswith("data: "):
                states.append(json.loads(line[6:]))
                if len(states) == 1:
                    await buying.work()

    assert names == ["receipt", "receipt"]
    assert [state["status"] for state in states] == ["pending", "credited"]
    assert states[-1] == (await phone.get(f"/v1/receipts/{key}", headers=bearer(account))).json()


async def test_receipt_stream_speaks_the_callers_language(buying: Buying, phone):
    account, _, key = await sent(buying)
    headers = bearer(account) | {"Accept-Language": "ru"}

    async with phone.stream("GET", f"/v1/receipts/{key}/stream", headers=headers) as stream:
        first = await anext(line async for line in stream.aiter_lines() if line.startswith("data: "))

    assert json.loads(first[6:])["next"] == (await phone.get(f"/v1/receipts/{key}", headers=headers)).json()["next"]
    assert "провер" in first


async def test_receipt_stream_of_decided_receipt_ends_at_once(buying: Buying, phone):
    account, _, key = await sent(buying)
    await buying.work()

    answer = await phone.get(f"/v1/receipts/{key}/stream", headers=bearer(account))

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("event: receipt") == 1


async def test_receipt_stream_of_another_agent_not_found(world: World, buying: Buying, phone):
    _, _, key = await sent(buying)

    answer = await phone.get(f"/v1/receipts/{key}/stream", headers=bearer(await world.account()))

    assert answer.status_code == 404
    assert answer.json()["code"] == "receipt_unknown"


async def test_receipt_stream_without_receipt_not_found(world: World, phone):
    answer = await phone.get(f"/v1/receipts/{uuid.uuid4()}/stream", headers=bearer(await world.account()))

    assert answer.status_code == 404
