"""What the agent sees of sales with his codes: a list, and a stream that tells them as they happen."""

import asyncio
import json
import uuid
from contextlib import ExitStack, aclosing

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from backend.accounts.door import Agent
from backend.checkout import streams as watching
from backend.checkout.feed import Mark
from backend.checkout.streams import Streams, read_mark
from backend.errors import Busy
from backend.programmes.rules import Fixed, Promo
from backend.promocodes.models import PromoRun
from tests.checkout.shopping import Shopping, line
from tests.live import serving
from tests.make import World, bearer

BASKET = [line(1, 10000), line(2, 20000), line(3, 30000)]


@pytest.fixture
async def account(world: World):
    return await world.account()


@pytest.fixture
async def code(shopping: Shopping, account):
    """5 % off, and a tenth of what is paid as bonus."""
    return await shopping.code(await shopping.offer(), account=account)


@pytest.fixture
async def streams(world: World):
    found = Streams(world.db, check_seconds=0.2)
    yield found
    await found.close()


async def feed(world, account, **params):
    return (await world.client.get("/v1/redemptions", params=params, headers=bearer(account))).json()


async def agent_of(world: World, account) -> Agent:
    row = await world.db.call(
        text("SELECT a.id, d.id AS device FROM accounts a JOIN devices d ON d.account_id = a.id "
             "WHERE a.card_number = :card"), card=account.card_number,
    )  # fmt: skip
    return Agent(row.id, row.device, "203.0.113.0/24")


async def events(stream, count, seconds=5):
    async with asyncio.timeout(seconds):
        return [await anext(stream) for _ in range(count)]


async def test_a_sale_stands_in_the_feed_with_its_place_and_its_bonus(world: World, shopping: Shopping, account, code):
    answer = await shopping.sell(code, basket=BASKET, buyer="7001234567")

    assert answer.status_code == 200, answer.text
    (row,) = (await feed(world, account))["items"]
    told = {name: row[name] for name in row.keys() - {"id", "at", "pending_until"}}
    assert told == {
        "shop": shopping.shop.name,
        "code": code,
        "programme_id": shopping.programme.id,
        "currency": "RUB",
        "base": 57000,
        "bonus": 5700,
    }
    assert row["pending_until"] > row["at"][:10]


async def test_what_came_back_is_told_and_the_counters_follow(world: World, shopping: Shopping, account, code):
    await shopping.sell(code, key="first", basket=BASKET)

    back = await shopping.take_back("first", (3, 1, 30000))

    assert back.status_code == 200, back.text
    (row,) = (await feed(world, account))["items"]
    assert (row["base"], row["bonus"], row["returned"]) == (57000, 5700, {"base": 28500, "bonus": 2850})
    (listed,) = (await world.client.get("/v1/promo-codes", headers=bearer(account))).json()["items"]
    (run,) = listed["runs"]
    assert (run["came"], run["sum"], run["bonus"]) == (1, 28500, {"pending": 2850, "returned": 2850})


async def test_a_run_is_named_and_an_unknown_one_counts_as_the_bare_code(
    world: World, shopping: Shopping, account, code
):
    row = await world.db.call(text("SELECT id FROM promo_codes"))
    await world.add(PromoRun(code_id=row.id, n=2, name="chat"))

    for suffix in (".2", ".7"):
        await shopping.sell(code + suffix, basket=BASKET)

    unknown, known = (await feed(world, account))["items"]
    assert (known["run"], known["run_name"]) == (2, "chat")
    assert "run_name" not in unknown
    (listed,) = (await world.client.get("/v1/promo-codes", headers=bearer(account))).json()["items"]
    assert [(run["n"], run["came"]) for run in listed["runs"]] == [(0, 1), (2, 1)]


async def test_the_feed_is_newest_first_page_by_page_and_the_owners_alone(
    world: World, shopping: Shopping, account, code
):
    for number in range(3):
        await shopping.sell(code, basket=[line(1, 10000 * (number + 1))])

    first = await feed(world, account, limit=2)
    second = await feed(world, account, limit=2, cursor=first["next"])

    assert [row["base"] for row in first["items"] + second["items"]] == [28500, 19000, 9500]
    assert "next" not in second
    assert await feed(world, await world.account()) == {"items": []}
    tag = (await world.client.get("/v1/redemptions", headers=bearer(account))).headers["ETag"]
    again = await world.client.get("/v1/redemptions", headers=bearer(account) | {"If-None-Match": tag})
    assert again.status_code == 304


async def test_a_days_limit_is_told_in_words(world: World, shopping: Shopping, account):
    campaign = await shopping.offer(Promo(Fixed(100)), bonus=Fixed(500), cap_per_agent_day=500)
    code = await shopping.code(campaign, account=account)
    for _ in range(2):
        await shopping.sell(code, basket=BASKET)

    newest, first = (await feed(world, account))["items"]

    assert (first["bonus"], first.get("why")) == (500, None)
    assert (newest.get("bonus"), newest["why"]) == (None, "Your limit for that day was reached.")


async def test_a_phone_hears_of_a_sale_and_a_return_within_a_second(
    world: World, shopping: Shopping, account, code, streams
):
    async with aclosing(streams.watch(await agent_of(world, account), None)) as stream:
        (ready,) = await events(stream, 1)
        await shopping.sell(code, key="first", basket=BASKET)
        (sold,) = await events(stream, 1, seconds=1)
        await shopping.take_back("first", (1, 1, 10000))
        (back,) = await events(stream, 1, seconds=1)

    assert (ready.event, sold.event, back.event) == ("ready", "redemption", "return")
    assert json.loads(sold.data)["bonus"] == 5700
    assert json.loads(back.data)["returned"] == {"base": 9500, "bonus": 950}
    assert json.loads(back.data)["id"] == json.loads(sold.data)["id"]


