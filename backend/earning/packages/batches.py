"""Batches (print runs and code lists): creating and finding them, and their progress."""

from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events
from backend.core.http.errors import BodyChanged, Conflict, Invalid, NotFound
from backend.core.settings import Settings
from backend.earning.packages import slot_keys, slots
from backend.earning.packages.claim_counts import count_claimed
from backend.earning.packages.models import Batch, BatchState, Origin, Range
from backend.programmes.models import Product, Programme
from backend.programmes.products.service import ProductUnknown
from backend.programmes.service import ProgrammeUnknown

# Claims are counted up to this number, so that the cost of showing a batch is bounded.
MAX_COUNTED = 100_000
COUNT_STATES = text("""
    SELECT state, sum(last_serial - first_serial + 1)::bigint AS codes FROM ranges WHERE batch_id = :batch
    GROUP BY state
""")


class BatchUnknown(NotFound):
    """There is no such batch."""

    code = "batch_unknown"


class BatchOver(Conflict):
    """The batch is closed or revoked and can no longer be changed."""

    code = "batch_over"


class GtinMissing(Invalid):
    """Units under state marking are identified by the product's GTIN, and this product has none."""

    code = "gtin_missing"


class CountInvalid(Invalid):
    """Computed codes need a count; a list gets its codes from a file and takes no count."""

    code = "count_invalid"


class BatchRequest(msgspec.Struct, frozen=True):
    """The request for a new batch."""

    programme_id: int
    sku: str
    origin: Origin = "computed"
    count: int | None = None
    note: str = ""


class BatchProgress(msgspec.Struct, frozen=True):
    """The progress of a batch: codes by state, and claims up to MAX_COUNTED."""

    states: dict[BatchState, int]
    claimed: int


async def create_batch(
    session: AsyncSession,
    brand_id: int,
    key: UUID,
    wanted: BatchRequest,
    staff_id: int | None = None,
    settings: Settings | None = None,
) -> tuple[Batch, Product]:
    """Create a batch with the id that the caller chose. Idempotent.

    A batch of any number of codes is one row, and one for the range of its serials. With `settings` the first batch of
    a slot stores a key of its own for it, if the master key was rotated.

    Raises:
        BodyChanged: the id has another batch. ProgrammeUnknown, ProductUnknown, GtinMissing, CountInvalid: the request
        is invalid. SlotsUsedUp: no key slot is free.
    """
    if (wanted.origin == "computed") != (wanted.count is not None):
        raise CountInvalid
    if found := await _find_batch_row(session, brand_id, key):
        return _check_same(found, wanted)
    product = await _find_product(session, brand_id, wanted)
    try:
        async with session.begin_nested():
            batch = await _add_batch(session, brand_id, key, wanted, product)
            if settings and batch.slot is not None and batch.first_serial == 0:
                await slot_keys.store_own_key(session, settings, batch.slot)
    except IntegrityError:
        # A concurrent request with the same id was first; the rollback returned our serials.
        found = await _find_batch_row(session, brand_id, key)
        if found is None:
            raise
        return _check_same(found, wanted)
    events.record(
        session,
        "batch.created",
        brand_id=brand_id,
        staff_id=staff_id,
        batch=str(key),
        sku=product.sku,
        origin=batch.origin,
        count=batch.count,
    )
    return batch, product


async def get_batch(session: AsyncSession, brand_id: int, key: UUID) -> tuple[Batch, Product]:
    """A batch of the brand with its product. Raises BatchUnknown."""
    found = await _find_batch_row(session, brand_id, key)
    if found is None:
        raise BatchUnknown
    return found


async def lock_batch(session: AsyncSession, brand_id: int, key: UUID) -> Batch:
    """A batch, locked for a change until the transaction ends. Raises BatchUnknown."""
    query = select(Batch).where(Batch.brand_id == brand_id, Batch.key == key).with_for_update()
    batch = await session.scalar(query.execution_options(populate_existing=True))
    if batch is None:
        raise BatchUnknown
    return batch


async def list_batches(
    session: AsyncSession, brand_id: int, before: int | None, limit: int
) -> list[tuple[Batch, Product]]:
    """The brand's batches, newest first, before a number."""
    query = select(Batch, Product).join(Product, Product.id == Batch.product_id).where(Batch.brand_id == brand_id)
    if before is not None:
        query = query.where(Batch.id < before)
    rows = await session.execute(query.order_by(Batch.id.desc()).limit(limit))
    return [(row[0], row[1]) for row in rows]


async def batch_progress(session: AsyncSession, batch: Batch) -> BatchProgress:
    """The number of codes in each state, and of claimed codes."""
    rows = await session.execute(COUNT_STATES, {"batch": batch.id})
    states: dict[BatchState, int] = {row.state: row.codes for row in rows}
    return BatchProgress(states or {batch.state: batch.count}, await count_claimed(session, batch, MAX_COUNTED))


async def _find_batch_row(session: AsyncSession, brand_id: int, key: UUID) -> tuple[Batch, Product] | None:
    query = select(Batch, Product).join(Product, Product.id == Batch.product_id)
    row = (await session.execute(query.where(Batch.brand_id == brand_id, Batch.key == key))).one_or_none()
    return None if row is None else (row[0], row[1])


def _check_same(found: tuple[Batch, Product], wanted: BatchRequest) -> tuple[Batch, Product]:
    batch, product = found
    count = None if wanted.count is None else batch.count
    if BatchRequest(batch.programme_id, product.sku, batch.origin, count, batch.note) != wanted:
        raise BodyChanged
    return found


async def _find_product(session: AsyncSession, brand_id: int, wanted: BatchRequest) -> Product:
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


async def _add_batch(session: AsyncSession, brand_id: int, key: UUID, wanted: BatchRequest, product: Product) -> Batch:
    slot, first = await slots.take_serials(session, brand_id, wanted.count) if wanted.count else (None, None)
    batch = Batch(
        key=key,
        brand_id=brand_id,
        programme_id=wanted.programme_id,
        product_id=product.id,
        origin=wanted.origin,
        slot=slot,
        first_serial=first,
        count=wanted.count or 0,
        # The codes of a list are printed already.
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
