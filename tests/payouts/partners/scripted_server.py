"""A server that answers its requests with these bytes, one after the other, and counts them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator


class ScriptedServer:
    """Its address, and the requests that it got."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[bytes] = []


@contextlib.asynccontextmanager
async def scripted_server(*answers: bytes) -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            server.requests.append(head + await reader.readexactly(int(length.split(b":")[1])))
            writer.write(answers[min(len(server.requests), len(answers)) - 1])
            await writer.drain()
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()


def http_reply(body: object, status: int = 200, *headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + content
