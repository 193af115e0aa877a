"""`scanback keys`: the keys that never enter the database, and their replacement."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import click

from backend.cli.server import environment
from backend.core import keyring
from backend.core.db.database import Database
from backend.core.settings import Settings

Kind = Literal["master", "pepper"]
KINDS = click.argument("kind", type=click.Choice(["master", "pepper"]))


@click.group(invoke_without_command=True)
@click.pass_context
def keys(context: click.Context) -> None:
    """Create the keys in the data folder where they are missing; an existing key is never replaced.

    Printed codes and all tokens depend on them: store a copy in a safe. docs/keys.md describes their rotation.
    """
    if context.invoked_subcommand is None:
        settings = environment.local_settings()
        click.echo(f"Keys: {settings.data / 'secrets'}")


@keys.command()
@KINDS
def rotate(kind: Kind) -> None:
    """Add a key and re-encrypt all stored data with it, while the API and the workers run.

    After an interruption `scanback keys reseal` continues. Store a copy of the key file before and after.
    """
    with environment.installation() as settings:
        path = _key_file(settings, kind)
        number = keyring.add(path)
        click.echo(f"Key {number} was added to {path}. Waiting until every process has read it.")
        time.sleep(_settle_seconds())
        _encrypt_again(settings, kind)


@keys.command()
@KINDS
def reseal(kind: Kind) -> None:
    """Re-encrypt all stored data with the newest key; safe to repeat, and quick when there is nothing to do."""
    with environment.installation() as settings:
        _encrypt_again(settings, kind)


def _key_file(settings: Settings, kind: Kind) -> Path:
    path = settings.master_file if kind == "master" else settings.pepper_file
    if path is None:
        raise click.ClickException(
            "The key is in an environment variable. Add a blank, `2:` and a new key to its value,"
            " restart every process, then run `scanback keys reseal`."
        )
    return path


def _settle_seconds() -> float:
    from backend.operations import key_rotation  # noqa: PLC0415 - loads the product, which `scanback keys` does without

    return key_rotation.SETTLE_SECONDS


def _encrypt_again(settings: Settings, kind: Kind) -> None:
    from backend.operations import key_rotation  # noqa: PLC0415 - see above

    work = key_rotation.rotate_master if kind == "master" else key_rotation.rotate_pepper
    (settings.master_keys if kind == "master" else settings.peppers).refresh()
    asyncio.run(_as_owner(settings, work))


async def _as_owner(
    settings: Settings, work: Callable[[Database, Settings, Callable[[str], None]], Awaitable[None]]
) -> None:
    owner = Database(settings.database_url, pool_size=1, role="")
    try:
        await work(owner, settings, click.echo)
    finally:
        await owner.close()
