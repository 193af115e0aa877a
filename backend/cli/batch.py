"""`scanback batch`: batches of package codes, from the print run to the last claim."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import get_args

import click
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cli import deed, named
from backend.cli.export import export
from backend.packages import batches, imports, ranges
from backend.packages.models import Batch, BatchState, Origin
from backend.packages.ranges import Part
from backend.packages.schemas import BatchIn, BatchLine, BatchOut, ListOut
from backend.programmes.models import Product
from backend.settings import Settings

SHOWN_RANGES = 20
LISTED = 100
in_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")

Found = Callable[[AsyncSession, Batch, Product], Awaitable[None]]


@click.group()
def batch() -> None:
    """Make batches of package codes, export them for the print shop, activate what was dispatched."""


batch.add_command(export)


@batch.command()
@click.option("--brand", "of_brand", required=True, help="The brand's number or name.")
@click.option("--programme", required=True, help="The programme's number, key or name.")
@click.option("--sku", required=True, help="The product.")
@click.option("--count", type=int, help="How many codes to compute; none for a list.")
@click.option("--codes", type=click.Choice(get_args(Origin)), default="computed", show_default=True)
@click.option("--note", default="", help="For people.")
@click.option("--id", "key", type=click.UUID, help="The batch's id; the same again makes no second batch.")
@in_json
def create(
    of_brand: str, programme: str, sku: str, count: int | None, codes: str, note: str, key: uuid.UUID | None,
    *, as_json: bool,
) -> None:  # fmt: skip
    """Make a batch: however many codes it has, it is made at once."""

    async def make(_settings: Settings, session: AsyncSession) -> BatchOut:
        brand = await named.brand(session, of_brand)
        found = await named.programme(session, brand, programme)
        asked = deed.checked(BatchIn, programme_id=found.id, sku=sku, codes=codes, count=count, note=note)
        made = await batches.create(session, brand.id, key or uuid.uuid4(), asked.wanted)
        return await _shown(session, *made)

    made = deed.run(make)
    deed.tell(made, _line(made), as_json=as_json)


@batch.command("list")
@click.option("--brand", "of_brand", required=True, help="The brand's number or name.")
@in_json
def listed(of_brand: str, *, as_json: bool) -> None:
    """List the brand's last hundred batches, newest first."""

    async def read(_settings: Settings, session: AsyncSession) -> list[BatchLine]:
        brand = await named.brand(session, of_brand)
        rows = await batches.page(session, brand.id, None, LISTED)
        return [BatchLine.of(row, product) for row, product in rows]

    found = deed.run(read)
    deed.tell(found, "\n".join(map(_line, found)) or "No batches yet.", as_json=as_json)


@batch.command()
@click.argument("batch_id")
@in_json
def show(batch_id: str, *, as_json: bool) -> None:
    """Show how far a batch has come."""
    found = deed.run(lambda _settings, session: _changed(session, batch_id, _nothing))
    deed.tell(found, _whole(found), as_json=as_json)


@batch.command()
@click.argument("batch_id")
@click.argument("to", metavar="STATE", type=click.Choice(get_args(BatchState)))
@click.option("--first", type=int, help="First position of a pallet or roll, as in the print files.")
@click.option("--last", type=int, help="Its last position.")
@click.option("--from", "active_from", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="When a dispatch counts.")
@in_json
def state(
    batch_id: str, to: BatchState, first: int | None, last: int | None, active_from: datetime | None, *, as_json: bool
) -> None:
    """Bring a batch, or some positions of it, into a state: printed, active, closed or revoked."""

    async def turn(session: AsyncSession, found: Batch, _product: Product) -> None:
        locked = await batches.locked(session, found.brand_id, found.key)
        part = Part(first or 1, last or max(locked.count, 1), to, active_from)
        await ranges.turn(session, locked, part)

    found = deed.run(lambda _settings, session: _changed(session, batch_id, turn))
    deed.tell(found, _whole(found), as_json=as_json)


@batch.command("import")
@click.argument("batch_id")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@in_json
def take(batch_id: str, file: Path, *, as_json: bool) -> None:
    """Name the codes of a list: one a line, or a CSV with a column `code`."""

    async def read(settings: Settings, session: AsyncSession) -> ListOut:
        settings.need_keys()
        found, product = await named.batch(session, batch_id)
        locked = await batches.locked(session, found.brand_id, found.key)
        with file.open("rb") as content:
            return ListOut.of(await imports.take(session, settings.pepper, locked, product, content))

    report = deed.run(read)
    lines = [f"line {row.line}: {row.reason}" for row in report.first_refused]
    told = f"{report.accepted} of {report.rows} codes taken, {sum(report.refused.values())} refused."
    deed.tell(report, "\n".join([*lines, told]), as_json=as_json)


async def _changed(session: AsyncSession, batch_id: str, change: Found) -> BatchOut:
    found, product = await named.batch(session, batch_id)
    await change(session, found, product)
    return await _shown(session, found, product)


async def _nothing(_session: AsyncSession, _batch: Batch, _product: Product) -> None:
    """What changes nothing."""


async def _shown(session: AsyncSession, found: Batch, product: Product) -> BatchOut:
    await session.flush()
    await session.refresh(found)
    parts = await ranges.parts(session, found, 0, SHOWN_RANGES + 1)
    return BatchOut.whole(found, product, await batches.standing(session, found), parts, SHOWN_RANGES)


def _line(row: BatchLine) -> str:
    return f"{row.id}  {row.count:>12,}  {row.state:<9}  {row.sku}  {row.note}".rstrip()


def _whole(row: BatchOut) -> str:
    spans = [f"  {span.first:>12,} - {span.last:>12,}  {span.state}" for span in row.ranges]
    more = ["  ..."] if row.more_ranges else []
    return "\n".join([_line(row), *spans, *more, f"{row.claimed:,} claimed"])
