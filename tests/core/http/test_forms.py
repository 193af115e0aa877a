"""Forms: read by one reader, within bounds, whatever their senders write into them."""

import asyncio
import time
import uuid
from encodings.aliases import aliases

import pytest
from httpx2 import Response

from tests.make import World, bearer

HEAD = 'Content-Disposition: form-data; name="{}"\r\n'
TIME_FIELD = HEAD.format("taken_at")
FILE = HEAD.format("file").rstrip() + '; filename="x"\r\n'
ROUTES = ["scan", "photo", "products"]
SECONDS = 0.05  # an answer, on a machine that does nothing else
BUSY = 20  # this machine may be busy with other tests


def part(headers: str, content: bytes) -> bytes:
    return b"--x\r\n" + headers.encode() + b"\r\n" + content + b"\r\n"


async def send(
    world: World, route: str, body: bytes, content_type: str = "multipart/form-data; boundary=x"
) -> Response:
    if route == "products":
        staff = await world.staff()
        return await staff.ask(
            "POST", "/v1/console/products/import", content=body, headers={"Content-Type": content_type}
        )
    path = f"/v1/scans/{uuid.uuid4()}" if route == "scan" else f"/v1/receipts/{uuid.uuid4()}/photo"
    headers = bearer(await world.account()) | {"Content-Type": content_type}
    return await world.client.put(path, content=body, headers=headers)


async def test_charset_of_every_codec_is_answered_at_once(world: World):
    headers = bearer(await world.account()) | {"Content-Type": "multipart/form-data; boundary=x"}
    slow = []

    for codec in sorted(
        {*aliases, *aliases.values(), "zip", "rot13", "idna", "punycode", "unicode_escape", "undefined"}
    ):
        body = part(TIME_FIELD + f"Content-Type: text/plain; charset={codec}\r\n", b"b" * 300_000) + b"--x--\r\n"
        begun = time.process_time()
        response = await world.client.put(f"/v1/scans/{uuid.uuid4()}", content=body, headers=headers)
        if time.process_time() - begun > SECONDS:
            slow.append(codec)
        assert (response.status_code, response.json()["code"]) == (400, "validation_failed"), codec

    assert len(slow) <= 2, slow  # garbage is collected now and then


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (part(TIME_FIELD + "Content-Type: text/plain; charset=zip\r\n", b"x") + b"--x--\r\n", ""),
        (part(TIME_FIELD, b"\xff\xfe") + b"--x--\r\n", ""),
        (part(TIME_FIELD, b"9" * 101) + b"--x--\r\n", ""),
        (part(HEAD.format("other"), b"x") + b"--x--\r\n", ""),
        (part(HEAD.format("_charset_"), b"punycode") + b"--x--\r\n", ""),
        (part(FILE, b"x") * 2 + b"--x--\r\n", ""),
        (part(FILE, b"x") * 100_000 + b"--x--\r\n", ""),
        (b"--x\r\n" * 100_000, ""),
        (part(TIME_FIELD + "A: b\r\n" * 100, b"x") + b"--x--\r\n", ""),
        (part(TIME_FIELD + "A: " + "b" * 1_000_000 + "\r\n", b"x") + b"--x--\r\n", ""),
        (b"--x\r\n" + b"b" * 1_000_000, ""),
        (b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--x--\r\n', ""),
        (b"\r" * 1_000_000, ""),
        (part("Content-Disposition: attachment\r\n", b"x") + b"--x--\r\n", ""),
        (part(FILE, b"x"), ""),
        (b"", ""),
        (b"--x--\r\n", ""),
        (part(FILE, b"x") + b"--x--\r\n", "multipart/form-data"),
        (part(FILE, b"x") + b"--x--\r\n", "multipart/form-data; boundary="),
        (part(FILE, b"x") + b"--x--\r\n", "multipart/form-data; boundary=" + "x" * 5000),
        (part(FILE, b"x") + b"--x--\r\n", "multipart/form-data; boundary=y; boundary*=utf-16''x"),
    ],
    ids=[
        "charset",
        "not utf-8",
        "long text",
        "unknown field",
        "_charset_",
        "two files",
        "100,000 files",
        "100,000 starts",
        "many headers",
        "long header",
        "endless header",
        "name not utf-8",
        "returns",
        "attachment",
        "cut",
        "empty",
        "no part",
        "no boundary",
        "empty boundary",
        "long boundary",
        "other boundary",
    ],
)
async def test_form_out_of_bounds_is_refused(world: World, route, body, content_type):
    begun = time.perf_counter()

    response = await send(world, route, body, content_type or "multipart/form-data; boundary=x")

    assert response.status_code in {400, 422} if response.status_code != 404 else route == "photo"
    assert response.headers["content-type"] == "application/problem+json"
    assert time.perf_counter() - begun < SECONDS * BUSY


@pytest.mark.parametrize("route", ROUTES)
async def test_form_of_other_kind_is_refused(world: World, route):
    response = await send(world, route, b"file=x", "application/x-www-form-urlencoded")

    assert response.status_code in {400, 415}


async def test_form_that_comes_byte_by_byte_is_read(world: World):
    body = part(TIME_FIELD, b"2026-11-22T09:59:00Z") + part(FILE, b"no picture") + b"--x--\r\n"

    async def drops():
        for byte in body:
            yield bytes([byte])
            await asyncio.sleep(0)

    headers = bearer(await world.account()) | {"Content-Type": "multipart/form-data; boundary=x"}
    response = await world.client.put(f"/v1/scans/{uuid.uuid4()}", content=drops(), headers=headers)

    assert response.json()["code"] in {"picture_kind", "picture_broken"}


async def test_time_in_form_that_is_none_is_refused(world: World):
    body = part(TIME_FIELD, b"yesterday") + part(FILE, b"x") + b"--x--\r\n"

    response = await send(world, "scan", body)

    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "taken_at")
