"""The edge: headers of every response, and unexpected errors."""

import asyncio
import errno
import json
from collections.abc import AsyncIterator
from decimal import Decimal, InvalidOperation

import pytest
from httpx2 import ASGITransport, AsyncClient
from litestar import Litestar, get
from litestar.response import Stream
from sqlalchemy import text

from backend.core.db.database import Database, Timeouts
from backend.core.http import error_handlers, middleware
from backend.core.http.connections import limits
from backend.core.logs import Lossy
from tests.asgi import http_scope
from tests.make import World, bearer


def application(*handlers, is_https: bool = False) -> Litestar:
    app = Litestar(list(handlers), exception_handlers=error_handlers.HANDLERS, openapi_config=None, logging_config=None)
    app.asgi_handler = middleware.create_middleware(frozenset(), is_https=is_https)(app.asgi_handler)
    return app


def raising(error: Exception) -> Litestar:
    @get("/v1/fault")
    async def fault() -> None:
        raise error

    return application(fault)


async def answer_of(app: Litestar, path: str = "/v1/fault"):
    async with AsyncClient(transport=ASGITransport(app), base_url="http://scanback.test") as client:
        return await client.get(path)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OSError(errno.ENOSPC, "full"), 503, "busy"),
        (OSError(errno.EDQUOT, "quota"), 503, "busy"),
        (FileNotFoundError(errno.ENOENT, "gone"), 500, "internal_error"),
        (OverflowError("date value out of range"), 400, "validation_failed"),
        (InvalidOperation(), 400, "validation_failed"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), 400, "validation_failed"),
        (KeyError("a bug"), 500, "internal_error"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_unexpected_error_is_a_problem(error, status, code):
    response = await answer_of(raising(error))

    assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.parametrize("value", [2**63, 2**70, Decimal(10) ** 300, "a\0b"], ids=["2^63", "2^70", "10^300", "NUL"])
async def test_value_refused_by_database_is_invalid(world: World, value):
    @get("/v1/fault")
    async def fault() -> None:
        await store(world.db, value)

    response = await answer_of(application(fault))

    assert (response.status_code, response.json()["code"]) == (400, "validation_failed")


async def store(db: Database, value: object) -> None:
    statement = "SELECT CAST(:value AS text)" if isinstance(value, str) else "SELECT CAST(:value AS bigint)"
    async with db.begin() as session:
        await session.execute(text(statement), {"value": value})


async def test_response_with_token_is_no_store(world: World):
    response = await world.client.post("/v1/accounts")

    assert response.json()["token"]
    assert response.headers["cache-control"] == "no-store"


async def test_conditional_response_has_its_cache_policy(world: World):
    response = await world.client.get("/v1/wallets", headers=bearer(await world.account()))

    assert response.headers.get_list("cache-control") == ["private, no-cache"]


@pytest.mark.parametrize(("is_https", "expected"), [(True, "max-age=31536000"), (False, None)])
async def test_hsts_is_sent_for_https_only(is_https, expected):
    @get("/page")
    async def page() -> str:
        return "x"

    response = await answer_of(application(page, is_https=is_https), "/page")

    assert response.headers.get("strict-transport-security") == expected


async def test_client_that_stops_reading_ends_response(monkeypatch):
    monkeypatch.setattr(limits, "SEND_SECONDS", 0.1)
    sent = []

    @get("/v1/file")
    async def file() -> Stream:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(10):
                yield b"x" * 1000

        return Stream(chunks)

    async def receive():
        await asyncio.sleep(60)

    async def send(message):
        if len(sent) == 3:
            await asyncio.sleep(60)  # the client does not read
        sent.append(message)

    async with asyncio.timeout(10):
        await application(file)(http_scope("GET", "/v1/file", []), receive, send)

    assert all(message.get("more_body", True) for message in sent), "a cut response must not look complete"


def test_log_on_full_disk_loses_lines():
    full = open("/dev/full", "w", encoding="utf-8")  # noqa: PTH123, SIM115 - a device, whose closing fails
    log = Lossy(full)

    log.write(json.dumps({"event": "request"}) + "\n")
    log.flush()
    log.write("x" * 100_000)

    with pytest.raises(OSError, match="No space"):
        full.close()


async def test_hanging_statement_is_cancelled(database_url):
    db = Database(database_url, pool_size=1, timeouts=Timeouts(1, 1))

    @get("/v1/fault")
    async def fault() -> None:
        await db.rows(text("SELECT pg_sleep(30)"))

    response = await answer_of(application(fault))
    await db.close()

    assert (response.status_code, response.json()["code"]) == (503, "busy")


async def test_request_statements_time_out_after_a_minute(app):
    found = {}
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        found[name] = (await app.state["db"].call(text("SELECT current_setting(:name) AS set"), name=name)).set

    assert found == {"statement_timeout": "1min", "idle_in_transaction_session_timeout": "2min"}


async def test_idle_transaction_is_ended(database_url):
    db = Database(database_url, pool_size=1, timeouts=Timeouts(5, 1))

    @get("/v1/fault")
    async def fault() -> None:
        async with db.begin() as session:
            await session.execute(text("SELECT 1"))
            await asyncio.sleep(1.5)
            await session.execute(text("SELECT 1"))

    response = await answer_of(application(fault))
    await db.close()

    assert (response.status_code, response.json()["code"]) == (503, "busy")
