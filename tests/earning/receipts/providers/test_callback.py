"""A provider that calls back: what is handed in, what is called back, and who may call."""

import asyncio
import contextlib
import json

import pytest

from backend.earning.receipts.providers import callback
from backend.earning.receipts.providers.callback import CallbackUnreadable
from tests.earning.receipts.providers.conftest import SECRET, opened, receipt_query

WAIT_SECONDS = 8


@contextlib.asynccontextmanager
async def listening():
    """A server of ours on a free port: every call's headers and body go into a queue."""
    calls = asyncio.Queue()

    async def take(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        length = next(int(value) for name, value in headers.items() if name.lower() == "content-length")
        calls.put_nowait((headers, await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/called", calls
    finally:
        server.close()
        await server.wait_closed()


async def handed_in(simulators, receipt, reference, calls_wanted, **changed):
    """What the provider answers at once, and the calls that follow."""
    async with listening() as (url, calls), opened("callback", simulators.url, callback_url=url) as provider:
        answer = await provider.find_receipt(receipt_query(receipt, reference=reference, **changed))
        async with asyncio.timeout(WAIT_SECONDS):
            return answer, [await calls.get() for _ in range(calls_wanted)]


async def test_callback_has_our_signature(simulators):
    receipt = simulators.put()

    answer, [(headers, body)] = await handed_in(simulators, receipt, "ref-7", 1)
    reference, content = callback.read_callback(body)

    assert (answer.result, answer.code, answer.spent) == ("waiting", "accepted", 1)
    assert (reference, content.result, content.raw, content.spent) == ("ref-7", "found", receipt, 0)
    assert callback.callback_valid(SECRET, headers, "ref-7")
    assert not callback.callback_valid(SECRET, headers, "ref-8")
    assert not callback.callback_valid(b"another secret", headers, "ref-7")


async def test_callback_may_be_repeated_late_or_wrong(simulators):
    simulators.set_up(late_seconds=0.3)
    twice, late, wrong = simulators.put("duplicate"), simulators.put("late"), simulators.put("wrong_amount")

    _, doubled = await handed_in(simulators, twice, "twice", 2)
    _, [(_, delayed)] = await handed_in(simulators, late, "late", 1)
    _, [(_, altered)] = await handed_in(simulators, wrong, "wrong", 1)

    assert doubled[0][1] == doubled[1][1]
    assert callback.read_callback(delayed)[1].raw == late
    assert callback.read_callback(altered)[1].raw["totalSum"] == wrong["totalSum"] + 10_000


async def test_receipt_that_appears_later_is_called_back(simulators):
    receipt = simulators.put(appears_after=2)

    _, [(_, body)] = await handed_in(simulators, receipt, "ref", 1)

    assert callback.read_callback(body)[1].result == "found"


async def test_wrong_requisites_are_rejected(simulators):
    receipt = simulators.put()
    canonical = receipt_query(receipt).canonical.replace("&n=1", "&n=2")

    _, [(_, body)] = await handed_in(simulators, receipt, "ref", 1, canonical=canonical)

    reference, answer = callback.read_callback(body)
    assert (reference, answer.result, answer.code) == ("ref", "rejected", "FNS_SHORT_CHECK_FAILED")


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("FNS_SHORT_CHECK_FAILED", "rejected"),
        ("MODIFICATION", "rejected"),
        ("EXPIRED", "rejected"),
        ("FUTURE", "bad_request"),
        ("DUPLICATE", "bad_request"),
        ("MAX_RECEIPTS_PER_DATE", "limit"),
        ("BLOCKED_USER", "unavailable"),
        ("BRANDS", "bad_request"),
        ("UNKNOWN_REASON", "bad_request"),
    ],
)
async def test_reason_maps_to_result(simulators, code, result):
    receipt = simulators.put(f"reject_{code}")

    _, [(_, body)] = await handed_in(simulators, receipt, "ref", 1)

    answer = callback.read_callback(body)[1]
    assert (answer.result, answer.code, answer.raw) == (result, code, None)


def test_receipt_failing_only_promotion_rules_is_found():
    body = json.dumps({"externalId": "ref", "status": "rejected", "rejectCode": "BRANDS", "receipt": {"totalSum": 1}})

    answer = callback.read_callback(body.encode())[1]

    assert (answer.result, answer.code, answer.raw) == ("found", "BRANDS", {"totalSum": 1})


@pytest.mark.parametrize(
    ("fault", "code", "http"),
    [
        ("http_500", "http_500", 500),
        ("http_500_empty", "http_500", 500),
        ("garbage", "garbage", 200),
        ("timeout", "timeout", None),
        ("redirect", "http_307", 307),
    ],
)
async def test_fault_is_unavailable(simulators, fault, code, http):
    simulators.set_up(timeout_seconds=2)
    receipt = simulators.put(fault)

    async with opened("callback", simulators.url, timeout=0.8, callback_url="http://127.0.0.1:9/") as provider:
        answer = await provider.find_receipt(receipt_query(receipt))

    assert (answer.result, answer.code, answer.http) == ("unavailable", code, http)


async def test_lost_callback_is_never_sent(simulators):
    receipt = simulators.put("lost")

    async with listening() as (url, calls), opened("callback", simulators.url, callback_url=url) as provider:
        answer = await provider.find_receipt(receipt_query(receipt))
        await asyncio.sleep(0.5)

    assert answer.result == "waiting"
    assert calls.empty()


async def test_unreadable_text_is_bad_request_and_quota_limit(simulators):
    receipt = simulators.put()
    simulators.set_up(per_day=1)

    async with opened("callback", simulators.url, callback_url="http://127.0.0.1:9/") as provider:
        unread = await provider.find_receipt(receipt_query(receipt, canonical="no receipt"))
        answers = [await provider.find_receipt(receipt_query(receipt)) for _ in range(2)]

    assert (unread.result, unread.code) == ("bad_request", "http_400")
    assert [answer.result for answer in answers] == ["waiting", "limit"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"externalId": 7}',
        b'{"externalId": ""}',
        b'{"externalId": "r", "receipt": []}',
        b'{"externalId": "' + b"x" * 300 + b'"}',
        b"[" * 100_000,
        b"\xff",
        b" " * 1_100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_callback_of_wrong_shape_is_refused(body):
    with pytest.raises(CallbackUnreadable):
        callback.read_callback(body)


def test_callback_without_verdict_is_waiting():
    answer = callback.read_callback(b'{"externalId": "ref", "status": "processing"}')[1]

    assert (answer.result, answer.code) == ("waiting", "processing")


def test_callback_headers_ignore_case_and_need_secret():
    headers = callback.callback_headers(SECRET, "ref")

    assert callback.callback_valid(SECRET, {name.lower(): value for name, value in headers.items()}, "ref")
    assert not callback.callback_valid(SECRET, {}, "ref")
    assert not callback.callback_valid(SECRET, headers | {callback.SIGNATURE: "v1=\xff"}, "ref")
    assert not callback.callback_valid(b"", headers, "ref")
    with pytest.raises(ValueError, match="secret"):
        callback.callback_headers(b"", "ref")
    with pytest.raises(ValueError, match="reference"):
        callback.callback_headers(SECRET, "two\r\nlines")
