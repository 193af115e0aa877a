"""`scanback prepare`: what must stand before the first request is served."""

import asyncio
import json

import click

from backend.cli import environment, migrate, prepared, seed
from backend.settings import Settings


@click.command()
def prepare() -> None:
    """Migrate the database and make the demo brand if it has none."""
    with environment.installation() as settings:
        settings.need_keys()
        migrate.migrate(settings.database_url)
        asyncio.run(seed.ensure_demo(settings))
        _tell_address(settings)
        prepared.note(settings, settings.database_url)


def _tell_address(settings: Settings) -> None:
    """Keep the address in demo.json what it is now: the port may be another one than last time."""
    path = settings.data / "demo.json"
    if not path.exists():
        return
    demo = json.loads(path.read_text("utf-8"))
    if demo["base_url"] != settings.base_url:
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(demo | {"base_url": settings.base_url}, indent=2, ensure_ascii=False), "utf-8")
        part.replace(path)
