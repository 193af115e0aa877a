"""The way to PostgreSQL: one engine, one transaction a request, and single calls for the hot deeds."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from litestar.di import NamedDependency
from psycopg.errors import DeadlockDetected, SerializationFailure
from sqlalchemy import TextClause
from sqlalchemy.engine import Row
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

T = TypeVar("T")
ATTEMPTS = 3
APP_ROLE = "scanback_app"


class Database:
    """The engine and its two ways of use.

    `sessions` gives a unit of work: one request, one transaction. `call` runs one statement that is a whole
    transaction by itself: a hot deed holds its locks for one round trip (docs/decisions/0003).
    """

    def __init__(self, url: str, pool_size: int = 20, role: str = APP_ROLE) -> None:
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            hide_parameters=True,  # logs must not hold what people sent
            # An application role without the right to change history; see payouts/sql.
            connect_args={"options": f"-c role={role} -c timezone=UTC" if role else "-c timezone=UTC"},
        )
        self.single = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    async def call(self, statement: TextClause, **values: Any) -> Row[Any]:
        """Run a statement that returns one row, by itself; again when another transaction got in its way."""
        rows = await self.rows(statement, **values)
        return rows[0]

    async def rows(self, statement: TextClause, **values: Any) -> list[Row[Any]]:
        """Run a statement by itself and return its rows."""

        async def attempt() -> list[Row[Any]]:
            async with self.single.connect() as connection:
                return list((await connection.execute(statement, values)).all())

        return await retried(attempt)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[AsyncConnection, None]:
        """A connection where each statement is its own transaction."""
        async with self.single.connect() as connection:
            yield connection

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncSession, None]:
        """A session whose transaction ends with the block."""
        async with self.sessions.begin() as session:
            yield session

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


Db = NamedDependency[Database]
Session = NamedDependency[AsyncSession]


async def retried(attempt: Callable[[], Awaitable[T]]) -> T:
    """Try again a few times when the database chose this transaction as a deadlock's victim."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await attempt()
        except OperationalError as error:
            if not isinstance(error.orig, DeadlockDetected | SerializationFailure):
                raise
    return await attempt()
