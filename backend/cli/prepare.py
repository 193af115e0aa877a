"""`scanback prepare`: what must stand before the first request is served."""

import asyncio

import click

from backend.cli import environment, migrate, seed


@click.command()
def prepare() -> None:
    """Migrate the database and make the demo brand if it has none."""
    with environment.installation() as settings:
        migrate.migrate(settings.database_url)
        asyncio.run(seed.ensure_demo(settings))
