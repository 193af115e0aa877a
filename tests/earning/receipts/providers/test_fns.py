"""The tax service's open API: every code and fault of it, asked over real HTTP."""

import asyncio
import time
from datetime import datetime, timedelta

import pytest

from simulators.receipts import receipt_factory
from tests.earning.receipts.providers.conftest import opened, receipt_query


async def test_receipt_is_found_as_the_service_has_it(simulators):
    receipt = simulators.put()

    async with opened("fns", simulators.url) as fns:
        answer = await fns.find_receipt(receipt_query(receipt))

    assert (answer.result, answer.code, answer.http, answer.shape, answer.spent) == (
        "found",
        "200",
        200,
        "get_ticket",
        1,
    )
    assert answer.raw == {"document": {"receipt": receipt}}


async def test_receipt_not_there_yet_is_found_later(simulators):
    receipt = simulators.put(appears_after=2)

    async with opened("fns", simulators.url) as fns:
        answers = [await fns.find_receipt(receipt_query(receipt, attempt)) for attempt in range(3)]

    assert [(answer.result, answer.code) for answer in answers] == [("not_yet", "404")] * 2 + [("found", "200")]


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("400", "bad_request"),
        ("452", "bad_request"),
        ("453", "bad_request"),
        ("454", "rejected"),
        ("455", "not_yet"),
        ("503", "unavailable"),
        ("528", "unavailable"),
        ("531", "bad_request"),
        ("999", "unavailable"),
    ],
)
async def test_code_maps_to_result(simulators, code, result):
    receipt = simulators.put(f"code_{code}")

    async with opened("fns", simulators.url) as fns:
        answer = await fns.find_receipt(receipt_query(receipt))

    assert (answer.result, answer.code, answer.spent) == (result, code, 1)


async def test_wrong_sign_is_final_after_one_earlier_minute(simulators):
    receipt = simulators.put()

    async with opened("fns", simulators.url) as fns:
        answer = await fns.find_receipt(receipt_query(receipt, fp=1))

    assert (answer.result, answer.code, answer.spent) == ("rejected", "406", 2)
    assert simulators.log("fns")["questions"] == 2


async def test_rounded_up_time_is_found_a_minute_earlier(simulators):
    receipt = simulators.put()
    printed = datetime.fromisoformat(receipt["dateTime"]) + timedelta(minutes=1)

    async with opened("fns", simulators.url) as fns:
        answer = await fns.find_receipt(receipt_query(receipt, at=printed))

    assert (answer.result, answer.shape, answer.spent) == ("found", "get_ticket_minute_earlier", 2)


async def test_time_with_seconds_is_queried_once(simulators):
    receipt = simulators.put(with_seconds=True)

    async with opened("fns", simulators.url) as fns:
        found = await fns.find_receipt(receipt_query(receipt))
        refused = await fns.find_receipt(receipt_query(receipt, fp=1))

    assert (found.result, refused.result, refused.spent) == ("found", "rejected", 1)


async def test_earlier_minute_needs_a_permit(simulators):
    receipt = simulators.put()

    async def refuse():
        return False

    async with opened("fns", simulators.url, acquire_permit=refuse) as fns:
        answer = await fns.find_receipt(receipt_query(receipt, fp=1))

    assert (answer.result, answer.code, answer.spent) == ("limit", "406", 1)


@pytest.mark.parametrize(
    ("fault", "code", "http"),
    [
        ("http_500", "fault", 500),
        ("http_500_empty", "http_500", 500),
        ("garbage", "garbage", 200),
        ("wrong_type", "content_type", 200),
        ("huge", "huge", 200),
        ("message_not_found", "message_not_found", 500),
        ("ticket_garbage", "garbage", 200),
        ("timeout", "timeout", None),
        ("processing", "processing", 200),
        ("redirect", "http_307", 307),
    ],
)
async def test_fault_is_unavailable_and_next_query_answered(simulators, fault, code, http):
    receipt = simulators.put(fault)
    simulators.set_up(timeout_seconds=3)

    async with opened("fns", simulators.url, timeout=1.2) as fns:
        troubled = await fns.find_receipt(receipt_query(receipt))
        after = await fns.find_receipt(receipt_query(receipt))

    assert (troubled.result, troubled.code, troubled.http, troubled.spent) == ("unavailable", code, http, 1)
    assert after.result == "found"


