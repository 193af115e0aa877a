"""`scanback brand`: the brands of this installation."""

import click
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cli.admin import operation, row_lookup
from backend.core.settings import Settings
from backend.identity.brands import service
from backend.identity.brands.models import Brand
from backend.identity.brands.schemas import BrandIn, BrandOut


@click.group()
def brand() -> None:
    """Create and list brands."""


@brand.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def create(name: str, *, as_json: bool) -> None:
    """Create a brand; `scanback staff create` creates its first owner."""
    request = operation.parse_request(BrandIn, name=name)

    async def make(_settings: Settings, session: AsyncSession) -> BrandOut:
        return BrandOut.of(await service.create_brand(session, request.name))

    made = operation.run_in_transaction(make)
    operation.print_result(made, f"Brand {made.id}: {made.name}", as_json=as_json)


@brand.command()
@click.argument("brand_named", metavar="BRAND")
@click.option("--show/--hide", "reads", required=True, help="Whether it sees receipts that only people can read.")
def receipts(brand_named: str, *, reads: bool) -> None:
    """Show a brand, by its number or name, the receipts that only people can read, or none of them."""

    async def set_visibility(_settings: Settings, session: AsyncSession) -> str:
        found = await row_lookup.find_brand(session, brand_named)
        found.reads_receipts = reads
        return found.name

    name = operation.run_in_transaction(set_visibility)
    click.echo(f"{name} {'sees' if reads else 'does not see'} receipts that only people can read.")


@brand.command("list")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def listed(*, as_json: bool) -> None:
    """List all brands with their numbers."""

    async def read(_settings: Settings, session: AsyncSession) -> list[BrandOut]:
        return [BrandOut.of(row) for row in await session.scalars(select(Brand).order_by(Brand.id))]

    found = operation.run_in_transaction(read)
    lines = [f"{row.id:>6}  {row.name}" for row in found] or ["No brands yet."]
    operation.print_result(found, "\n".join(lines), as_json=as_json)
