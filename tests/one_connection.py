"""A database whose transactions are part of one, which is rolled back: for state machines of many short histories."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import namedtuple_row
from sqlalchemy.ext.asyncio import AsyncConnection as AsyncEngineConnection
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.batching import Batcher
from backend.core.db.database import Database, compile_statement


class OneConnection:
    """The database of the services. Each of their transactions is a savepoint of ours."""

    def __init__(self, database: Database, outer: AsyncEngineConnection, connection: AsyncConnection[Any]) -> None:
        self.database, self.outer, self.connection = database, outer, connection

    @classmethod
    async def open(cls, database_url: str) -> "OneConnection":
        database = Database(database_url, pool_size=1)
        outer = await database.engine.connect()
        driver = (await outer.get_raw_connection()).driver_connection
        driver.row_factory = namedtuple_row
        return cls(database, outer, driver)

    async def start(self) -> None:
        """Begin a history, which `rollback` undoes."""
        await self.outer.begin()
        await self.connection.execute("SELECT")

    def batcher(self, execute_batch: Any) -> Batcher[Any, Any]:
        return Batcher(execute_batch, 1)

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[AsyncSession, None]:
        async with (
            AsyncSession(self.outer, join_transaction_mode="create_savepoint", expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    async def rows(self, statement: Any, **values: Any) -> list[Any]:
        async with self.connection.transaction():
            cursor = await self.connection.execute(compile_statement(statement), values)
            return await cursor.fetchall() if cursor.description else []

    async def call(self, statement: Any, **values: Any) -> Any:
        return (await self.rows(statement, **values))[0]

    async def rollback(self) -> None:
        await self.outer.rollback()

    async def close(self) -> None:
        await self.outer.close()
        await self.database.close()
