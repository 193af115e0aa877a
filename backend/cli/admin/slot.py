"""`scanback slot`: key slots, and the next generation of a brand's key."""

from datetime import datetime

import click
import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cli.admin import operation, row_lookup
from backend.core.settings import Settings
from backend.earning.packages import slots
from backend.earning.packages.models import Slot

of_brand = click.option("--brand", "of_brand", required=True, help="The brand's number or name.")
in_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


class SlotLine(msgspec.Struct, frozen=True):
    """A slot in a list; a closed one gives out no more serials, and its codes stay valid."""

    slot: int
    serials: int
    created_at: datetime
    closed_at: datetime | None


@click.group()
def slot() -> None:
    """List a brand's key slots, or open the next one."""


@slot.command("list")
@of_brand
@in_json
def listed(of_brand: str, *, as_json: bool) -> None:
    """List a brand's slots."""

    async def read(_settings: Settings, session: AsyncSession) -> list[SlotLine]:
        brand = await row_lookup.find_brand(session, of_brand)
        rows = await session.scalars(select(Slot).where(Slot.brand_id == brand.id).order_by(Slot.slot))
        return [SlotLine(row.slot, row.next_serial, row.created_at, row.closed_at) for row in rows]

    found = operation.run_in_transaction(read)
    lines = [f"{row.slot:>4}  {row.serials:>15,}  {'closed' if row.closed_at else 'open'}" for row in found]
    operation.print_result(found, "\n".join(lines) or "No slots yet.", as_json=as_json)


@slot.command()
@of_brand
@in_json
def rotate(of_brand: str, *, as_json: bool) -> None:
    """Use the next generation of the key for new batches; printed codes stay valid."""

    async def open_slot(_settings: Settings, session: AsyncSession) -> int:
        return await slots.open_next_slot(session, (await row_lookup.find_brand(session, of_brand)).id)

    opened = operation.run_in_transaction(open_slot)
    operation.print_result({"slot": opened}, f"New batches use slot {opened}.", as_json=as_json)
