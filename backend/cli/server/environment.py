"""The installation of a command: its settings, and its database while the command runs."""

import contextlib
from collections.abc import Iterator

import click
import msgspec

from backend.cli.server import database_check
from backend.core.settings import SettingMissing, Settings, ensure_keys
from local_postgres import data_folder
from local_postgres import server as postgres_server

UNDEFINED_TABLE = "42P01"


def load_settings() -> Settings:
    """The settings from the environment.

    Raises:
        click.ClickException: a variable is not valid.
    """
    try:
        return Settings.from_env()
    except ValueError as error:  # also the base class of msgspec's errors
        raise click.ClickException(f"A setting in the environment does not fit: {error}") from error


def local_settings() -> Settings:
    """The settings of an installation with all data in its data folder; creates its keys.

    Raises:
        FolderUnusable: the data folder belongs to another user or program.
    """
    data = load_settings().data
    data_folder.prepare(data)
    ensure_keys(data)
    return load_settings()


def server_settings() -> Settings:
    """The settings of a server process: database and keys are required.

    Raises:
        SettingMissing: one of them is not set.
    """
    settings = load_settings()
    if not settings.database_url:
        raise SettingMissing("DATABASE_URL is not set. `scanback run` brings a database of its own.")
    database_check.parse_url(settings.database_url)  # without connecting: the database may start later
    settings.need_keys()
    return settings


@contextlib.contextmanager
def installation(*, create: bool = False) -> Iterator[Settings]:
    """The settings with a database that answers while the block runs.

    That is the one of DATABASE_URL; else the embedded one, which is started for the block if it is not running.

    Raises:
        SettingMissing: the data folder has no database, and `create` is false.
        click.ClickException: the database has no tables yet.
    """
    settings = load_settings()
    if settings.database_url:
        database_check.check_database(settings.database_url)
        with _explain_missing_tables():
            yield settings
        return
    if not create and not (settings.data / "postgres").exists():
        raise SettingMissing(
            f"There is no installation in {settings.data}."
            " SCANBACK_DATA names its folder, or DATABASE_URL its database."
        )
    settings = local_settings()
    with postgres_server.running(settings.data) as url, _explain_missing_tables():
        yield msgspec.structs.replace(settings, database_url=url)


@contextlib.contextmanager
def _explain_missing_tables() -> Iterator[None]:
    """Print one line for the error of a database without our tables or our role."""
    try:
        yield
    except Exception as error:
        cause = getattr(error, "orig", error)
        if getattr(cause, "sqlstate", "") == UNDEFINED_TABLE or (
            "role" in str(cause) and "does not exist" in str(cause)
        ):
            raise click.ClickException("The database has no tables yet. Run `scanback migrate`.") from error
        raise
