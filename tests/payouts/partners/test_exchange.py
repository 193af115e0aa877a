"""The progress of a request: only one that certainly never left is reported as unsent."""

import asyncio
import contextlib
import gzip

import pytest

from payouts.partners import exchange
from payouts.partners.exchange import MAX_REPLY_BYTES, NoReply
from payouts.partners.supplier import PurchaseRequest
from tests.payouts.partners.conftest import KINDS, opened
from tests.payouts.partners.scripted_server import http_reply, scripted_server

REQUEST = PurchaseRequest("order-1", "BOOKS", 100_000)


@contextlib.asynccontextmanager
async def silent():
    """A server that accepts a connection and never responds."""

    async def keep(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def send(url, timeout_seconds=1.5):
    client = exchange.open_client("Test/1")
    try:
        return await exchange.send_request(
            client, "POST", url, timeout_seconds=timeout_seconds, headers={}, content=b"{}"
        )
    finally:
        await client.aclose()


@pytest.mark.parametrize(
    ("url", "sent", "code"),
    [
        ("http://127.0.0.1:1/", False, "unreachable"),
        ("http://nowhere.invalid/", False, "unreachable"),
        ("http://[::1/", False, "unreachable"),
        ("https://{silent}/", False, "timeout"),
        ("http://{silent}/", True, "timeout"),
    ],
)
async def test_unsent_request_is_reported_as_unsent(url, sent, code):
    async with silent() as address:
        with pytest.raises(NoReply) as raised:
            await send(url.format(silent=address))

    assert (raised.value.sent, raised.value.code) == (sent, code)


async def test_server_without_tls_gets_no_request():
    async with scripted_server(b"HTTP/1.1 200 OK\r\n\r\n") as server:
        with pytest.raises(NoReply) as raised:
            await send(server.url.replace("http:", "https:"))

    assert not raised.value.sent
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "unreachable"),
        (b"no http at all\r\n\r\n", "unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "unreachable"),
        (http_reply(gzip.compress(b"{}"), 200, "Content-Encoding: gzip"), "content_encoding"),
        (http_reply(b" " * (MAX_REPLY_BYTES + 1)), "huge"),
    ],
)
async def test_connection_cut_after_request_counts_as_sent(answer, code):
    async with scripted_server(answer) as server:
        with pytest.raises(NoReply) as raised:
            await send(server.url)

    assert (raised.value.sent, raised.value.code) == (True, code)


async def test_request_over_reused_connection_counts_as_sent():
    async def once_and_cut(reader, writer):
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await reader.readuntil(b"\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(once_and_cut, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    client = exchange.open_client("Test/1")
    first = await exchange.send_request(client, "POST", url, timeout_seconds=5, headers={}, content=b"{}")
    with pytest.raises(NoReply) as raised:
        await exchange.send_request(client, "POST", url, timeout_seconds=5, headers={}, content=b"{}")
    await client.aclose()
    server.close()
    await server.wait_closed()

    assert first.status == 200
    assert raised.value.sent


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("999999999", None), ("99999999", 86_400), ("soon", None)])
async def test_retry_after_is_limited_to_a_day(header, seconds):
    async with scripted_server(http_reply({}, 429, f"Retry-After: {header}")) as server:
        answer = await send(server.url)

    assert answer.retry_after == seconds


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (b"", "unknown"),
        (http_reply(b"<html>Forbidden</html>", 403), "unknown"),
        (http_reply(b"Not Found", 404), "unknown"),
        (http_reply({}, 408), "unknown"),
        (http_reply({}, 409), "unknown"),
        (http_reply({}, 502), "unknown"),
        (http_reply({}, 302, "Location: http://127.0.0.1:1/"), "unknown"),
        (http_reply({}, 429), "busy"),
        (http_reply(b"[" * 500_000), "unknown"),
        (http_reply(b"\xff\xfe"), "unknown"),
        (http_reply({}), "unknown"),
        (http_reply(None), "unknown"),
        (http_reply([]), "unknown"),
    ],
)
async def test_response_without_documented_reason_is_not_refused(kind, answer, result):
    async with scripted_server(answer) as server, opened(kind, server.url) as supplier:
        bought = await supplier.place_order(REQUEST)
        seen = await supplier.find_order(REQUEST)

    assert bought.result == result
    assert seen.result == "unknown"
    assert seen.reason
