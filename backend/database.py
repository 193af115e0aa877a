"""The way to PostgreSQL: sessions, one transaction a request, and single statements for the hot deeds."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from litestar.di import NamedDependency
from psycopg import AsyncConnection, OperationalError
from psycopg.errors import DeadlockDetected, SerializationFailure
from psycopg.rows import namedtuple_row
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import TextClause, make_url
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from backend.together import WAIT_SECONDS, Answer, Deed, Run, Together

ATTEMPTS = 3
APP_ROLE = "scanback_app"


class Database:
    """Two ways of use, each with connections of its own.

    `begin` gives a unit of work: one request, one transaction. `rows` and `call` run one statement that is a whole
    transaction by itself: a hot deed holds its locks for one round trip, and costs a third of the Python that a
    session does (docs/decisions/0003). Such a statement must be safe to run again.
    """

    def __init__(self, url: str, pool_size: int = 10, role: str = APP_ROLE) -> None:
        """`pool_size`: connections for single statements, and twice as many for units of work, which last longer."""
        # An application role without the right to change history; see backend/sql/90_grants.sql.
        options = "-c timezone=UTC -c jit=off" + (f" -c role={role}" if role else "")
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=2 * pool_size,
            max_overflow=0,
            pool_timeout=WAIT_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,  # logs must not hold what people sent
            connect_args={"options": options},
        )
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self.pool = AsyncConnectionPool[AsyncConnection[Any]](
            make_url(url).set(drivername="postgresql").render_as_string(hide_password=False),
            min_size=1,
            max_size=pool_size,
            timeout=WAIT_SECONDS,
            kwargs={"options": options, "autocommit": True, "row_factory": namedtuple_row, "prepare_threshold": 1},
            open=False,
        )
        self.gathering: list[Together[Any, Any]] = []

    def together(self, run: Run[Deed, Answer]) -> Together[Deed, Answer]:
        """A hot deed that several do at once: a quarter of the connections is under way with it, the others gather.

        Half of the connections may be busy with those who have to wait by themselves.
        """
        made = Together(run, max(1, self.pool.max_size // 4), max(2, self.pool.max_size // 2))
        self.gathering.append(made)
        return made

    async def open(self) -> None:
        """Make the connections of single statements ready; they open on first use otherwise."""
        await self.pool.open()

    async def call(self, statement: TextClause, **values: Any) -> Any:
        """Run a statement that returns one row, by itself."""
        rows = await self.rows(statement, **values)
        return rows[0]

    async def rows(self, statement: TextClause, **values: Any) -> list[Any]:
        """Run a statement by itself and return its rows; again when another transaction or a restart of the database
        got in its way.

        Raises:
            psycopg.Error: the statement failed. PoolTimeout: no connection became free.
        """
        written = _written(statement)
        for left in reversed(range(ATTEMPTS)):
            if self.pool.closed:
                await self.pool.open()
            async with self.pool.connection() as connection:
                try:
                    cursor = await connection.execute(written, values)
                    # Not `description`: that makes an object of each column.
                    return await cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
                except OperationalError as error:
                    if not left or not (
                        connection.broken or isinstance(error, DeadlockDetected | SerializationFailure)
                    ):
                        raise
        raise AssertionError("the last attempt returns or raises")

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncSession, None]:
        """A session whose transaction ends with the block."""
        async with self.sessions.begin() as session:
            yield session

    async def close(self) -> None:
        """Give all connections back."""
        await self.pool.close()
        await self.engine.dispose()


@cache
def _written(statement: TextClause) -> str:
    """A statement in the driver's own spelling; the same one for all time, so that the server plans it once."""
    return str(statement.compile(dialect=dialect()))  # type: ignore[no-untyped-call]


Db = NamedDependency[Database]
Session = NamedDependency[AsyncSession]
