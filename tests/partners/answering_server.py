"""A server that answers its requests with these bytes, one after the other, and counts them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator


class Told:
    """Where it is, and what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[bytes] = []


@contextlib.asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[Told]:
    told = Told()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            told.requests.append(head + await reader.readexactly(int(length.split(b":")[1])))
            writer.write(answers[min(len(told.requests), len(answers)) - 1])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    told.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield told
    finally:
        server.close()
        await server.wait_closed()


def reply(body: object, status: int = 200, *headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + content
