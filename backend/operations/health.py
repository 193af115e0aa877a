"""Health of this process and its installation: for supervisors, deployments and Prometheus."""

import asyncio
import hmac
import ipaddress
import os
import time
from typing import Annotated

import msgspec
import psycopg
from litestar import MediaType, Response, Router, route
from litestar.enums import HttpMethod
from msgspec import Meta
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import text

from backend.core.db.database import Database, Db
from backend.core.db.schema_version import fingerprint, head
from backend.core.http.errors import Forbidden
from backend.core.http.models import CurrentSettings, ResponseModel
from backend.core.http.requests import HTTPRequest
from backend.core.settings import Settings
from backend.operations import metrics as gauges

READ = [HttpMethod.GET, HttpMethod.HEAD]
NO_STORE = {"Cache-Control": "no-store"}
DATABASE_SECONDS = 2.0
WORKER_SECONDS = 15.0
OUTDATED = "The schema is older than this code: run `scanback migrate`."
STATE = text("""
    SELECT (SELECT max(version_num) FROM alembic_version) AS revision,
        EXISTS (SELECT FROM schema_versions WHERE fingerprint = :fingerprint) AS applied,
        (SELECT extract(epoch FROM now() - max(last_heartbeat))::float8 FROM procrastinate_workers) AS heartbeat
""")


class MetricsClosed(Forbidden):
    """Metrics are read on this machine, or with the metrics token."""

    code = "metrics_closed"


class Part(ResponseModel):
    """The state of one component."""

    ok: bool
    milliseconds: float | None = None
    revision: str | None = None
    expected: str | None = None
    heartbeat_seconds: float | None = None
    engines: list[str] | None = None
    hint: str | None = None


class Ready(msgspec.Struct):
    """Whether the whole installation works."""

    status: Annotated[str, Meta(description="`ready` or `not_ready`.")]
    database: Part
    migrations: Part
    worker: Part
    decoding: Part
    storage: Annotated[
        Part,
        Meta(description="Whether the last call to the file storage was answered. `status` does not depend on it."),
    ]


@route("/health", http_method=READ, sync_to_thread=False)
def health() -> Response[dict[str, str]]:
    """Liveness, for a balancer or supervisor: checks nothing outside this process."""
    return Response({"status": "ok"}, headers=NO_STORE)


@route("/ready", http_method=READ)
async def ready(request: HTTPRequest, db: Db) -> Response[Ready]:
    """Readiness of the installation: database, schema, worker, decoding. 503 if one of them fails."""
    database, migrations, worker = await read_state(db)
    engines = list(getattr(request.app.state.get("decoder"), "engines", []))
    parts = (database, migrations, worker, Part(ok=bool(engines), engines=engines))
    # Scans, sales and orders work without files.
    storage = Part(ok=request.app.state["files"].is_well)
    is_ready = all(part.ok for part in parts)
    content = Ready("ready" if is_ready else "not_ready", *parts, storage)
    return Response(content, status_code=200 if is_ready else 503, headers=NO_STORE)


async def read_state(db: Database) -> tuple[Part, Part, Part]:
    """The state of database, migrations and worker, in one query."""
    started_at = time.perf_counter()
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            row = await db.call(STATE, fingerprint=fingerprint())
    except psycopg.errors.UndefinedTable:
        return Part(ok=True), Part(ok=False, expected=head(), hint=OUTDATED), Part(ok=False)
    except (psycopg.Error, TimeoutError):
        return Part(ok=False), Part(ok=False, expected=head()), Part(ok=False)
    milliseconds = round((time.perf_counter() - started_at) * 1000, 1)
    # This code runs on a newer schema, but not on an older one. `applied`: this version's own schema was applied.
    fits = row.applied and row.revision is not None and row.revision >= head()
    beats = row.heartbeat is not None and row.heartbeat < WORKER_SECONDS
    age = None if row.heartbeat is None else round(row.heartbeat, 1)
    return (
        Part(ok=True, milliseconds=milliseconds),
        Part(ok=fits, revision=row.revision, expected=head(), hint=None if fits else OUTDATED),
        Part(ok=beats, heartbeat_seconds=age),
    )


@route("/metrics", http_method=READ, media_type=MediaType.TEXT)
async def metrics(request: HTTPRequest, db: Db, settings: CurrentSettings) -> Response[bytes]:
    """All metrics, in the format of Prometheus.

    Raises:
        MetricsClosed: the caller is neither on this machine nor has the token.
    """
    if not _may_read(request, settings):
        raise MetricsClosed
    registry = CollectorRegistry()
    registry.register(
        await gauges.measure(
            db, list(getattr(request.app.state.get("decoder"), "engines", [])), request.app.state["files"]
        )
    )
    body = generate_latest(_request_registry()) + generate_latest(registry)
    return Response(body, headers=NO_STORE | {"Content-Type": CONTENT_TYPE_LATEST})


def _request_registry() -> CollectorRegistry:
    """Counters of this process, or of all processes that share this port (`scanback serve` sets it up)."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _may_read(request: HTTPRequest, settings: Settings) -> bool:
    """With a metrics token: callers that send it. Without: callers on this machine, not through a proxy."""
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
