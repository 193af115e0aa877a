"""The tax service's open API: every code and fault of it, asked over real HTTP."""

import asyncio
import time
from datetime import datetime, timedelta

import pytest

from backend.simulators import receipts_made
from tests.receipts.providers.conftest import opened, question


async def test_a_receipt_is_found_as_the_service_holds_it(simulators):
    receipt = simulators.put()

    async with opened("fns", simulators.url) as fns:
        answer = await fns.ask(question(receipt))

    assert (answer.result, answer.code, answer.http, answer.shape, answer.spent) == (
        "found",
        "200",
        200,
        "get_ticket",
        1,
    )
    assert answer.raw == {"document": {"receipt": receipt}}


async def test_a_receipt_that_is_not_there_yet_is_found_later(simulators):
    receipt = simulators.put(appears_after=2)

    async with opened("fns", simulators.url) as fns:
        answers = [await fns.ask(question(receipt, attempt)) for attempt in range(3)]

    assert [(answer.result, answer.code) for answer in answers] == [("not_yet", "404")] * 2 + [("found", "200")]


@pytest.mark.parametrize(
    ("code", "result"),
    [("400", "bad_request"), ("452", "bad_request"), ("453", "bad_request"), ("454", "rejected"), ("455", "not_yet"),
     ("503", "unavailable"), ("528", "unavailable"), ("531", "bad_request"), ("999", "unavailable")],
)  # fmt: skip
async def test_each_code_has_its_result(simulators, code, result):
    receipt = simulators.put(f"code_{code}")

    async with opened("fns", simulators.url) as fns:
        answer = await fns.ask(question(receipt))

    assert (answer.result, answer.code, answer.spent) == (result, code, 1)


async def test_a_wrong_sign_is_final_and_the_minute_before_is_tried_only_once(simulators):
    receipt = simulators.put()

    async with opened("fns", simulators.url) as fns:
        answer = await fns.ask(question(receipt, fp=1))

    assert (answer.result, answer.code, answer.spent) == ("rejected", "406", 2)
    assert simulators.log("fns")["questions"] == 2


async def test_a_till_that_rounded_its_time_up_is_found_a_minute_earlier(simulators):
    receipt = simulators.put()
    printed = datetime.fromisoformat(receipt["dateTime"]) + timedelta(minutes=1)

    async with opened("fns", simulators.url) as fns:
        answer = await fns.ask(question(receipt, at=printed))

    assert (answer.result, answer.shape, answer.spent) == ("found", "get_ticket_minute_earlier", 2)


async def test_a_time_with_seconds_is_taken_at_its_word(simulators):
    receipt = simulators.put(with_seconds=True)

    async with opened("fns", simulators.url) as fns:
        found = await fns.ask(question(receipt))
        refused = await fns.ask(question(receipt, fp=1))

    assert (found.result, refused.result, refused.spent) == ("found", "rejected", 1)


async def test_the_minute_before_is_not_tried_without_a_turn(simulators):
    receipt = simulators.put()

    async def spend():
        return False

    async with opened("fns", simulators.url, spend=spend) as fns:
        answer = await fns.ask(question(receipt, fp=1))

    assert (answer.result, answer.code, answer.spent) == ("limit", "406", 1)


@pytest.mark.parametrize(
    ("fault", "code", "http"),
    [("http_500", "fault", 500), ("http_500_empty", "http_500", 500), ("garbage", "garbage", 200),
     ("wrong_type", "content_type", 200), ("huge", "huge", 200), ("message_not_found", "message_not_found", 500),
     ("ticket_garbage", "garbage", 200), ("timeout", "timeout", None), ("processing", "processing", 200),
     ("redirect", "http_307", 307)],
)  # fmt: skip
async def test_each_fault_is_the_services_trouble_and_the_next_question_is_answered(simulators, fault, code, http):
    receipt = simulators.put(fault)
    simulators.set_up(timeout_seconds=3)

    async with opened("fns", simulators.url, timeout=1.2) as fns:
        troubled = await fns.ask(question(receipt))
        after = await fns.ask(question(receipt))

    assert (troubled.result, troubled.code, troubled.http, troubled.spent) == ("unavailable", code, http, 1)
    assert after.result == "found"


async def test_a_slow_answer_is_waited_for(simulators):
    receipt = simulators.put("slow")

    async with opened("fns", simulators.url) as fns:
        answer = await fns.ask(question(receipt))

    assert answer.result == "found"


async def test_an_answer_that_takes_time_is_polled_twice_a_second_at_most(simulators):
    receipt = simulators.put()
    simulators.set_up(lag=1.8)

    async with opened("fns", simulators.url, timeout=5.0) as fns:
        answer = await fns.ask(question(receipt))

    assert answer.result == "found"
    assert 1 <= simulators.log("fns")["most_polls_in_a_second"] <= 2


async def test_a_token_that_is_refused_is_renewed_once(simulators):
    once, twice = simulators.put("authentication"), simulators.put("authentication", "authentication")

    async with opened("fns", simulators.url) as fns:
        renewed = await fns.ask(question(once))
        given_up = await fns.ask(question(twice))

    assert (renewed.result, renewed.spent) == ("found", 2)
    assert (given_up.result, given_up.code, given_up.spent) == ("unavailable", "authentication", 2)


async def test_a_token_that_ends_is_renewed_before_it_does(simulators):
    first, second = simulators.put(), simulators.put()
    simulators.set_up(token_seconds=3)

    async with opened("fns", simulators.url) as fns:
        before = await fns.ask(question(first))
        await asyncio.sleep(3.1)
        after = await fns.ask(question(second))

    assert (before.result, after.result, after.spent) == ("found", "found", 1)


async def test_those_who_ask_at_once_share_one_token(simulators):
    receipts = [simulators.put() for _ in range(10)]

    async with opened("fns", simulators.url) as fns:
        answers = await asyncio.gather(*(fns.ask(question(receipt)) for receipt in receipts))

    assert {answer.result for answer in answers} == {"found"}
    assert simulators.log("fns")["questions"] == 10


async def test_a_master_token_that_is_not_taken_is_said_so(simulators):
    receipt = simulators.put()

    async with opened("fns", simulators.url, token="refused") as fns:
        answer = await fns.ask(question(receipt))

    assert (answer.result, answer.code, answer.spent) == ("unavailable", "auth_refused", 0)


async def test_a_spent_quota_is_a_limit_with_the_time_to_wait(simulators):
    receipts = [simulators.put() for _ in range(3)]
    simulators.set_up(per_second=2)

    async with opened("fns", simulators.url) as fns:
        answers = await asyncio.gather(*(fns.ask(question(receipt)) for receipt in receipts))

    (limited,) = [answer for answer in answers if answer.result == "limit"]
    assert (limited.code, limited.http, limited.retry_after, limited.spent) == ("http_429", 429, 1, 1)
    assert simulators.log("fns")["refused_for_quota"] == 1


async def test_an_ask_ends_in_three_timeouts_whatever_happens(simulators):
    receipt = simulators.put()
    simulators.set_up(lag=30)
    began = time.monotonic()

    async with opened("fns", simulators.url, timeout=0.8) as fns:
        answer = await fns.ask(question(receipt))

    assert (answer.result, answer.code) == ("unavailable", "processing")
    assert time.monotonic() - began < 3 * 0.8 + 1


async def test_nobody_at_the_address_is_unavailable():
    async with opened("fns", "http://127.0.0.1:9") as fns:
        answer = await fns.ask(question(receipts_made.made(1)))

    assert (answer.result, answer.code, answer.http, answer.spent) == ("unavailable", "unreachable", None, 0)
