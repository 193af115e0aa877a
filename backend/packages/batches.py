"""Print runs and lists of codes: making them, finding them, and how far they have come."""

from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.errors import BodyChanged, Conflict, Invalid, NotFound
from backend.packages import slots
from backend.packages.models import Batch, BatchState, Origin, Range
from backend.programmes.models import Product, Programme
from backend.programmes.products import ProductUnknown
from backend.programmes.service import ProgrammeUnknown

# Claims are counted up to this number, so that looking at a batch costs the same however it goes.
MOST_COUNTED = 100_000
CLAIMED = text("SELECT packages_claimed(:batch, :most)")
STATES = text("""
    SELECT state, sum(last_serial - first_serial + 1)::bigint AS codes FROM ranges WHERE batch_id = :batch
    GROUP BY state
""")


class BatchUnknown(NotFound):
    """There is no such batch."""


class BatchOver(Conflict):
    """The batch is closed or revoked: nothing more can be made of it."""


class GtinMissing(Invalid):
    """Units under state marking are known by the product's GTIN, and this product has none."""


class CountInvalid(Invalid):
    """Computed codes need a count; a list gets its codes from a file and takes no count."""


class Wanted(msgspec.Struct, frozen=True):
    """What a new batch shall be."""

    programme_id: int
    sku: str
    origin: Origin = "computed"
    count: int | None = None
    note: str = ""


class Standing(msgspec.Struct, frozen=True):
    """How far a batch has come: codes by state, and claims up to MOST_COUNTED."""

    states: dict[BatchState, int]
    claimed: int


async def create(
    session: AsyncSession, brand_id: int, key: UUID, wanted: Wanted, staff_id: int | None = None
) -> tuple[Batch, Product]:
    """Make a batch under the id that the caller chose; asked again, the answer is the same batch.

    However many codes it has, it is a row, and another one for the range of its serials.

    Raises:
        BodyChanged: the id has another batch. ProgrammeUnknown, ProductUnknown, GtinMissing, CountInvalid: it can't
        be made. SlotsUsedUp: no key slot is free.
    """
    if (wanted.origin == "computed") != (wanted.count is not None):
        raise CountInvalid
    if found := await _find(session, brand_id, key):
        return _same(found, wanted)
    product = await _product(session, brand_id, wanted)
    try:
        async with session.begin_nested():
            batch = await _add(session, brand_id, key, wanted, product)
    except IntegrityError:
        # The same request came twice at once and the other was first; ours gave its serials back.
        found = await _find(session, brand_id, key)
        if found is None:
            raise
        return _same(found, wanted)
    events.record(session, "batch.created", brand_id=brand_id, staff_id=staff_id, batch=str(key), sku=product.sku,
                  origin=batch.origin, count=batch.count)  # fmt: skip
    return batch, product


async def get(session: AsyncSession, brand_id: int, key: UUID) -> tuple[Batch, Product]:
    """A batch of the brand with its product. Raises BatchUnknown."""
    found = await _find(session, brand_id, key)
    if found is None:
        raise BatchUnknown
    return found


async def locked(session: AsyncSession, brand_id: int, key: UUID) -> Batch:
    """A batch to be changed: nobody else changes it until the transaction ends. Raises BatchUnknown."""
    query = select(Batch).where(Batch.brand_id == brand_id, Batch.key == key).with_for_update()
    batch = await session.scalar(query.execution_options(populate_existing=True))
    if batch is None:
        raise BatchUnknown
    return batch


async def page(session: AsyncSession, brand_id: int, before: int | None, limit: int) -> list[tuple[Batch, Product]]:
    """The brand's batches, newest first, from those before a number on."""
    query = select(Batch, Product).join(Product, Product.id == Batch.product_id).where(Batch.brand_id == brand_id)
    if before is not None:
        query = query.where(Batch.id < before)
    rows = await session.execute(query.order_by(Batch.id.desc()).limit(limit))
    return [(row[0], row[1]) for row in rows]


async def standing(session: AsyncSession, batch: Batch) -> Standing:
    """How many codes are in which state and how many are claimed."""
    rows = await session.execute(STATES, {"batch": batch.id})
    states: dict[BatchState, int] = {row.state: row.codes for row in rows}
    claimed = await session.scalar(CLAIMED, {"batch": batch.id, "most": MOST_COUNTED})
    return Standing(states or {batch.state: batch.count}, claimed or 0)


async def _find(session: AsyncSession, brand_id: int, key: UUID) -> tuple[Batch, Product] | None:
    query = select(Batch, Product).join(Product, Product.id == Batch.product_id)
    row = (await session.execute(query.where(Batch.brand_id == brand_id, Batch.key == key))).one_or_none()
    return None if row is None else (row[0], row[1])


def _same(found: tuple[Batch, Product], wanted: Wanted) -> tuple[Batch, Product]:
    batch, product = found
    count = None if wanted.count is None else batch.count
    if Wanted(batch.programme_id, product.sku, batch.origin, count, batch.note) != wanted:
        raise BodyChanged
    return found


async def _product(session: AsyncSession, brand_id: int, wanted: Wanted) -> Product:
    programme = await session.get(Programme, wanted.programme_id)
    if programme is None or programme.brand_id != brand_id:
        raise ProgrammeUnknown
    query = select(Product).where(Product.brand_id == brand_id, Product.sku == wanted.sku)
    product = await session.scalar(query.where(Product.archived_at.is_(None)))
    if product is None:
        raise ProductUnknown
    if wanted.origin == "marked" and not product.gtin:
        raise GtinMissing
    return product


async def _add(session: AsyncSession, brand_id: int, key: UUID, wanted: Wanted, product: Product) -> Batch:
    slot, first = await slots.take(session, brand_id, wanted.count) if wanted.count else (None, None)
    batch = Batch(
        key=key,
        brand_id=brand_id,
        programme_id=wanted.programme_id,
        product_id=product.id,
        origin=wanted.origin,
        slot=slot,
        first_serial=first,
        count=wanted.count or 0,
        # What comes as a list is printed already.
        state="generated" if wanted.count else "printed",
        note=wanted.note,
    )
    session.add(batch)
    await session.flush()
    if slot is not None and first is not None:
        last = first + batch.count - 1
        session.add(Range(slot=slot, first_serial=first, last_serial=last, batch_id=batch.id, state="generated"))
        await session.flush()
    return batch
