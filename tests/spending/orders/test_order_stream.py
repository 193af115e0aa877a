"""The stream of an order, over a real server."""

import json
import uuid

import httpx2

from backend.spending.orders.transitions import OrderEnd
from tests.make import World, bearer
from tests.spending.scenario import spending_scenario


async def test_order_stream_sends_changes_until_end(world: World, live_url: str):
    shop = await spending_scenario(world)
    agent, offer, key = await shop.agent(5000), await shop.offer("person", kind="goods"), uuid.uuid4()
    await shop.order(agent, offer, key)
    seen = []

    async with (
        httpx2.AsyncClient(base_url=live_url, headers=bearer(agent), timeout=20, trust_env=False) as phone,
        phone.stream("GET", f"/v1/orders/{key}/stream") as stream,
    ):
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line[6:]))
                if len(seen) == 1:
                    await shop.end(key, OrderEnd(done=False, reason="turned_down"))

    assert [row["status"] for row in seen] == ["held", "refused"]
    assert await shop.wallet(agent) == (5000, 0)


async def test_order_stream_of_another_is_not_found(world: World):
    shop = await spending_scenario(world)
    agent, offer, key = await shop.agent(5000), await shop.offer("person", kind="goods"), uuid.uuid4()
    await shop.order(agent, offer, key)

    answer = await world.client.get(f"/v1/orders/{key}/stream", headers=bearer(await world.account()))

    assert answer.status_code == 404
