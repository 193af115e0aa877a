"""Redemptions as their agent sees them: a list, and a live stream."""

import asyncio
import json
import uuid
from contextlib import ExitStack, aclosing

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from backend.checkout.redemptions import streams as redemption_streams
from backend.checkout.redemptions.service import StreamPosition
from backend.checkout.redemptions.streams import RedemptionStreams, position_from_event_id
from backend.core.http.errors import Busy
from backend.earning.promocodes.models import PromoRun
from backend.identity.accounts.authentication import Agent
from backend.programmes.rules.rule import FixedAmount, Promo
from tests.checkout.till_client import Shopping, line
from tests.live import serving
from tests.make import World, bearer

BASKET = [line(1, 10000), line(2, 20000), line(3, 30000)]


@pytest.fixture
async def account(world: World):
    return await world.account()


@pytest.fixture
async def code(shopping: Shopping, account):
    """5 % off, and a bonus of a tenth of the paid amount."""
    return await shopping.code(await shopping.offer(), account=account)


@pytest.fixture
async def streams(world: World):
    found = RedemptionStreams(world.db, check_seconds=0.2)
    yield found
    await found.close()


async def list_redemptions(world, account, **params):
    return (await world.client.get("/v1/redemptions", params=params, headers=bearer(account))).json()


async def agent_of(world: World, account) -> Agent:
    row = await world.db.call(
        text(
            "SELECT a.id, d.id AS device FROM accounts a JOIN devices d ON d.account_id = a.id "
            "WHERE a.card_number = :card"
        ),
        card=account.card_number,
    )
    return Agent(row.id, row.device, "203.0.113.0/24")


async def events(stream, count, seconds=5):
    async with asyncio.timeout(seconds):
        return [await anext(stream) for _ in range(count)]


async def test_redemption_is_listed_with_shop_and_bonus(world: World, shopping: Shopping, account, code):
    answer = await shopping.sell(code, basket=BASKET, buyer="7001234567")

    assert answer.status_code == 200, answer.text
    (row,) = (await list_redemptions(world, account))["items"]
    shown = {name: row[name] for name in row.keys() - {"id", "at", "pending_until"}}
    assert shown == {
        "shop": shopping.shop.name,
        "code": code,
        "programme_id": shopping.programme.id,
        "currency": "RUB",
        "base": 57000,
        "bonus": 5700,
    }
    assert row["pending_until"] > row["at"][:10]


async def test_return_is_listed_and_counters_are_updated(world: World, shopping: Shopping, account, code):
    await shopping.sell(code, key="first", basket=BASKET)

    back = await shopping.take_back("first", (3, 1, 30000))

    assert back.status_code == 200, back.text
    (row,) = (await list_redemptions(world, account))["items"]
    assert (row["base"], row["bonus"], row["returned"]) == (57000, 5700, {"base": 28500, "bonus": 2850})
    (listed,) = (await world.client.get("/v1/promo-codes", headers=bearer(account))).json()["items"]
    (run,) = listed["runs"]
    assert (run["came"], run["sum"], run["bonus"]) == (1, 28500, {"pending": 2850, "returned": 2850})


async def test_unknown_run_counts_as_the_code_without_run(world: World, shopping: Shopping, account, code):
    row = await world.db.call(text("SELECT id FROM promo_codes"))
    await world.add(PromoRun(code_id=row.id, n=2, name="chat"))

    for suffix in (".2", ".7"):
        await shopping.sell(code + suffix, basket=BASKET)

    unknown, known = (await list_redemptions(world, account))["items"]
    assert (known["run"], known["run_name"]) == (2, "chat")
    assert "run_name" not in unknown
    (listed,) = (await world.client.get("/v1/promo-codes", headers=bearer(account))).json()["items"]
    assert [(run["n"], run["came"]) for run in listed["runs"]] == [(0, 1), (2, 1)]


async def test_redemptions_are_paged_newest_first_for_owner_only(world: World, shopping: Shopping, account, code):
    for number in range(3):
        await shopping.sell(code, basket=[line(1, 10000 * (number + 1))])

    first = await list_redemptions(world, account, limit=2)
    second = await list_redemptions(world, account, limit=2, cursor=first["next"])

    assert [row["base"] for row in first["items"] + second["items"]] == [28500, 19000, 9500]
    assert "next" not in second
    assert await list_redemptions(world, await world.account()) == {"items": []}
    tag = (await world.client.get("/v1/redemptions", headers=bearer(account))).headers["ETag"]
    again = await world.client.get("/v1/redemptions", headers=bearer(account) | {"If-None-Match": tag})
    assert again.status_code == 304


