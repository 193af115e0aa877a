"""`scanback brand`: the brands of this installation."""

import click
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import service
from backend.brands.models import Brand
from backend.brands.schemas import BrandIn, BrandOut
from backend.cli import deed
from backend.settings import Settings


@click.group()
def brand() -> None:
    """Make and list brands."""


@brand.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def create(name: str, *, as_json: bool) -> None:
    """Make a brand; its first owner comes with `scanback staff create`."""
    asked = deed.checked(BrandIn, name=name)

    async def make(_settings: Settings, session: AsyncSession) -> BrandOut:
        return BrandOut.of(await service.create_brand(session, asked.name))

    made = deed.run(make)
    deed.tell(made, f"Brand {made.id}: {made.name}", as_json=as_json)


@brand.command("list")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def listed(*, as_json: bool) -> None:
    """List all brands with their numbers."""

    async def read(_settings: Settings, session: AsyncSession) -> list[BrandOut]:
        return [BrandOut.of(row) for row in await session.scalars(select(Brand).order_by(Brand.id))]

    found = deed.run(read)
    lines = [f"{row.id:>6}  {row.name}" for row in found] or ["No brands yet."]
    deed.tell(found, "\n".join(lines), as_json=as_json)
