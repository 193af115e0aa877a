"""One deed on this installation's database: a transaction for it, and refusals as a line."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
import msgspec
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cli import environment
from backend.database import Database
from backend.errors import Refusal
from backend.settings import Settings

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)


def run(deed: Callable[[Settings, AsyncSession], Awaitable[T]]) -> T:
    """Do something in one transaction and return what it found.

    Raises:
        click.ClickException: it was refused, or the database has no tables yet.
    """

    async def once(settings: Settings, db: Database) -> T:
        async with db.begin() as session:
            return await deed(settings, session)

    return run_long(once)


def run_long(deed: Callable[[Settings, Database], Awaitable[T]]) -> T:
    """Do something in as many transactions as it takes, and return what it found.

    Raises:
        click.ClickException: it was refused, or the database has no tables yet.
    """
    with environment.installation() as settings:
        try:
            return asyncio.run(_on_database(settings, deed))
        except Refusal as refusal:
            raise click.ClickException(refusal.detail()) from refusal
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", "") != "42P01":
                raise
            raise click.ClickException("The database has no tables yet. Run `scanback migrate`.") from error


async def _on_database(settings: Settings, deed: Callable[[Settings, Database], Awaitable[T]]) -> T:
    db = Database(settings.database_url, pool_size=1)
    try:
        return await deed(settings, db)
    finally:
        await db.close()


def checked(kind: type[S], **values: object) -> S:
    """What somebody typed, held against the struct that the API takes.

    Raises:
        click.ClickException: it does not fit.
    """
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise click.ClickException(str(error)) from error


def tell(answer: object, line: str, *, as_json: bool) -> None:
    """Say what was done: a line for people, or JSON for scripts."""
    click.echo(msgspec.json.encode(answer).decode() if as_json else line)
