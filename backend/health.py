"""How this process and its installation are: for supervisors, for whoever deploys, and for Prometheus."""

import asyncio
import hmac
import ipaddress
import os
import time
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import MediaType, Request, Response, Router, route
from litestar.enums import HttpMethod
from msgspec import Meta
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import text

from backend import gauges
from backend.database import Database, Db
from backend.errors import Forbidden
from backend.settings import Settings
from backend.wire import Out, TheSettings

READ = [HttpMethod.GET, HttpMethod.HEAD]
NOT_KEPT = {"Cache-Control": "no-store"}
DATABASE_SECONDS = 2.0
WORKER_SECONDS = 15.0
MIGRATIONS = Path(__file__).with_name("cli") / "migrations" / "versions"
STATE = text("""
    SELECT (SELECT max(version_num) FROM alembic_version) AS revision,
        (SELECT extract(epoch FROM now() - max(last_heartbeat))::float8 FROM procrastinate_workers) AS heartbeat
""")


class MetricsClosed(Forbidden):
    """Metrics are read on this machine, or with the metrics token."""


class Part(Out):
    """One thing that must work, and what is known of it."""

    ok: bool
    milliseconds: float | None = None
    revision: str | None = None
    expected: str | None = None
    heartbeat_seconds: float | None = None
    engines: list[str] | None = None


class Ready(msgspec.Struct):
    """Whether the whole installation can do its work."""

    status: Annotated[str, Meta(description="`ready` or `not_ready`.")]
    database: Part
    migrations: Part
    worker: Part
    decoding: Part


@route("/health", http_method=READ, sync_to_thread=False)
def health() -> Response[dict[str, str]]:
    """This process is alive. For a balancer or a supervisor: it asks nobody else."""
    return Response({"status": "ok"}, headers=NOT_KEPT)


@route("/ready", http_method=READ)
async def ready(request: Request[Any, Any, Any], db: Db) -> Response[Ready]:
    """The installation can do all its work: database, schema, worker, decoding. 503 and which of them cannot."""
    database, migrations, worker = await _asked(db)
    engines = list(getattr(request.app.state.get("decoder"), "engines", []))
    parts = (database, migrations, worker, Part(ok=bool(engines), engines=engines))
    fit = all(part.ok for part in parts)
    answer = Ready("ready" if fit else "not_ready", *parts)
    return Response(answer, status_code=200 if fit else 503, headers=NOT_KEPT)


async def _asked(db: Database) -> tuple[Part, Part, Part]:
    """Database, migrations and worker, in one question."""
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            row = await db.call(STATE)
    except (psycopg.Error, TimeoutError):
        return Part(ok=False), Part(ok=False, expected=head()), Part(ok=False)
    milliseconds = round((time.perf_counter() - begun) * 1000, 1)
    # A newer schema is made to carry the code that runs now, an older one is not.
    fits = row.revision is not None and row.revision >= head()
    beats = row.heartbeat is not None and row.heartbeat < WORKER_SECONDS
    age = None if row.heartbeat is None else round(row.heartbeat, 1)
    return (
        Part(ok=True, milliseconds=milliseconds),
        Part(ok=fits, revision=row.revision, expected=head()),
        Part(ok=beats, heartbeat_seconds=age),
    )


@cache
def head() -> str:
    """The newest migration that this code knows: their names begin with ascending numbers."""
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("[0-9]*.py"))


@route("/metrics", http_method=READ, media_type=MediaType.TEXT)
async def metrics(request: Request[Any, Any, Any], db: Db, settings: TheSettings) -> Response[bytes]:
    """Everything measured, as Prometheus reads it.

    Raises:
        MetricsClosed: the caller is neither on this machine nor has the token.
    """
    if not _may_read(request, settings):
        raise MetricsClosed
    measured = CollectorRegistry()
    measured.register(await gauges.measure(db, list(getattr(request.app.state.get("decoder"), "engines", []))))
    body = generate_latest(_of_requests()) + generate_latest(measured)
    return Response(body, headers=NOT_KEPT | {"Content-Type": CONTENT_TYPE_LATEST})


def _of_requests() -> CollectorRegistry:
    """Counters of this process; of all that share this port where there are several (`scanback serve` sets it up)."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together


def _may_read(request: Request[Any, Any, Any], settings: Settings) -> bool:
    """With a token: whoever has it. Without one: this machine, if no proxy stands between."""
    if settings.metrics_token:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), settings.metrics_token.encode())
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False


router = Router("/", route_handlers=[health, ready, metrics], include_in_schema=False)
