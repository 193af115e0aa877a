"""Attacks below the requests: codecs, silent and half-sent connections, streams."""

import contextlib
import encodings.aliases
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from bench.attack.payloads import form
from bench.attack.target import Target

SLOW_SECONDS = 5.0


def codecs(target: Target, scale: float) -> str:
    """Every codec that Python knows as the charset of a form's part."""
    client = target.client()
    headers = target.agent(client)
    names = sorted({*encodings.aliases.aliases.values(), "zip", "nonsense", "utf-16", "utf-8"})
    slowest = 0.0
    for name in names:
        body, kind = form(b"b" * int(300_000 * scale), "taken_at", name)
        begun = time.perf_counter()
        target.send(client, "PUT", f"/v1/scans/{uuid.uuid4()}", content=body, headers=headers | {"Content-Type": kind})
        slowest = max(slowest, time.perf_counter() - begun)
    target.insist(slowest < SLOW_SECONDS, f"a codec took {slowest:.1f} s")
    return f"{len(names)} codecs, the slowest {slowest:.2f} s"


def silent_sockets(target: Target, scale: float) -> str:
    """1,030 connections that send nothing, or half of a request, from one address and from many."""
    count = int(1030 * max(scale, 0.2))
    held = []
    halves = (b"", b"GET /hea", b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n{")
    for number in range(count):
        address = "127.80.0.1" if number % 2 else f"127.81.{number // 250}.{number % 250 + 1}"
        with contextlib.suppress(OSError):
            connection = socket.create_connection(("127.0.0.1", target.port), 5, (address, 0))
            connection.sendall(halves[number % len(halves)])
            held.append(connection)
    before = time.perf_counter()
    probe = target.send(target.client(), "GET", "/health")
    seconds = time.perf_counter() - before
    target.insist(probe is not None and probe.status_code == 200, "/health did not answer beside silent sockets")
    time.sleep(3 * scale)
    for connection in held:
        connection.close()
    return f"{len(held)} sockets held, /health in {seconds * 1000:.0f} ms"


def streams(target: Target, scale: float) -> str:
    """As many streams as the server accepts: 270 accounts with 4 each, and /health beside them."""
    accounts = int(270 * max(scale, 0.1))
    opened: list[socket.socket] = []
    accepted = refused = 0
    client = target.client()
    for number in range(accounts):
        if number % 50 == 0:
            client = target.client()
        answer = client.post("/v1/accounts")
        if answer.status_code != 201:
            continue
        line = (
            f"GET /v1/redemptions/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {answer.json()['token']}\r\n"
            "Accept: text/event-stream\r\n\r\n"
        ).encode()
        for _ in range(4):
            with contextlib.suppress(OSError):
                connection = socket.create_connection(
                    ("127.0.0.1", target.port), 10, (f"127.90.{number // 200}.{number % 200 + 1}", 0)
                )
                connection.sendall(line)
                opened.append(connection)
                status = connection.recv(20).split(b" ")[1:2]
                accepted, refused = accepted + (status == [b"200"]), refused + (status != [b"200"])
    begun = time.perf_counter()
    probe = target.send(target.client(), "GET", "/health")
    seconds = time.perf_counter() - begun
    target.insist(probe is not None and probe.status_code == 200, "/health did not answer beside all streams")
    for connection in opened:
        connection.close()
    return f"{accepted} streams given, {refused} refused, /health in {seconds * 1000:.0f} ms"


def odd_requests(target: Target, scale: float) -> str:
    """Malformed requests: two lengths, long headers, no boundary, unfinished parts, an incomplete body."""
    shapes = [
        b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 60_000 + b"\r\n\r\n",
        b"GET http://127.0.0.1/health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"PUT /v1/scans/x HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    ]

    def throw(shape: bytes) -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", target.port), 5) as connection:
            connection.sendall(shape)
            connection.settimeout(0.5)
            head = connection.recv(100)
            if head.startswith(b"HTTP/1.1 "):
                target.note(shape[:40].decode("latin1"), int(head[9:12]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(throw, shapes * max(1, int(40 * scale))))
    return f"{len(shapes)} shapes"


def leavers(target: Target, scale: float) -> str:
    """Clients that disconnect in the middle of their body must not count as server errors."""
    client = target.client("127.0.0.1")

    def leave() -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", target.port), 5) as connection:
            connection.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")

    threads = [threading.Thread(target=leave) for _ in range(max(10, int(300 * scale)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(0.5)
    metrics = client.get("/metrics").text
    failures = [line for line in metrics.splitlines() if 'status="500"' in line and not line.endswith(" 0.0")]
    target.insist(not failures, f"clients that leave count as 500: {failures[:1]}")
    return f"{len(threads)} clients left, {len(failures)} counted as 500"
