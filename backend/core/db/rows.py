"""Rows of a statement as the type that declares their columns."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncSession

Row = TypeVar("Row")


async def read_rows(
    session: AsyncSession, kind: Callable[..., Row], statement: TextClause, values: Mapping[str, object]
) -> list[Row]:
    """The rows of a statement, by the names of their columns.

    Raises:
        TypeError: the statement has other columns than `kind`.
    """
    return [kind(**row) for row in (await session.execute(statement, values)).mappings()]


async def read_row(
    session: AsyncSession, kind: Callable[..., Row], statement: TextClause, values: Mapping[str, object]
) -> Row | None:
    """The only row of a statement, if there is one."""
    rows = await read_rows(session, kind, statement, values)
    return rows[0] if rows else None
