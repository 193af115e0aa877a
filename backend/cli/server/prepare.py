"""`scanback prepare`: migrates the database and creates the demo brand, before the first request is served."""

import asyncio
import json

import click

from backend.cli.seeds import seed
from backend.cli.server import environment, preparation
from backend.cli.server import migration as migrate
from backend.core.settings import Settings


@click.command()
def prepare() -> None:
    """Migrate the database and create the demo brand if it has no brand."""
    with environment.installation(create=True) as settings:
        settings.need_keys()
        migrate.migrate(settings.database_url)
        asyncio.run(seed.ensure_demo(settings))
        _update_address(settings)
        preparation.record_preparation(settings, settings.database_url)


def _update_address(settings: Settings) -> None:
    """Update the address in demo.json: the port may have changed since the last start."""
    path = settings.data / "demo.json"
    if not path.exists():
        return
    demo = json.loads(path.read_text("utf-8"))
    if demo["base_url"] != settings.base_url:
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(demo | {"base_url": settings.base_url}, indent=2, ensure_ascii=False), "utf-8")
        part.replace(path)
