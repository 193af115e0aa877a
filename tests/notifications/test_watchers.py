"""Event streams of orders and receipts: limits, heartbeat, end."""

import asyncio
import uuid
from contextlib import AsyncExitStack, aclosing

import httpx2
import pytest
from sqlalchemy import text

from backend.identity.accounts.authentication import Agent
from backend.notifications import watchers
from backend.notifications.watchers import MAX_STREAMS_PER_AGENT, WatchedState, Watchers
from tests.earning.receipts.receipt_builders import Buying, document, goods
from tests.make import World, bearer
from tests.spending.scenario import spending_scenario

NETWORK = "203.0.113.0/24"


@pytest.fixture
def streams(world: World):
    return Watchers(world.db)


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(watchers, "POLL_SECONDS", 0.01)


async def waits():
    return WatchedState({"status": "held"}, is_final=False)


def open_stream(streams, agent=1, address="a"):
    return streams.events(Agent(agent, agent, NETWORK), address, "order", waits)


async def first(stream):
    async with asyncio.timeout(5):
        return (await anext(stream)).encode()


async def device(world: World) -> Agent:
    account = await world.account()
    row = await world.db.call(
        text(
            "SELECT a.id, d.id AS device FROM accounts a JOIN devices d ON d.account_id = a.id "
            "WHERE a.card_number = :card"
        ),
        card=account.card_number,
    )
    return Agent(row.id, row.device, NETWORK)


async def test_agent_with_too_many_streams_loses_the_oldest(streams):
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(aclosing(open_stream(streams))) for _ in range(5)]
        for stream in opened:
            await first(stream)

        with pytest.raises(StopAsyncIteration):
            await first(opened[0])

        assert len(streams.open) == MAX_STREAMS_PER_AGENT

    assert streams.open == []


async def test_agent_with_many_streams_leaves_others_served(streams):
    async with AsyncExitStack() as stack:
        for _ in range(watchers.MAX_STREAMS):
            await first(await stack.enter_async_context(aclosing(open_stream(streams, agent=1))))

        other = await stack.enter_async_context(aclosing(open_stream(streams, agent=2)))

        assert b"held" in await first(other)


@pytest.mark.parametrize(("bound", "address"), [("MAX_STREAMS", "b"), ("MAX_STREAMS_PER_ADDRESS", "a")])
async def test_streams_beyond_a_bound_are_refused(streams, monkeypatch, bound, address):
    monkeypatch.setattr(watchers, bound, 2)
    async with AsyncExitStack() as stack:
        for agent in (1, 2):
            await first(await stack.enter_async_context(aclosing(open_stream(streams, agent))))

        assert not streams.has_capacity(address)
        with pytest.raises(StopAsyncIteration):
            await first(open_stream(streams, agent=3, address=address))


async def test_stream_that_ended_frees_its_place(streams, monkeypatch):
    monkeypatch.setattr(watchers, "MAX_STREAMS", 1)
    async with aclosing(open_stream(streams)) as stream:
        await first(stream)
        assert not streams.has_capacity("b")

    async with aclosing(open_stream(streams, agent=2, address="b")) as stream:
        assert b"held" in await first(stream)


async def test_agent_with_ended_stream_opens_another(streams):
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(aclosing(open_stream(streams))) for _ in range(MAX_STREAMS_PER_AGENT)]
        for stream in opened:
            await first(stream)
        oldest = streams.open[0]
        await opened[1].aclose()

        await first(await stack.enter_async_context(aclosing(open_stream(streams))))

        assert streams.open[0] is oldest
        assert len(streams.open) == MAX_STREAMS_PER_AGENT


async def held_order(world: World):
    """An agent, and the path of its order that waits for a person."""
    shop = await spending_scenario(world)
    agent, offer, key = await shop.agent(5000), await shop.offer("person", kind="goods"), uuid.uuid4()
    await shop.order(agent, offer, key)
    return agent, f"/v1/orders/{key}/stream"


async def waiting_receipt(world: World):
    """An agent, and the path of its receipt that is not verified yet."""
    buying = Buying(world)
    await goods(world)
    account, found = await world.account(), document()
    await buying.scan(account, found)
    (mine,) = await buying.receipts(account)
    return account, f"/v1/receipts/{mine['id']}/stream"


@pytest.mark.parametrize("watched", [held_order, waiting_receipt])
async def test_stream_bound_reached_answers_busy(world: World, monkeypatch, watched):
    monkeypatch.setattr(watchers, "MAX_STREAMS", 0)
    agent, path = await watched(world)

    answer = await world.client.get(path, headers=bearer(agent))

    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize("watched", [held_order, waiting_receipt])
async def test_agent_over_http_loses_the_oldest_stream(world: World, live_url: str, watched):
    agent, path = await watched(world)

    async with (
        httpx2.AsyncClient(base_url=live_url, headers=bearer(agent), timeout=20, trust_env=False) as phone,
        AsyncExitStack() as stack,
    ):
        opened = [await stack.enter_async_context(phone.stream("GET", path)) for _ in range(MAX_STREAMS_PER_AGENT)]
        lines = [stream.aiter_lines() for stream in opened]
        for each in lines:
            await anext(each)
        newest = await stack.enter_async_context(phone.stream("GET", path))
        await anext(newest.aiter_lines())
        rest = [line async for line in lines[0]]

    assert newest.status_code == 200
    assert sum(line.startswith("event:") for line in rest) == 0


async def test_stream_without_changes_has_a_heartbeat(world: World, streams, monkeypatch):
    monkeypatch.setattr(watchers, "HEARTBEAT_SECONDS", 0.05)
    async with aclosing(streams.events(await device(world), "a", "order", waits)) as stream:
        await first(stream)

        beat = await first(stream)

    assert beat == b": still here\r\n\r\n"


async def test_stream_of_device_signed_out_ends(world: World, streams, monkeypatch):
    monkeypatch.setattr(watchers, "HEARTBEAT_SECONDS", 0.05)
    agent = await device(world)
    async with aclosing(streams.events(agent, "a", "order", waits)) as stream:
        await first(stream)
        await world.db.call(text("UPDATE devices SET ended_at = now() WHERE id = :id RETURNING id"), id=agent.device_id)

        with pytest.raises(StopAsyncIteration):
            await first(stream)


async def test_stream_ends_when_its_life_is_over(streams, monkeypatch):
    monkeypatch.setattr(watchers, "LIFE_SECONDS", 0.05)
    async with aclosing(open_stream(streams)) as stream:
        await first(stream)

        with pytest.raises(StopAsyncIteration):
            await first(stream)

    assert streams.open == []


async def test_stream_ends_when_the_server_stops(world: World):
    stopping = asyncio.Event()
    streams = Watchers(world.db, is_stopping=stopping.is_set)
    async with aclosing(open_stream(streams)) as stream:
        await first(stream)
        stopping.set()

        with pytest.raises(StopAsyncIteration):
            await first(stream)

    assert not streams.has_capacity("a")
