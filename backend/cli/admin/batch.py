"""`scanback batch`: batches of package codes, from the print run to the last claim."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import get_args

import click
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cli.admin import operation, row_lookup
from backend.cli.admin.export import export
from backend.core.settings import Settings
from backend.earning.packages import batches, ranges
from backend.earning.packages.code_lists import imports
from backend.earning.packages.models import Batch, BatchState, Origin
from backend.earning.packages.ranges import PositionRange
from backend.earning.packages.schemas import BatchIn, BatchOut, BatchSummary, CodeListOut
from backend.programmes.models import Product

SHOWN_RANGES = 20
LISTED = 100
in_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")

BatchChange = Callable[[AsyncSession, Batch, Product], Awaitable[None]]


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
    of_brand: str,
    programme: str,
    sku: str,
    count: int | None,
    codes: str,
    note: str,
    key: uuid.UUID | None,
    *,
    as_json: bool,
) -> None:
    """Create a batch; its codes are computed, so the size does not matter."""

    async def make(settings: Settings, session: AsyncSession) -> BatchOut:
        brand = await row_lookup.find_brand(session, of_brand)
        row = await row_lookup.find_programme(session, brand, programme)
        request = operation.parse_request(BatchIn, programme_id=row.id, sku=sku, codes=codes, count=count, note=note)
        made = await batches.create_batch(session, brand.id, key or uuid.uuid4(), request.wanted, settings=settings)
        return await _batch_response(session, *made)

    made = operation.run_in_transaction(make)
    operation.print_result(made, _format_line(made), as_json=as_json)


@batch.command("list")
@click.option("--brand", "of_brand", required=True, help="The brand's number or name.")
@in_json
def listed(of_brand: str, *, as_json: bool) -> None:
    """List the brand's last hundred batches, newest first."""

    async def read(_settings: Settings, session: AsyncSession) -> list[BatchSummary]:
        brand = await row_lookup.find_brand(session, of_brand)
        rows = await batches.list_batches(session, brand.id, None, LISTED)
        return [BatchSummary.of(row, product) for row, product in rows]

    found = operation.run_in_transaction(read)
    operation.print_result(found, "\n".join(map(_format_line, found)) or "No batches yet.", as_json=as_json)


@batch.command()
@click.argument("batch_id")
@in_json
def show(batch_id: str, *, as_json: bool) -> None:
    """Show the state of a batch."""
    found = operation.run_in_transaction(lambda _settings, session: _change_batch(session, batch_id, _change_nothing))
    operation.print_result(found, _format_batch(found), as_json=as_json)


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

    async def set_state(session: AsyncSession, found: Batch, _product: Product) -> None:
        locked = await batches.lock_batch(session, found.brand_id, found.key)
        part = PositionRange(first or 1, last or max(locked.count, 1), to, active_from)
        await ranges.change_state(session, locked, part)

    found = operation.run_in_transaction(lambda _settings, session: _change_batch(session, batch_id, set_state))
    operation.print_result(found, _format_batch(found), as_json=as_json)


@batch.command("import")
@click.argument("batch_id")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@in_json
def take(batch_id: str, file: Path, *, as_json: bool) -> None:
    """Name the codes of a list: one a line, or a CSV with a column `code`."""

    async def read(settings: Settings, session: AsyncSession) -> CodeListOut:
        settings.need_keys()
        found, product = await row_lookup.find_batch(session, batch_id)
        locked = await batches.lock_batch(session, found.brand_id, found.key)
        with file.open("rb") as content:
            return CodeListOut.of(await imports.import_codes(session, settings.peppers, locked, product, content))

    report = operation.run_in_transaction(read)
    lines = [f"line {row.line}: {row.reason}" for row in report.first_refused]
    summary = f"{report.accepted} of {report.rows} codes taken, {sum(report.refused.values())} refused."
    operation.print_result(report, "\n".join([*lines, summary]), as_json=as_json)


async def _change_batch(session: AsyncSession, batch_id: str, change: BatchChange) -> BatchOut:
    found, product = await row_lookup.find_batch(session, batch_id)
    await change(session, found, product)
    return await _batch_response(session, found, product)


async def _change_nothing(_session: AsyncSession, _batch: Batch, _product: Product) -> None:
    """A change that leaves the batch as it is."""


async def _batch_response(session: AsyncSession, found: Batch, product: Product) -> BatchOut:
    await session.flush()
    await session.refresh(found)
    parts = await ranges.list_ranges(session, found, 0, SHOWN_RANGES + 1)
    return BatchOut.whole(found, product, await batches.batch_progress(session, found), parts, SHOWN_RANGES)


def _format_line(row: BatchSummary) -> str:
    return f"{row.id}  {row.count:>12,}  {row.state:<9}  {row.sku}  {row.note}".rstrip()


def _format_batch(row: BatchOut) -> str:
    spans = [f"  {span.first:>12,} - {span.last:>12,}  {span.state}" for span in row.ranges]
    more = ["  ..."] if row.more_ranges else []
    return "\n".join([_format_line(row), *spans, *more, f"{row.claimed:,} claimed"])
