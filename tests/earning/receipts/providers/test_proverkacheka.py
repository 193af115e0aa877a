"""proverkacheka.com: every code and fault of it, asked over real HTTP."""

import pytest

from simulators.receipts.receipt_factory import ReceiptItem
from tests.earning.receipts.providers.conftest import opened, receipt_query


async def test_receipt_is_found_in_every_request_shape(simulators):
    receipt = simulators.put()

    async with opened("proverkacheka", simulators.url) as provider:
        answers = [await provider.find_receipt(receipt_query(receipt, attempt)) for attempt in range(4)]

    assert [answer.shape for answer in answers] == ["fields", "qrraw", "fields_seconds", "fields"]
    assert all((answer.result, answer.code, answer.raw) == ("found", "1", receipt) for answer in answers)
    assert simulators.log("proverkacheka")["shapes"] == {"fields": 2, "qrraw": 1, "fields_seconds": 1}


async def test_kopecks_survive_in_every_shape(simulators):
    receipt = simulators.put(lines=[ReceiptItem("Дюбель", 7)])

    async with opened("proverkacheka", simulators.url) as provider:
        answers = [await provider.find_receipt(receipt_query(receipt, attempt)) for attempt in range(3)]

    assert {answer.result for answer in answers} == {"found"}


async def test_receipt_not_there_yet_is_found_later(simulators):
    receipt = simulators.put(appears_after=2)

    async with opened("proverkacheka", simulators.url) as provider:
        answers = [await provider.find_receipt(receipt_query(receipt, attempt)) for attempt in range(3)]

    assert [answer.result for answer in answers] == ["not_yet", "not_yet", "found"]


@pytest.mark.parametrize(
    ("code", "result"), [(0, "bad_request"), (2, "not_yet"), (3, "limit"), (4, "limit"), (5, "unavailable")]
)
async def test_code_maps_to_result(simulators, code, result):
    receipt = simulators.put(f"code_{code}")

    async with opened("proverkacheka", simulators.url) as provider:
        answer = await provider.find_receipt(receipt_query(receipt))

    assert (answer.result, answer.code, answer.http, answer.spent) == (result, str(code), 200, 1)


async def test_wrong_requisites_are_a_bad_request(simulators):
    receipt = simulators.put()

    async with opened("proverkacheka", simulators.url) as provider:
        answer = await provider.find_receipt(receipt_query(receipt, total=receipt["totalSum"] + 1))

    assert (answer.result, answer.code) == ("bad_request", "0")


@pytest.mark.parametrize(
    ("fault", "code", "http"),
    [
        ("http_500", "http_500", 500),
        ("http_500_empty", "http_500", 500),
        ("garbage", "garbage", 200),
        ("huge", "huge", 200),
        ("empty", "empty", 200),
        ("timeout", "timeout", None),
        ("code_7", "garbage", 200),
        ("redirect", "http_307", 307),
    ],
)
async def test_fault_is_unavailable_and_next_query_answered(simulators, fault, code, http):
    receipt = simulators.put(fault)
    simulators.set_up(timeout_seconds=2)

    async with opened("proverkacheka", simulators.url, timeout=0.8) as provider:
        troubled = await provider.find_receipt(receipt_query(receipt))
        after = await provider.find_receipt(receipt_query(receipt))

    assert (troubled.result, troubled.code, troubled.http) == ("unavailable", code, http)
    assert after.result == "found"


async def test_slow_answer_is_awaited(simulators):
    receipt = simulators.put("slow")

    async with opened("proverkacheka", simulators.url) as provider:
        answer = await provider.find_receipt(receipt_query(receipt))

    assert answer.result == "found"


async def test_used_up_daily_quota_is_a_limit(simulators):
    receipt = simulators.put()
    simulators.set_up(per_day=1)

    async with opened("proverkacheka", simulators.url) as provider:
        answers = [await provider.find_receipt(receipt_query(receipt)) for _ in range(2)]

    assert [(answer.result, answer.code) for answer in answers] == [("found", "1"), ("limit", "3")]
