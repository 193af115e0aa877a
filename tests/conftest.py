"""One embedded PostgreSQL for the run, one database for each test process, emptied after each test, books checked."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from pathlib import Path

import hypothesis
import pytest
from httpx2 import ASGITransport, AsyncClient
from litestar import Litestar
from sqlalchemy import create_engine, text

from backend.app import create_app
from backend.checkout.checks import PAYABLES, SALES, STATEMENTS
from backend.cli.server.migration import migrate
from backend.cli.server.simulate import run_simulators
from backend.core.db.database import Database
from backend.core.settings import Dated, Settings, ensure_keys
from backend.programmes.checks import ADDITIONAL
from backend.spending.gift_cards.checks import GIFT_CARDS
from local_postgres import data_folder
from local_postgres import server as postgres_server
from payouts import audit
from tests.live import serving
from tests.make import World
from tests.stand_ins import Simulators, SupplierStandIns

TEMPLATE = "scanback_template"
SERVER = pytest.StashKey[postgres_server.Server]()
FOLDER = pytest.StashKey[tempfile.TemporaryDirectory]()
URL = "SCANBACK_TEST_DATABASE"
# An own role may not end the server's own autovacuum.
CUT_OFF = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND usename = current_user"
)

# The duration of an example depends on the load of the machine.
hypothesis.settings.register_profile("scanback", deadline=None)
hypothesis.settings.load_profile("scanback")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    # A worker process that exits early must not leave its server running: see local_postgres.parent_death_signal.
    config.stash[FOLDER] = tempfile.TemporaryDirectory(prefix="scanback-test-")
    data = Path(config.stash[FOLDER].name)
    data.chmod(0o755)
    data_folder.prepare(data)
    server = config.stash[SERVER] = postgres_server.start(data, fast=True)
    os.environ[URL] = server.url
    admin = create_engine(server.url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {TEMPLATE}"))
    admin.dispose()
    migrate(_named(server.url, TEMPLATE))


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVER in config.stash:
        config.stash[SERVER].stop()
        config.stash[FOLDER].cleanup()


def _named(url: str, name: str) -> str:
    """The same server's address, another database."""
    before, _, options = url.partition("?")
    return before.rsplit("/", 1)[0] + f"/{name}" + (f"?{options}" if options else "")


def _clone(name: str) -> str:
    admin = create_engine(os.environ[URL], isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy"))
    admin.dispose()
    return _named(os.environ[URL], name)


@pytest.fixture(scope="session")
def database_url() -> str:
    """A database of this test process alone, migrated."""
    return _clone("scanback_" + os.environ.get("PYTEST_XDIST_WORKER", "alone"))


@pytest.fixture
def own_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of one test alone."""
    name = f"scanback_own_{os.getpid()}"
    yield _clone(name)
    admin = create_engine(os.environ[URL], isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        # Not WITH (FORCE): that fails while the server's own autovacuum is at work, which a plain DROP cancels.
        connection.execute(CUT_OFF, {"name": name})
        connection.execute(text(f"DROP DATABASE {name}"))
    admin.dispose()


@pytest.fixture(scope="session")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    data = tmp_path_factory.mktemp("data")
    ensure_keys(data)
    return Settings.from_env(
        {
            "SCANBACK_DATA": str(data),
            "DATABASE_URL": database_url,
            "SCANBACK_URL": "http://scanback.test",
            "SCANBACK_LOG_LEVEL": "ERROR",
            "SCANBACK_DECODERS": "1",
            "SCANBACK_POOL": "8",
        }  # races want many at once
    )


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[Litestar]:
    app = create_app(settings)
    ready, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        # The lifespan must end in the task in which it began; a fixture's two halves are two tasks.
        async with app.lifespan():
            ready.set()
            await over.wait()

    task = asyncio.create_task(live())
    await asyncio.wait([task, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    yield app
    over.set()
    await task


@pytest.fixture(scope="session")
def live_url(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server over this process's database."""
    with serving(settings, tmp_path_factory.mktemp("live")) as url:
        yield url


@pytest.fixture(scope="session")
def stand_ins_url() -> Iterator[str]:
    """The address of the stand-ins for providers and suppliers."""
    with run_simulators() as url:
        yield url


@pytest.fixture
def suppliers(stand_ins_url: str) -> Iterator[SupplierStandIns]:
    """Stand-ins that sell."""
    with SupplierStandIns(stand_ins_url) as found:
        yield found


@pytest.fixture
def simulators(stand_ins_url: str) -> Iterator[Simulators]:
    """Stand-ins that know receipts."""
    with Simulators(stand_ins_url) as found:
        yield found


@pytest.fixture(scope="session")
async def owner(database_url: str) -> AsyncIterator[Database]:
    """The database as its owner, for what the application's role may not do."""
    db = Database(database_url, pool_size=2, role="")
    yield db
    await db.close()


@pytest.fixture(scope="session")
async def db(app: Litestar) -> Database:
    return app.state["db"]


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app, raise_app_exceptions=False, client=("203.0.113.7", 4711))
    async with AsyncClient(transport=transport, base_url="http://scanback.test") as client:
        yield client


@pytest.fixture
def number(app: Litestar, settings: Settings) -> Iterator[Callable[[str, int], None]]:
    """Sets a dated number for one test; the state holds a copy of the settings."""
    tables = [settings.numbers.table, app.state["settings"].numbers.table]
    before = [dict(table) for table in tables]

    def put(name: str, value: int) -> None:
        for table in tables:
            table[name] = [Dated(date(2026, 1, 1), value, "a test")]

    yield put
    for table, saved in zip(tables, before, strict=True):
        table.clear()
        table.update(saved)


@pytest.fixture
async def world(db: Database, settings: Settings, client: AsyncClient) -> World:
    """Makes one valid row a function, with what a test does not care about filled in."""
    return World(db, settings, client)


@pytest.fixture(autouse=True)
def _books_after_each_test(request: pytest.FixtureRequest) -> None:
    if "app" in request.fixturenames:
        request.getfixturevalue("clean_books")


@pytest.fixture
async def clean_books(app: Litestar, owner: Database) -> AsyncIterator[None]:
    """After each test with a database: the books are checked, then the tables are emptied."""
    yield
    faults = (
        await audit.audit_ledger(owner.engine, extra=[ADDITIONAL, GIFT_CARDS, PAYABLES, SALES, STATEMENTS])
    ).faults
    await _empty(owner)
    app.state["rule_cache"].rule_sets.clear()
    app.state["versions"].loaded.clear()
    assert faults == []


async def _empty(owner: Database) -> None:
    """Empty all tables in one go; replica mode steps over the append-only triggers and the order of keys."""
    async with owner.begin() as session:
        names = await session.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL(:kept)"),
            {"kept": ["alembic_version", "digest_keys", "schema_versions"]},
        )
        deletes = "; ".join(f'DELETE FROM "{name}"' for name in names)  # noqa: S608 - our own tables
        connection = (await session.connection()).sync_connection
        raw = connection.connection.driver_connection
        await raw.execute(f"SET LOCAL session_replication_role = replica; {deletes}", prepare=False)
