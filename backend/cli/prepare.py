"""`scanback prepare`: what must stand before the first request is served."""

import asyncio

import click

from backend import migrate
from backend.cli import environment, seed


@click.command()
def prepare() -> None:
    """Migrate the database and make the demo brand if it has none."""
    with environment.installation() as settings:
        migrate.upgrade(settings.database_url)
        asyncio.run(seed.ensure_demo(settings))
