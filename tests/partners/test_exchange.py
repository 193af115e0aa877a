"""How far a request came: only one that certainly never left is called unsent."""

import asyncio
import contextlib
import gzip

import pytest

from payouts.partners import exchange
from payouts.partners.exchange import MOST_READ, NoReply
from payouts.partners.supplying import Wanted
from tests.partners.answering_server import answering, reply
from tests.partners.conftest import KINDS, opened

WANTED = Wanted("order-1", "BOOKS", 100_000)


@contextlib.asynccontextmanager
async def silent():
    """A server that takes a connection and never says a word."""

    async def keep(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def told(url, patience=1.5):
    client = exchange.open_client("Test/1")
    try:
        return await exchange.exchange(client, "POST", url, patience=patience, headers={}, content=b"{}")
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
async def test_a_request_that_never_left_is_told_from_one_that_may_have(url, sent, code):
    async with silent() as address:
        with pytest.raises(NoReply) as raised:
            await told(url.format(silent=address))

    assert (raised.value.sent, raised.value.code) == (sent, code)


async def test_a_server_without_tls_gets_no_request():
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n") as server:
        with pytest.raises(NoReply) as raised:
            await told(server.url.replace("http:", "https:"))

    assert not raised.value.sent
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "unreachable"),
        (b"no http at all\r\n\r\n", "unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "unreachable"),
        (reply(gzip.compress(b"{}"), 200, "Content-Encoding: gzip"), "content_encoding"),
        (reply(b" " * (MOST_READ + 1)), "huge"),
    ],
)
async def test_a_connection_that_is_cut_after_the_request_has_sent_it(answer, code):
    async with answering(answer) as server:
        with pytest.raises(NoReply) as raised:
            await told(server.url)

    assert (raised.value.sent, raised.value.code) == (True, code)


async def test_a_request_over_a_connection_that_was_kept_counts_as_sent():
    async def once_and_cut(reader, writer):
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await reader.readuntil(b"\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(once_and_cut, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    client = exchange.open_client("Test/1")
    first = await exchange.exchange(client, "POST", url, patience=5, headers={}, content=b"{}")
    with pytest.raises(NoReply) as raised:
        await exchange.exchange(client, "POST", url, patience=5, headers={}, content=b"{}")
    await client.aclose()
    server.close()
    await server.wait_closed()

    assert first.status == 200
    assert raised.value.sent


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("999999999", None), ("99999999", 86_400), ("soon", None)])
async def test_how_long_to_wait_is_read_in_seconds_up_to_a_day(header, seconds):
    async with answering(reply({}, 429, f"Retry-After: {header}")) as server:
        answer = await told(server.url)

    assert answer.retry_after == seconds


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (b"", "unknown"),
        (reply(b"<html>Forbidden</html>", 403), "unknown"),
        (reply(b"Not Found", 404), "unknown"),
        (reply({}, 408), "unknown"),
        (reply({}, 409), "unknown"),
        (reply({}, 502), "unknown"),
        (reply({}, 302, "Location: http://127.0.0.1:1/"), "unknown"),
        (reply({}, 429), "busy"),
        (reply(b"[" * 500_000), "unknown"),
        (reply(b"\xff\xfe"), "unknown"),
        (reply({}), "unknown"),
        (reply(None), "unknown"),
        (reply([]), "unknown"),
    ],
)
async def test_nothing_is_refused_without_a_documented_reason(kind, answer, result):
    async with answering(answer) as server, opened(kind, server.url) as supplier:
        bought = await supplier.order(WANTED)
        seen = await supplier.look(WANTED)

    assert bought.result == result
    assert seen.result == "unknown"
    assert seen.why