async def test_redemption_over_day_cap_has_a_reason(world: World, shopping: Shopping, account):
    campaign = await shopping.offer(Promo(FixedAmount(100)), bonus=FixedAmount(500), cap_per_agent_day=500)
    code = await shopping.code(campaign, account=account)
    for _ in range(2):
        await shopping.sell(code, basket=BASKET)

    newest, first = (await list_redemptions(world, account))["items"]

    assert (first["bonus"], first.get("why")) == (500, None)
    assert (newest.get("bonus"), newest["why"]) == (None, "Your limit for that day was reached.")


async def test_stream_sends_sale_and_return_within_a_second(world: World, shopping: Shopping, account, code, streams):
    async with aclosing(streams.subscribe(await agent_of(world, account), None)) as stream:
        (ready,) = await events(stream, 1)
        await shopping.sell(code, key="first", basket=BASKET)
        (sold,) = await events(stream, 1, seconds=1)
        await shopping.take_back("first", (1, 1, 10000))
        (back,) = await events(stream, 1, seconds=1)

    assert (ready.event, sold.event, back.event) == ("ready", "redemption", "return")
    assert json.loads(sold.data)["bonus"] == 5700
    assert json.loads(back.data)["returned"] == {"base": 9500, "bonus": 950}
    assert json.loads(back.data)["id"] == json.loads(sold.data)["id"]


async def test_stream_sends_only_redemptions_of_its_agent(world: World, shopping: Shopping, account, code, streams):
    other = await shopping.code(await shopping.offer(), account=await world.account())
    async with aclosing(streams.subscribe(await agent_of(world, account), None)) as stream:
        await events(stream, 1)
        await shopping.sell(other, basket=BASKET)
        await shopping.sell(code, basket=[line(1, 200)])

        (sold,) = await events(stream, 1)

    assert json.loads(sold.data)["base"] == 190


async def test_stream_sends_late_commit_with_lower_id(world: World, shopping: Shopping, account, code, streams):
    other = await shopping.code(await shopping.offer(), account=await world.account())
    for each in (code, other):
        await shopping.sell(each, basket=[line(1, 100)])
    agent = await agent_of(world, account)
    late = text("""
        WITH late AS (
            INSERT INTO redemptions (sale_id, code_id, run, brand_id, shop_id, campaign_id, version_id, account_id,
                base, discount, bonus)
            SELECT other.sale_id, own.code_id, 0, own.brand_id, own.shop_id, own.campaign_id, own.version_id,
                own.account_id, 777, 0, 0
            FROM redemptions own, redemptions other WHERE own.account_id = :account AND other.account_id <> :account
            RETURNING id
        ), share AS (
            INSERT INTO shares (redemption_id, line, base, discount) SELECT id, 1, 777, 0 FROM late
        )
        SELECT id FROM late
    """)

    async with aclosing(streams.subscribe(agent, None)) as stream:
        await events(stream, 1)
        async with world.db.begin() as session:
            number = await session.scalar(late, {"account": agent.account_id})
            await shopping.sell(code, basket=[line(1, 200)])
            before = [json.loads(event.data) for event in await events(stream, 2)]
        (after,) = await events(stream, 1)

    assert [row["base"] for row in before] == [95, 190]
    assert json.loads(after.data)["id"] == number < before[1]["id"]


async def test_resumed_stream_sends_missed_events(world: World, shopping: Shopping, account, code, streams):
    agent = await agent_of(world, account)
    async with aclosing(streams.subscribe(agent, None)) as stream:
        (ready,) = await events(stream, 1)
    await shopping.sell(code, key="first", basket=BASKET)
    await shopping.take_back("first", (1, 1, 10000))

    async with aclosing(streams.subscribe(agent, position_from_event_id(ready.id))) as stream:
        missed = await events(stream, 3)

    assert [event.event for event in missed] == ["redemption", "return", "ready"]
    assert missed[0].id == ready.id


