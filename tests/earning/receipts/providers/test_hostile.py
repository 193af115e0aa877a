"""Answers that no honest service gives: packed, endless, nested, with entities; none of them gets past the client."""

import asyncio
import contextlib
import gzip
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.earning.receipts.providers import fns_messages, proverkacheka
from backend.earning.receipts.providers.exchange import MAX_REPLY_BYTES, ProviderError, Reply
from backend.earning.receipts.providers.fns_messages import AuthenticationFault
from simulators.receipts import receipt_factory
from tests.earning.receipts.providers.conftest import opened, receipt_query

SOAP = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'
STATUS = (
    f'<a:GetMessageResponse xmlns:a="{fns_messages.ASYNC}" xmlns:t="{fns_messages.TICKET}"><a:ProcessingStatus>{{}}'
    "</a:ProcessingStatus><a:Message>{}</a:Message></a:GetMessageResponse>"
)
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + SOAP.format("&b;")
READERS = (fns_messages.read_token, fns_messages.read_message_id, fns_messages.read_ticket)


@contextlib.asynccontextmanager
async def answering(*parts, pause=0.0):
    """A server that answers whatever it is asked with these bytes."""

    async def answer(reader, writer):
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


def answer_of(body, *headers):
    lines = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def response_to(*parts, pause=0.0, patience=1.0):
    async with (
        answering(*parts, pause=pause) as url,
        opened("proverkacheka", url, timeout=patience) as provider,
    ):
        return await provider.find_receipt(receipt_query(receipt_factory.make_receipt(1)))


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([b"no http at all\r\n\r\n"], "unreachable"),
        ([b""], "unreachable"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"], "unreachable"),
        ([answer_of(gzip.compress(b"{}"), "Content-Encoding: gzip")], "content_encoding"),
        ([answer_of(b" " * (MAX_REPLY_BYTES + 1))], "huge"),
        ([answer_of(b"[" * 500_000)], "garbage"),
        ([answer_of(b'{"code": true}')], "garbage"),
        ([answer_of(b'{"code": 1, "data": "a text"}')], "garbage"),
        ([answer_of(b'{"code": 1, "data": {"json": []}}')], "garbage"),
        ([answer_of(b"null")], "garbage"),
    ],
)
async def test_unreadable_response_is_unavailable(parts, code):
    answer = await response_to(*parts)

    assert (answer.result, answer.code) == ("unavailable", code)


async def test_dripping_response_is_cut_off_in_time():
    began = time.monotonic()

    answer = await response_to(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b"x"] * 60, pause=0.1, patience=0.5
    )

    assert (answer.result, answer.code) == ("unavailable", "timeout")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("said", "retry_after"), [("120", 120), ("99999999", 86_400), ("soon", None), ("-5", None), ("9" * 30, None)]
)
async def test_retry_after_is_limited_to_a_day(said, retry_after):
    busy = f"HTTP/1.1 429 Too Many Requests\r\nRetry-After: {said}\r\nContent-Length: 0\r\n\r\n".encode()

    answer = await response_to(busy)

    assert (answer.result, answer.retry_after) == ("limit", retry_after)


@pytest.mark.parametrize("status", [301, 302, 401, 403, 404, 408, 502, 503])
async def test_status_of_a_proxy_is_unavailable(status):
    answer = await response_to(
        f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n".encode()
    )

    assert (answer.result, answer.code, answer.http) == ("unavailable", f"http_{status}", status)


@pytest.mark.parametrize(
    "body",
    [
        LAUGHS.encode(),
        b"<!DOCTYPE x>" + SOAP.format("").encode(),
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
        b"<a>" * 200_000,
        b"<a>" * 100_000 + b"</a>" * 100_000,
        SOAP.format("<b>" * 30_000 + "</b>" * 30_000).encode(),
        SOAP.format(STATUS.format("COMPLETED", "")).encode(),
        SOAP.format(STATUS.format("PROCESSED", "<t:Code>200</t:Code>")).encode(),
        SOAP.format(STATUS.format("COMPLETED", "<t:Code>200</t:Code>")).encode(),
        SOAP.format(STATUS.format("COMPLETED", "<t:Code>200</t:Code><t:Ticket>[]</t:Ticket>")).encode(),
        SOAP.format(STATUS.format("COMPLETED", f"<t:Code>200</t:Code><t:Ticket>{'[' * 100_000}</t:Ticket>")).encode(),
        SOAP.format(STATUS.format("COMPLETED", "<t:Fault><t:Message>x</t:Message></t:Fault>")).encode(),
    ],
    ids=range(13),
)
@pytest.mark.parametrize("status", [200, 500])
def test_invalid_soap_is_a_provider_error(body, status):
    reply = Reply(status, "text/xml", body, None)

    began = time.process_time()
    for read in READERS:
        with pytest.raises(ProviderError):
            read(reply)
    assert time.process_time() - began < 1  # other tasks of the loop are not blocked


@pytest.mark.parametrize("expires", ["", "tomorrow", "2026-13-01T00:00:00Z"])
@pytest.mark.parametrize("token", ["good", "two\nlines", "кириллица", ""])
def test_token_unfit_for_header_or_without_expiry_is_garbage(token, expires):
    inside = f'<t:Token xmlns:t="{fns_messages.AUTH}">{token}</t:Token>'
    inside += f'<t:ExpireTime xmlns:t="{fns_messages.AUTH}">{expires}</t:ExpireTime>'

    with pytest.raises(ProviderError):
        fns_messages.read_token(Reply(200, "text/xml", SOAP.format(f"<x>{inside}</x>").encode(), None))


markup = st.sampled_from(["<a>", "</a>", "<a:Code>", "200", "&lt;", "<![CDATA[", "]]>", "{", '"', "\x00", "😀"])


@given(st.binary(max_size=200) | st.lists(markup).map(lambda parts: SOAP.format("".join(parts)).encode()))
@settings(max_examples=200)
def test_arbitrary_bytes_raise_only_provider_errors(body):
    for status in (200, 500):
        for read in READERS:
            with pytest.raises((ProviderError, AuthenticationFault)):
                read(Reply(status, "text/xml", body, None))


@given(
    st.binary(max_size=100)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda x: repr(x).encode())
)
@settings(max_examples=200)
def test_arbitrary_bytes_in_form_raise_only_provider_errors(body):
    with pytest.raises(ProviderError):
        proverkacheka.read_answer(Reply(200, "application/json", body, None), "fields")
