"""PostgreSQL: sessions with one transaction a request, and single statements for hot operations."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, NamedTuple, Never

from litestar.di import NamedDependency
from psycopg import AsyncConnection, OperationalError
from psycopg.errors import DeadlockDetected, SerializationFailure
from psycopg.rows import namedtuple_row
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import TextClause, make_url, text
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from backend.core.db.batching import WAIT_SECONDS, Batcher, ExecuteBatch, Operation, Result

ATTEMPTS = 3
APP_ROLE = "scanback_app"


class Timeouts(NamedTuple):
    """Seconds after which the server ends a statement, and an idle transaction; 0: never."""

    statement: int
    idle: int

    def options(self) -> str:
        return (
            f" -c statement_timeout={self.statement * 1000} -c idle_in_transaction_session_timeout={self.idle * 1000}"
        )


NO_TIMEOUTS = Timeouts(0, 0)
# No client waits a minute for a response. Uploaded files are parsed between two statements.
REQUEST_TIMEOUTS = Timeouts(60, 120)
JOB_TIMEOUTS = Timeouts(3600, 900)
# For the import of a file with millions of rows, which one statement copies.
LONG_STATEMENT = text("SET LOCAL statement_timeout = '30min'")


class Database:
    """Two pools of connections.

    `begin` opens a session: one request, one transaction. `rows` and `call` run one statement as a transaction: a hot
    operation holds its locks for one round trip, and costs a third of the Python time of a session
    (docs/decisions/0003). Such a statement is retried, so it must be safe to run twice.
    """

    def __init__(self, url: str, pool_size: int = 10, role: str = APP_ROLE, timeouts: Timeouts = NO_TIMEOUTS) -> None:
        """`pool_size`: connections for single statements. Sessions, which last longer, have twice as many."""
        # A role that may not change the history; see backend/core/db/sql/90_grants.sql.
        options = "-c timezone=UTC -c jit=off" + (f" -c role={role}" if role else "") + timeouts.options()
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=2 * pool_size,
            max_overflow=0,
            pool_timeout=WAIT_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,  # logs must not contain what users sent
            connect_args={"options": options},
        )
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self.pool = AsyncConnectionPool[AsyncConnection[NamedTuple]](
            make_url(url).set(drivername="postgresql").render_as_string(hide_password=False),
            min_size=1,
            max_size=pool_size,
            timeout=WAIT_SECONDS,
            kwargs={"options": options, "autocommit": True, "row_factory": namedtuple_row, "prepare_threshold": 1},
            open=False,
        )
        self.batchers: list[Batcher[Never, object]] = []

    def batcher(self, execute_batch: ExecuteBatch[Operation, Result]) -> Batcher[Operation, Result]:
        """Make the batcher of a hot operation: its batches use up to a quarter of the connections, individual retries
        up to half."""
        batcher = Batcher(execute_batch, max(1, self.pool.max_size // 4), max(2, self.pool.max_size // 2))
        self.batchers.append(batcher)
        return batcher

    async def open(self) -> None:
        """Open the connections of single statements, which would open on first use."""
        await self.pool.open()

    async def call(self, statement: TextClause, **values: object) -> Any:
        """Run a statement as a transaction and return its one row."""
        rows = await self.rows(statement, **values)
        return rows[0]

    async def rows(self, statement: TextClause, **values: object) -> list[Any]:
        """Run a statement as a transaction and return its rows. Retries after a deadlock, a serialization failure and a
        lost connection.

        Raises:
            psycopg.Error: the statement failed. PoolTimeout: no connection became free.
        """
        sql = compile_statement(statement)
        for attempts_left in reversed(range(ATTEMPTS)):
            if self.pool.closed:
                await self.pool.open()
            async with self.pool.connection() as connection:
                try:
                    cursor = await connection.execute(sql, values)
                    # Not `description`, which makes an object of each column.
                    return await cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
                except OperationalError as error:
                    if not attempts_left or not (
                        connection.broken or isinstance(error, DeadlockDetected | SerializationFailure)
                    ):
                        raise
        raise AssertionError("the last attempt returns or raises")

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncSession, None]:
        """Open a session whose transaction ends with the block."""
        async with self.sessions.begin() as session:
            yield session

    async def transaction(self, work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """Run a function in a transaction of its own and return its result. Retries as `rows` does, so the function
        must be safe to run twice.

        Raises:
            DBAPIError: a statement failed. Other errors are the function's own, which roll back.
        """
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                async with self.begin() as session:
                    return await work(session)
            except DBAPIError as error:
                if not attempts_left or not (
                    error.connection_invalidated or isinstance(error.orig, DeadlockDetected | SerializationFailure)
                ):
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        """Close all connections."""
        await self.pool.close()
        await self.engine.dispose()


@cache
def compile_statement(statement: TextClause) -> str:
    """A statement in the driver's syntax. Cached, so that the server prepares it once."""
    return str(statement.compile(dialect=dialect()))  # type: ignore[no-untyped-call]


Db = NamedDependency[Database]
Session = NamedDependency[AsyncSession]
