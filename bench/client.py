"""A cheap load client: keep-alive sockets, requests as bytes, latencies in a list."""

import asyncio
import time
from collections.abc import Callable, Iterator

import msgspec


class Load(msgspec.Struct):
    """The result of a load: requests, seconds, and the seconds of each request."""

    requests: int
    seconds: float
    latencies: list[float]
    bodies: list[bytes]

    def percentile(self, share: float) -> float:
        """The latency in milliseconds of a quantile, 0 to 1."""
        ranked = sorted(self.latencies)
        return ranked[min(len(ranked) - 1, int(len(ranked) * share))] * 1000

    def add(self, more: "Load") -> None:
        """Add another part of the same load."""
        self.requests += more.requests
        self.seconds += more.seconds
        self.latencies += more.latencies

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def request_bytes(path: str, token: str, body: bytes, method: str = "PUT") -> bytes:
    """The bytes of a request with a JSON body."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def get_bytes(path: str, token: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def run_load(port: int, requests: Iterator[bytes], clients: int, is_expected: Callable[[bytes], bool]) -> Load:
    """Send all requests over `clients` connections. A response that is not expected ends the run."""
    load = Load(0, 0.0, [], [])
    begun = time.perf_counter()
    await asyncio.gather(*(_client(port, requests, load, is_expected) for _ in range(clients)))
    load.seconds = time.perf_counter() - begun
    load.requests = len(load.latencies)
    return load


async def _client(port: int, requests: Iterator[bytes], load: Load, is_expected: Callable[[bytes], bool]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    try:
        for request in requests:
            begun = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            at = head.lower().index(b"content-length:") + 15
            body = await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
            load.latencies.append(time.perf_counter() - begun)
            if b" 200 " not in head[:16] or not is_expected(body):
                raise RuntimeError(f"unexpected response: {head[:80]!r} {body[:300]!r}")
    finally:
        writer.close()
