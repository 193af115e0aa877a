"""A load client that costs little: keep-alive sockets, requests as bytes, latencies in a list."""

import asyncio
import time
from collections.abc import Callable, Iterator

import msgspec


class Load(msgspec.Struct):
    """What a load gave: requests, seconds, and each request's own seconds."""

    requests: int
    seconds: float
    latencies: list[float]
    bodies: list[bytes]

    def percentile(self, share: float) -> float:
        """Milliseconds below which a share of requests stayed."""
        ranked = sorted(self.latencies)
        return ranked[min(len(ranked) - 1, int(len(ranked) * share))] * 1000

    def add(self, more: "Load") -> None:
        """Another part of the same load."""
        self.requests += more.requests
        self.seconds += more.seconds
        self.latencies += more.latencies

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def put(path: str, token: str, body: bytes, method: str = "PUT") -> bytes:
    """A request's bytes."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def get(path: str, token: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def run(port: int, requests: Iterator[bytes], clients: int, keep: Callable[[bytes], bool]) -> Load:
    """Send all requests over so many connections; an answer that `keep` refuses ends the run."""
    load = Load(0, 0.0, [], [])
    begun = time.perf_counter()
    await asyncio.gather(*(_client(port, requests, load, keep) for _ in range(clients)))
    load.seconds = time.perf_counter() - begun
    load.requests = len(load.latencies)
    return load


async def _client(port: int, requests: Iterator[bytes], load: Load, keep: Callable[[bytes], bool]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    try:
        for request in requests:
            begun = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            at = head.lower().index(b"content-length:") + 15
            body = await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
            load.latencies.append(time.perf_counter() - begun)
            if b" 200 " not in head[:16] or not keep(body):
                raise RuntimeError(f"unexpected answer: {head[:80]!r} {body[:300]!r}")
    finally:
        writer.close()