async def test_slow_answer_is_awaited(simulators):
    receipt = simulators.put("slow")

    async with opened("fns", simulators.url) as fns:
        answer = await fns.find_receipt(receipt_query(receipt))

    assert answer.result == "found"


async def test_pending_answer_is_polled_twice_a_second(simulators):
    receipt = simulators.put()
    simulators.set_up(lag=1.8)

    async with opened("fns", simulators.url, timeout=5.0) as fns:
        answer = await fns.find_receipt(receipt_query(receipt))

    assert answer.result == "found"
    assert 1 <= simulators.log("fns")["most_polls_in_a_second"] <= 2


async def test_refused_token_is_renewed_once(simulators):
    once, twice = simulators.put("authentication"), simulators.put("authentication", "authentication")

    async with opened("fns", simulators.url) as fns:
        renewed = await fns.find_receipt(receipt_query(once))
        given_up = await fns.find_receipt(receipt_query(twice))

    assert (renewed.result, renewed.spent) == ("found", 2)
    assert (given_up.result, given_up.code, given_up.spent) == ("unavailable", "authentication", 2)


async def test_token_is_renewed_before_expiry(simulators):
    first, second = simulators.put(), simulators.put()
    simulators.set_up(token_seconds=3)

    async with opened("fns", simulators.url) as fns:
        before = await fns.find_receipt(receipt_query(first))
        await asyncio.sleep(3.1)
        after = await fns.find_receipt(receipt_query(second))

    assert (before.result, after.result, after.spent) == ("found", "found", 1)


async def test_concurrent_queries_share_one_token(simulators):
    receipts = [simulators.put() for _ in range(10)]

    async with opened("fns", simulators.url) as fns:
        answers = await asyncio.gather(*(fns.find_receipt(receipt_query(receipt)) for receipt in receipts))

    assert {answer.result for answer in answers} == {"found"}
    assert simulators.log("fns")["questions"] == 10


async def test_refused_master_token_is_reported(simulators):
    receipt = simulators.put()

    async with opened("fns", simulators.url, token="refused") as fns:
        answer = await fns.find_receipt(receipt_query(receipt))

    assert (answer.result, answer.code, answer.spent) == ("unavailable", "auth_refused", 0)


async def test_used_up_quota_is_a_limit_with_retry_after(simulators):
    receipts = [simulators.put() for _ in range(3)]
    simulators.set_up(per_second=2)

    async with opened("fns", simulators.url) as fns:
        answers = await asyncio.gather(*(fns.find_receipt(receipt_query(receipt)) for receipt in receipts))

    (limited,) = [answer for answer in answers if answer.result == "limit"]
    assert (limited.code, limited.http, limited.retry_after, limited.spent) == ("http_429", 429, 1, 1)
    assert simulators.log("fns")["refused_for_quota"] == 1


async def test_query_ends_within_three_timeouts(simulators):
    receipt = simulators.put()
    simulators.set_up(lag=30)
    began = time.monotonic()

    async with opened("fns", simulators.url, timeout=0.8) as fns:
        answer = await fns.find_receipt(receipt_query(receipt))

    assert (answer.result, answer.code) == ("unavailable", "processing")
    assert time.monotonic() - began < 3 * 0.8 + 1


async def test_unreachable_address_is_unavailable():
    async with opened("fns", "http://127.0.0.1:9") as fns:
        answer = await fns.find_receipt(receipt_query(receipt_factory.make_receipt(1)))

    assert (answer.result, answer.code, answer.http, answer.spent) == ("unavailable", "unreachable", None, 0)
