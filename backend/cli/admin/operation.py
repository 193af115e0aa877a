"""Operations of commands on the installation's database. A refusal is printed as one line."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cli.server import environment
from backend.core.db.database import Database
from backend.core.http.errors import DomainError
from backend.core.settings import Settings

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)


def run_in_transaction(operation: Callable[[Settings, AsyncSession], Awaitable[T]]) -> T:
    """Run an operation in one transaction and return its result.

    Raises:
        click.ClickException: the operation was refused, or the database has no tables yet.
    """

    async def once(settings: Settings, db: Database) -> T:
        async with db.begin() as session:
            return await operation(settings, session)

    return run_with_database(once)


def run_with_database(operation: Callable[[Settings, Database], Awaitable[T]]) -> T:
    """Run an operation that opens its own transactions, and return its result.

    Raises:
        click.ClickException: the operation was refused, or the database has no tables yet.
    """
    with environment.installation() as settings:
        try:
            return asyncio.run(_on_database(settings, operation))
        except DomainError as refusal:
            raise click.ClickException(refusal.detail()) from refusal


async def _on_database(settings: Settings, operation: Callable[[Settings, Database], Awaitable[T]]) -> T:
    db = Database(settings.database_url, pool_size=1)
    try:
        return await operation(settings, db)
    finally:
        await db.close()


def parse_request(kind: type[S], **values: object) -> S:
    """Convert arguments to the request struct of the API.

    Raises:
        click.ClickException: an argument is not valid.
    """
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise click.ClickException(str(error)) from error


def print_result(result: object, line: str, *, as_json: bool) -> None:
    """Print a line for people, or JSON for scripts."""
    click.echo(msgspec.json.encode(result).decode() if as_json else line)
