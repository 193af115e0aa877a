"""Health, readiness and metrics of an installation."""

import pytest
from alembic.script import ScriptDirectory
from httpx2 import ASGITransport, AsyncClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from backend.cli.server.migration import alembic_config
from backend.core.db import schema_version
from backend.core.db.database import Database
from backend.operations import health, metrics

BEAT = text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - :age * interval '1 second')")


@pytest.fixture
async def here(app):
    """A client on this machine."""
    transport = ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 4711))
    async with AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def figures(client: AsyncClient) -> dict[str, float]:
    response = await client.get("/metrics")
    assert response.status_code == 200
    found = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            labels = ",".join(value for _, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


async def test_health_is_200(client):
    response = await client.get("/health")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response.headers["cache-control"] == "no-store"


async def test_installation_with_all_parts_is_ready(client, db):
    await db.rows(BEAT, age=3)

    response = await client.get("/ready")

    ready = response.json()
    assert response.status_code == 200
    assert ready["status"] == "ready"
    assert 3 <= ready["worker"]["heartbeat_seconds"] < 10
    assert ready["migrations"]["revision"] == ready["migrations"]["expected"]
    assert "zxing-cpp" in ready["decoding"]["engines"]


@pytest.mark.parametrize("age", [None, 60])
async def test_installation_without_worker_is_not_ready(client, db, age):
    if age:
        await db.rows(BEAT, age=age)

    response = await client.get("/ready")

    assert response.status_code == 503
    assert response.json()["status"] == "not_ready"
    assert response.json()["worker"]["ok"] is False
    assert response.json()["database"]["ok"] is True


async def test_older_schema_is_not_ready_newer_is(client, db, owner):
    await db.rows(BEAT, age=0)
    answers = []
    for revision in ("0000", "9999", schema_version.head()):
        async with owner.begin() as session:
            await session.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
        answers.append((await client.get("/ready")).status_code)

    assert answers == [503, 200, 200]


def test_newest_migration_is_known_by_number(settings):
    assert (
        ScriptDirectory.from_config(alembic_config(settings.database_url)).get_current_head() == schema_version.head()
    )


async def test_metrics_are_for_this_machine(client, here):
    refused = await client.get("/metrics")
    through_a_proxy = await here.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})

    assert (refused.status_code, refused.json()["code"]) == (403, "metrics_closed")
    assert through_a_proxy.status_code == 403
    assert (await here.get("/metrics")).status_code == 200


async def test_metrics_tell_of_requests_books_worker_and_queues(here, db):
    await db.rows(BEAT, age=3)
    await db.rows(
        text(
            "INSERT INTO books_checks (movements, seconds, faults, at) VALUES (7, 1.5, '{}', now() - interval '1 hour')"
        )
    )
    await db.rows(text("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('print', 'print.make_part')"))
    await here.get("/health")

    found = await figures(here)

    assert found["scanback_database_up"] == 1
    assert found["scanback_books_ok"] == 1
    assert found["scanback_books_movements"] == 7
    assert 3600 <= found["scanback_books_age_seconds"] < 3700
    assert 3 <= found["scanback_worker_heartbeat_age_seconds"] < 10
    assert found["scanback_jobs{print,todo}"] == 1
    assert found["scanback_decoding_engine{zxing-cpp}"] == 1
    assert found["scanback_pool_connections{single,most}"] > 0
    assert found["scanback_request_seconds_count{GET,/health}"] >= 1


async def test_invented_methods_are_counted_as_one(here):
    for method in ("BREW", "PLOUGH"):
        assert (await here.request(method, "/health")).status_code in (404, 405)

    names = [name for name in await figures(here) if name.startswith("scanback_answers_total{")]

    assert any("other" in name for name in names)
    assert not any("BREW" in name or "PLOUGH" in name for name in names)


async def test_wrong_books_are_an_alarm(here, db):
    await db.rows(text("INSERT INTO books_checks (movements, seconds, faults) VALUES (7, 1.5, '{wrong}')"))

    assert (await figures(here))["scanback_books_ok"] == 0


async def test_books_that_were_never_proved_say_nothing(here):
    assert "scanback_books_ok" not in await figures(here)


async def test_late_wallets_are_counted(here, world, owner):
    account = await world.account()
    (code,) = await world.codes(1)
    await world.scan(account, code)
    async with owner.begin() as session:
        await session.execute(text("UPDATE wallets SET due_on = current_date - 3"))

    assert (await figures(here))["scanback_wallets_late"] == 1


@pytest.fixture
async def away():
    """A database that cannot be reached."""
    db = Database("postgresql+psycopg://none@127.0.0.1:1/nowhere", pool_size=1)
    yield db
    await db.close()


async def test_unavailable_database_is_reported_without_waiting(away, monkeypatch):
    monkeypatch.setattr(health, "DATABASE_SECONDS", 0.3)
    monkeypatch.setattr(metrics, "SECONDS", 0.3)

    database, migrations, worker = await health.read_state(away)
    families = {family.name: family for family in (await metrics.measure(away, ["pyzbar"])).collect()}

    assert (database.ok, migrations.ok, worker.ok) == (False, False, False)
    assert families["scanback_database_up"].samples[0].value == 0
    assert "scanback_books_ok" not in families
    assert "scanback_pool_connections" in families
