"""Silent, slow and many connections do not block others."""

import asyncio
import contextlib
import socket
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import httpx2
import pytest

from backend.core.http.connections import bodies
from backend.core.http.connections.limits import address
from backend.core.http.connections.sweeper import Sweeper
from backend.core.settings import Settings
from tests.asgi import http_scope
from tests.live import serving
from tests.make import World, bearer

JSON = {"Content-Type": "application/json"}
SECONDS = 5  # for an answer that takes milliseconds, on a machine that is busy


@contextlib.contextmanager
def held(url: str, count: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """Connections that send some bytes and then nothing."""
    place = (urlsplit(url).hostname, urlsplit(url).port)
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.create_connection(place)) for _ in range(count)]
        for each in found:
            each.sendall(sent)
        yield found


def is_open(each: socket.socket) -> bool:
    each.setblocking(False)
    try:
        return bool(each.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False


def health(url: str) -> int:
    return httpx2.get(f"{url}/health", timeout=SECONDS).status_code


def _until(condition) -> bool:
    end = time.monotonic() + 4 * SECONDS
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


HALF_HEADER = b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Ty"
HALF_BODY = b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"


@pytest.mark.parametrize("sent", [b"", HALF_HEADER, HALF_BODY], ids=["silent", "half header", "half body"])
def test_health_beside_1100_connections_is_ok(live_url: str, sent: bytes):
    with held(live_url, 1100, sent):
        assert health(live_url) == 200


@pytest.fixture(scope="module")
def narrow_url(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with few connections."""
    few = {"SCANBACK_CONNECTIONS": "128", "SCANBACK_CONNECTIONS_PER_ADDRESS": "50"}
    with serving(settings, tmp_path_factory.mktemp("narrow"), **few) as url:
        yield url


@pytest.mark.parametrize("sent", [b"", HALF_HEADER, HALF_BODY], ids=["silent", "half header", "half body"])
def test_connections_over_address_limit_are_closed(narrow_url: str, sent: bytes):
    with held(narrow_url, 120, sent) as found:
        assert _until(lambda: sum(map(is_open, found)) <= 50)
        assert is_open(found[-1])
        assert health(narrow_url) == 200


async def test_health_beside_all_streams_is_ok(world: World, narrow_url: str):
    accounts = [await world.account() for _ in range(17)]
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx2.AsyncClient(base_url=narrow_url, timeout=SECONDS))
        client._transport._pool._max_connections = 1000
        statuses = []
        for account in [account for account in accounts for _ in range(4)]:
            stream = client.stream("GET", "/v1/redemptions/stream", headers=bearer(account))
            statuses.append((await stack.enter_async_context(stream)).status_code)

        # Under load a stream may end before the last one begins, and leave its place.
        assert statuses[:64] == [200] * 64
        assert statuses[-1] == 503
        assert await asyncio.to_thread(health, narrow_url) == 200


async def drip(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    for byte in body:
        yield bytes([byte])
        await asyncio.sleep(seconds)


async def test_slow_json_body_times_out(world: World, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    headers = bearer(await world.account()) | JSON

    response = await world.client.put(f"/v1/scans/{uuid.uuid4()}", content=drip(b" " * 1000, 0.01), headers=headers)

    assert (response.status_code, response.json()["code"]) == (408, "request_timed_out")


async def test_slow_file_within_rate_is_read(world: World, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(bodies, "BYTES_PER_SECOND", 10)
    headers = bearer(await world.account()) | {"Content-Type": "multipart/form-data; boundary=x"}
    content = b'--x\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nx\r\n--x--\r\n'

    response = await world.client.put(f"/v1/scans/{uuid.uuid4()}", content=drip(content, 0.01), headers=headers)

    assert response.json()["code"] in {"picture_kind", "picture_broken"}


async def test_client_disconnect_is_logged_as_499(world: World, app):
    sent, received = [], iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    account = await world.account()
    token = bearer(account)["Authorization"].encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"9"), (b"authorization", token)]
    scope = http_scope("PUT", f"/v1/scans/{uuid.uuid4()}", headers)

    async def receive():
        return next(received)

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)

    assert sent[0]["status"] == 499
    assert bodies.REQUESTS.active == bodies.REQUESTS.pending == set()


class Quiet:
    """A server that accepts connections and sends nothing."""

    def __init__(self, count: int) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.clients = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(count)]
        self.accepted = [self.listening.accept()[0] for _ in range(count)]

    def open(self) -> list[int]:
        return [number for number, each in enumerate(self.clients) if is_open(each)]

    def close(self) -> None:
        for each in [self.listening, *self.clients, *self.accepted]:
            each.close()


@pytest.fixture
def quiet() -> Iterator[Quiet]:
    found = Quiet(10)
    yield found
    found.close()


def test_sweep_within_limits_closes_nothing(quiet: Quiet):
    assert Sweeper(quiet.port, max_connections=100, max_per_address=10).sweep() == 0
    assert len(quiet.open()) == 10


def test_sweep_over_address_limit_closes_idle(quiet: Quiet, monkeypatch):
    served = quiet.clients[0].getsockname()
    monkeypatch.setattr(bodies.REQUESTS, "active", {served})

    assert Sweeper(quiet.port, max_connections=100, max_per_address=4).sweep() == 6
    assert 0 in quiet.open()
    assert len(quiet.open()) == 4


def test_sweep_of_crowded_process_closes_oldest(quiet: Quiet):
    assert Sweeper(quiet.port, max_connections=10, max_per_address=100).sweep() == 1


def test_sweep_of_trusted_proxy_closes_nothing(quiet: Quiet):
    assert Sweeper(quiet.port, max_connections=5, max_per_address=1, trusted=frozenset({"127.0.0.1"})).sweep() == 0


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "unknown"),
    ],
)
def test_address_is_counted_by_caller(host: str, expected: str):
    assert address(host) == expected


async def test_bodies_over_address_memory_are_busy(world: World, monkeypatch):
    monkeypatch.setattr(bodies, "ADDRESS_BYTES", 1500)
    headers = bearer(await world.account()) | JSON
    paths = [f"/v1/scans/{uuid.uuid4()}" for _ in range(3)]

    answers = await asyncio.gather(
        *(world.client.put(path, content=drip(b" " * 700, 0.0005), headers=headers) for path in paths)
    )
    later = await world.client.put(paths[0], content=drip(b" " * 700, 0), headers=headers)

    assert sorted(answer.status_code for answer in answers) == [400, 400, 503]
    assert later.status_code == 400
    assert (bodies.MEMORY.bytes, bodies.MEMORY.by_address) == (0, {})


async def test_bodies_over_total_memory_are_busy(world: World, monkeypatch):
    monkeypatch.setattr(bodies, "TOTAL_BYTES", 100)
    headers = bearer(await world.account()) | JSON

    large = await world.client.put(f"/v1/scans/{uuid.uuid4()}", content=drip(b" " * 700, 0), headers=headers)
    small = await world.client.put(f"/v1/scans/{uuid.uuid4()}", json={"text": "x"}, headers=headers)

    assert (large.status_code, large.json()["code"]) == (503, "busy")
    assert small.status_code == 200