async def test_resumed_stream_with_many_missed_events_sends_reload(
    world: World, shopping: Shopping, account, code, streams, monkeypatch
):
    monkeypatch.setattr(redemption_streams.redemptions, "MAX_MISSED", 1)
    for _ in range(2):
        await shopping.sell(code, basket=BASKET)

    async with aclosing(streams.subscribe(await agent_of(world, account), StreamPosition(0, 0))) as stream:
        sent = await events(stream, 2)

    assert [event.event for event in sent] == ["reload", "ready"]


async def test_stream_of_signed_out_device_ends(world: World, account, streams):
    async with aclosing(streams.subscribe(await agent_of(world, account), None)) as stream:
        await events(stream, 1)
        async with world.db.begin() as session:
            await session.execute(text("UPDATE devices SET ended_at = now()"))

        with pytest.raises(StopAsyncIteration):
            await events(stream, 1)

    assert streams.open == []


async def test_streams_over_the_limits_end_or_are_refused(world: World, account, streams, monkeypatch):
    agent = await agent_of(world, account)
    open_ones = [streams.subscribe(agent, None) for _ in range(redemption_streams.MAX_STREAMS_PER_AGENT + 1)]
    for stream in open_ones:
        await events(stream, 1)

    with pytest.raises(StopAsyncIteration):
        await events(open_ones[0], 1)
    assert len(streams.open) == redemption_streams.MAX_STREAMS_PER_AGENT

    monkeypatch.setattr(redemption_streams, "MAX_STREAMS", redemption_streams.MAX_STREAMS_PER_AGENT)
    with pytest.raises(Busy):
        streams.check_capacity()
    for stream in open_ones:
        await stream.aclose()


async def test_idle_stream_has_heartbeat_until_queue_is_full(world: World, account, streams, monkeypatch):
    monkeypatch.setattr(redemption_streams, "HEARTBEAT_SECONDS", 0.05)
    async with aclosing(streams.subscribe(await agent_of(world, account), None)) as stream:
        _, beat = await events(stream, 2)
        for _ in range(redemption_streams.QUEUE_SIZE + 1):
            streams.open[0].send(beat)

        with pytest.raises(StopAsyncIteration):
            await events(stream, 1)

    assert beat.encode() == b": still here\r\n\r\n"


async def test_poller_stops_without_open_streams(world: World, account, streams):
    async with aclosing(streams.subscribe(await agent_of(world, account), None)) as stream:
        await events(stream, 1)
        poller = streams._poller

    async with asyncio.timeout(3):
        await poller

    assert streams.open == []


@pytest.mark.parametrize("text", [None, "", "7", "7-", "-7", "a-b", "1-2-3", "²-1", "9" * 20 + "-1"])
def test_event_id_that_is_invalid_has_no_position(text):
    assert position_from_event_id(text) is None


async def test_stream_over_http_sends_sale(world: World, shopping: Shopping, account, code, live_url):
    async with AsyncClient(base_url=live_url, timeout=5) as client:
        stranger = await client.get("/v1/redemptions/stream", headers={"Authorization": "Bearer x"})
        async with client.stream("GET", "/v1/redemptions/stream", headers=bearer(account)) as answer:
            lines = answer.aiter_lines()
            ready = [await anext(lines) for _ in range(3)]
            await shopping.sell(code, key=str(uuid.uuid4()), basket=BASKET)
            async with asyncio.timeout(2):
                event = [line async for line in first(lines, 4)]

    assert stranger.status_code == 401
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert ready[1:] == ["event: ready", "data: {}"]
    assert event[2] == "event: redemption"
    assert json.loads(event[3].removeprefix("data: "))["bonus"] == 5700


async def test_server_stop_ends_streams_at_once(world: World, account, settings, tmp_path):
    with ExitStack() as stack:
        url = stack.enter_context(serving(settings, tmp_path))
        async with AsyncClient(base_url=url, timeout=5) as client:
            async with client.stream("GET", "/v1/redemptions/stream", headers=bearer(account)) as answer:
                lines = answer.aiter_lines()
                await anext(lines)
                stopped = asyncio.create_task(asyncio.to_thread(stack.close))
                async with asyncio.timeout(3):
                    rest = [line async for line in lines]
            await stopped

    assert rest[-1] == ""
    # The server stopped without being killed.
    assert (tmp_path / "serve.log").read_text().strip() == ""


async def first(lines, count):
    for _ in range(count):
        yield await anext(lines)
