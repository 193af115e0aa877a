"""The supplier simulators: rate limits, scripts, callbacks, and runs with faults in which nothing is sold twice."""

import asyncio
import json
import math
import re
from collections import Counter

import httpx2
import pytest

from payouts.partners.supplier import PurchaseRequest
from simulators import faults
from tests.payouts.partners.conftest import KINDS, opened

TREMENDOUS_ORDER = {
    "reward": {
        "value": {"denomination": 10, "currency_code": "RUB"},
        "delivery": {"method": "LINK"},
        "products": ["BOOKS"],
        "recipient": {"name": "x"},
    },
    "payment": {"funding_source_id": "BALANCE"},
}


async def settled(supplier, wanted):
    """Buy as a worker does: what is unknown is looked for, and ordered again under the same reference."""
    for _ in range(60):
        bought = await supplier.place_order(wanted)
        if bought.result == "unknown":
            bought = await supplier.find_order(wanted)
        if bought.result == "sold":
            return bought
        await asyncio.sleep(0.02)
    raise AssertionError(bought)


@pytest.mark.parametrize("kind", KINDS)
async def test_orders_under_faults_end_with_one_certificate(suppliers, kind):
    suppliers.set_up(seed=7, faults=0.4, timeout_seconds=0.3, slow_seconds=0.05, late_seconds=0.1)
    orders = [PurchaseRequest(f"bad-day-{number}", "BOOKS", 100_000) for number in range(60)]
    met = {faults.draw_fault(kind, wanted.reference, 0, seed=7, rate=0.4, kinds=None) for wanted in orders}

    async with opened(kind, suppliers.url, timeout=0.25) as supplier:
        bought = await asyncio.gather(*(settled(supplier, wanted) for wanted in orders))

    assert len({one.code for one in bought}) == 60
    assert suppliers.sold(kind) == {wanted.reference: 1 for wanted in orders}
    assert set(suppliers.log(kind)["faults"]) >= met - {""}
    assert len(met) >= 10


@pytest.mark.parametrize(("kind", "limit"), [("tremendous", 10), ("tango", 1)])
async def test_default_rate_limits_are_enforced(suppliers, kind, limit):
    suppliers.http.put("/_simulator/setup", content="{}").raise_for_status()
    orders = [suppliers.wanted() for _ in range(25)]

    async with opened(kind, suppliers.url) as supplier:
        bought = [await supplier.place_order(wanted) for wanted in orders]

    log, results = suppliers.log(kind), Counter(one.result for one in bought)
    allowed = limit * math.ceil(log["arrivals"][-1] - log["arrivals"][0] + 1e-9)
    assert limit <= results["sold"] <= allowed
    assert results["busy"] == log["refused_for_quota"] == 25 - results["sold"]
    assert sum(suppliers.sold(kind).values()) == results["sold"]
    assert log["most_in_a_second"] == 25


@pytest.mark.parametrize("kind", KINDS)
async def test_callbacks_are_late_and_duplicated(suppliers, kind):
    heard, all_heard = [], asyncio.Event()

    async def hear(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE).group(1))
        heard.append(json.loads(await reader.readexactly(length)))
        if len(heard) == 3:
            all_heard.set()
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    suppliers.set_up(callback_url=url, late_seconds=0.6)
    twice, late = suppliers.wanted("duplicate"), suppliers.wanted("late")
    async with opened(kind, suppliers.url) as supplier:
        await supplier.place_order(twice)
        await supplier.place_order(twice)
        await supplier.place_order(late)
    await asyncio.sleep(0.3)
    soon = [one["reference"] for one in heard]
    await asyncio.wait_for(all_heard.wait(), 5)
    server.close()
    await server.wait_closed()

    assert soon == [twice.reference] * 2
    assert [one["reference"] for one in heard] == [twice.reference, twice.reference, late.reference]
    assert sorted(suppliers.sold(kind).values()) == [1, 1]


def test_retry_without_reference_buys_again(suppliers):
    for _ in range(2):
        httpx2.post(
            f"{suppliers.url}/api/v2/orders",
            json=TREMENDOUS_ORDER,
            headers={"Authorization": "Bearer x"},
            trust_env=False,
        ).raise_for_status()

    assert suppliers.sold("tremendous") == {"": 2}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v2/orders", 401),
        ("GET", "/api/v2/orders?external_id=1", 401),
        ("POST", "/api/v2/rewards/R1/generate_link", 404),
        ("POST", "/raas/v2/orders", 401),
        ("GET", "/raas/v2/orders?externalRefID=1", 401),
        ("GET", "/raas/v2/orders/RA1", 404),
        ("PUT", "/aggregator/orders/1", 401),
        ("GET", "/aggregator/orders/1", 401),
    ],
)
def test_request_without_token_is_rejected(suppliers, method, path, status):
    answer = suppliers.http.request(method, path, content=b"{}")

    assert answer.status_code == status


@pytest.mark.parametrize("given", ["{", '{"scripts": {"1": ["flood"]}}', '{"left": {"BOOKS": -1}}', '{"orders": []}'])
def test_invalid_control_request_is_rejected(suppliers, given):
    answer = suppliers.http.put("/_simulator/orders", content=given)

    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_callback_to_external_host_is_rejected(suppliers):
    answer = suppliers.http.put("/_simulator/setup", content='{"callback_url": "https://example.invalid/"}')

    assert answer.status_code == 400


def test_random_faults_never_change_sales():
    assert not set(faults.PURCHASE_FAULTS) & {"wrong_amount", "sold_out", "failed", "unauthorized"}
    assert set(faults.RANDOM_FAULTS) >= set(KINDS)
