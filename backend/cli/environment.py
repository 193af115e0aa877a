"""What a command works on: the settings of this installation, and its database while the command runs."""

import contextlib
from collections.abc import Iterator

import click
import msgspec

from backend.cli import data_folder, embedded
from backend.settings import SettingMissing, Settings, ensure_keys


def settings() -> Settings:
    """The settings, or a line about what is wrong with the environment.

    Raises:
        click.ClickException: a variable does not fit.
    """
    try:
        return Settings.from_env()
    except ValueError as error:  # msgspec's are, too
        raise click.ClickException(f"A setting in the environment does not fit: {error}") from error


def at_home() -> Settings:
    """The settings of an installation that keeps all it has in its data folder; its keys are made here.

    Raises:
        FolderUnusable: the data folder is somebody else's.
    """
    data = settings().data
    data_folder.prepare(data)
    ensure_keys(data)
    return settings()


def of_a_server() -> Settings:
    """The settings of a process that serves: database and keys must be given.

    Raises:
        SettingMissing: one of them is not.
    """
    found = settings()
    if not found.database_url:
        raise SettingMissing("DATABASE_URL is not set. `scanback run` brings a database of its own.")
    found.need_keys()
    return found


@contextlib.contextmanager
def installation() -> Iterator[Settings]:
    """The settings with a database that answers for as long as the block lasts.

    That is DATABASE_URL's; else the embedded one, which is started for the while if it is not running.
    """
    found = settings()
    if found.database_url:
        yield found
        return
    found = at_home()
    with embedded.running(found.data) as url:
        yield msgspec.structs.replace(found, database_url=url)
