"""The number of claimed codes of a batch."""

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from backend.earning.packages.models import Batch, ImportedCode, MarkedUnit
from backend.programmes.models import Accrual

COMPUTED_CAUSE, IMPORTED_CAUSE, MARKED_CAUSE = 1, 2, 3
SERIAL_BITS = 37  # of a computed code's `cause_id`, below its slot; see packages_cause_id


async def count_claimed(session: AsyncSession, batch: Batch, limit: int) -> int:
    """The number of claimed codes, counted up to a limit, which bounds the cost."""
    if batch.slot is not None and batch.first_serial is not None:
        claims = _claims_of_serials(batch.slot, batch.first_serial, batch.count)
    elif batch.origin == "imported":
        claims = await _claims_of_list(session, batch, IMPORTED_CAUSE, ImportedCode.id, ImportedCode.batch_id)
    else:
        claims = await _claims_of_list(session, batch, MARKED_CAUSE, MarkedUnit.id, MarkedUnit.batch_id)
    counted = select(func.count()).select_from(claims.limit(limit).subquery())
    return (await session.execute(counted)).scalar_one()


def _claims_of_serials(slot: int, first_serial: int, count: int) -> Select[int]:
    """Claims of computed codes: one range of the key of accruals."""
    first = slot << SERIAL_BITS | first_serial
    return select(Accrual.cause_id).where(
        Accrual.cause == COMPUTED_CAUSE, Accrual.cause_id.between(first, first + count - 1)
    )


async def _claims_of_list(
    session: AsyncSession,
    batch: Batch,
    cause: int,
    code_id: InstrumentedAttribute[int],
    batch_id: InstrumentedAttribute[int] | InstrumentedAttribute[int | None],
) -> Select[int]:
    """Claims of the codes of a list. Their first and last id narrow the range of accruals that is read."""
    ends = select(func.min(code_id), func.max(code_id)).where(batch_id == batch.id)
    first, last = (await session.execute(ends)).one()
    return (
        select(Accrual.cause_id)
        .join(code_id.class_, code_id == Accrual.cause_id)
        .where(batch_id == batch.id, Accrual.cause == cause, Accrual.cause_id.between(first, last))
    )