async def test_a_phone_hears_only_of_its_own(world: World, shopping: Shopping, account, code, streams):
    other = await shopping.code(await shopping.offer(), account=await world.account())
    async with aclosing(streams.watch(await agent_of(world, account), None)) as stream:
        await events(stream, 1)
        await shopping.sell(other, basket=BASKET)
        await shopping.sell(code, basket=[line(1, 200)])

        (told,) = await events(stream, 1)

    assert json.loads(told.data)["base"] == 190


async def test_a_sale_that_commits_late_under_a_lower_id_is_told(
    world: World, shopping: Shopping, account, code, streams
):
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

    async with aclosing(streams.watch(agent, None)) as stream:
        await events(stream, 1)
        async with world.db.begin() as session:
            number = await session.scalar(late, {"account": agent.account_id})
            await shopping.sell(code, basket=[line(1, 200)])
            before = [json.loads(event.data) for event in await events(stream, 2)]
        (after,) = await events(stream, 1)

    assert [row["base"] for row in before] == [95, 190]
    assert json.loads(after.data)["id"] == number < before[1]["id"]


async def test_a_phone_that_comes_again_hears_what_it_missed(world: World, shopping: Shopping, account, code, streams):
    agent = await agent_of(world, account)
    async with aclosing(streams.watch(agent, None)) as stream:
        (ready,) = await events(stream, 1)
    await shopping.sell(code, key="first", basket=BASKET)
    await shopping.take_back("first", (1, 1, 10000))

    async with aclosing(streams.watch(agent, read_mark(ready.id))) as stream:
        missed = await events(stream, 3)

    assert [event.event for event in missed] == ["redemption", "return", "ready"]
    assert missed[0].id == ready.id


async def test_who_missed_too_much_is_told_to_read_the_list(
    world: World, shopping: Shopping, account, code, streams, monkeypatch
):
    monkeypatch.setattr(watching.feed, "MOST_MISSED", 1)
    for _ in range(2):
        await shopping.sell(code, basket=BASKET)

    async with aclosing(streams.watch(await agent_of(world, account), Mark(0, 0))) as stream:
        told = await events(stream, 2)

    assert [event.event for event in told] == ["reload", "ready"]


async def test_a_device_that_ended_loses_its_stream(world: World, account, streams):
    async with aclosing(streams.watch(await agent_of(world, account), None)) as stream:
        await events(stream, 1)
        async with world.db.begin() as session:
            await session.execute(text("UPDATE devices SET ended_at = now()"))

        with pytest.raises(StopAsyncIteration):
            await events(stream, 1)

    assert streams.open == []


async def test_the_oldest_stream_of_an_agent_makes_room_and_a_full_house_says_so(
    world: World, account, streams, monkeypatch
):
    agent = await agent_of(world, account)
    open_ones = [streams.watch(agent, None) for _ in range(watching.MOST_OF_AGENT + 1)]
    for stream in open_ones:
        await events(stream, 1)

    with pytest.raises(StopAsyncIteration):
        await events(open_ones[0], 1)
    assert len(streams.open) == watching.MOST_OF_AGENT

    monkeypatch.setattr(watching, "MOST", watching.MOST_OF_AGENT)
    with pytest.raises(Busy):
        streams.admit()
    for stream in open_ones:
        await stream.aclose()


async def test_a_silent_stream_has_a_heartbeat_and_a_slow_phone_loses_its_own(
    world: World, account, streams, monkeypatch
):
    monkeypatch.setattr(watching, "HEARTBEAT_SECONDS", 0.05)
    async with aclosing(streams.watch(await agent_of(world, account), None)) as stream:
        _, beat = await events(stream, 2)
        for _ in range(watching.ROOM + 1):
            streams.open[0].tell(beat)

        with pytest.raises(StopAsyncIteration):
            await events(stream, 1)

    assert beat.encode() == b": still here\r\n\r\n"


async def test_nobody_asks_the_database_when_nobody_watches(world: World, account, streams):
    async with aclosing(streams.watch(await agent_of(world, account), None)) as stream:
        await events(stream, 1)
        poller = streams._poller

    async with asyncio.timeout(3):
        await poller

    assert streams.open == []


@pytest.mark.parametrize("text", [None, "", "7", "7-", "-7", "a-b", "1-2-3", "²-1", "9" * 20 + "-1"])
def test_an_id_that_is_not_ours_begins_anew(text):
    assert read_mark(text) is None


async def test_the_stream_comes_over_http(world: World, shopping: Shopping, account, code, live_url):
    async with AsyncClient(base_url=live_url, timeout=5) as client:
        stranger = await client.get("/v1/redemptions/stream", headers={"Authorization": "Bearer x"})
        async with client.stream("GET", "/v1/redemptions/stream", headers=bearer(account)) as answer:
            lines = answer.aiter_lines()
            ready = [await anext(lines) for _ in range(3)]
            await shopping.sell(code, key=str(uuid.uuid4()), basket=BASKET)
            async with asyncio.timeout(2):
                told = [line async for line in first(lines, 4)]

    assert stranger.status_code == 401
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert ready[1:] == ["event: ready", "data: {}"]
    assert told[2] == "event: redemption"
    assert json.loads(told[3].removeprefix("data: "))["bonus"] == 5700


async def test_a_stop_of_the_server_ends_streams_at_once(world: World, account, settings, tmp_path):
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
    # It was not killed for waiting.
    assert (tmp_path / "serve.log").read_text().strip() == ""


async def first(lines, count):
    for _ in range(count):
        yield await anext(lines)
