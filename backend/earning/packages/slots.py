"""Key slots: the serials of a brand's next codes, and the next generation of its key."""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events
from backend.core.http.errors import Conflict

TAKE_SERIALS = text("SELECT slot, first_serial FROM packages_take_serials(:brand, :count)")
OPEN_SLOT = text("SELECT packages_open_slot(:brand)")


class SlotsUsedUp(Conflict):
    """All 1,024 key slots are in use. No further key can be opened in this installation."""

    code = "slots_used_up"


async def take_serials(session: AsyncSession, brand_id: int, count: int) -> tuple[int, int]:
    """Allocate a span of serials, each of which is issued once: the slot and the first serial.

    Raises:
        SlotsUsedUp: the brand's slot is full, and no other slot is free.
    """
    try:
        row = (await session.execute(TAKE_SERIALS, {"brand": brand_id, "count": count})).one()
    except DBAPIError as error:
        raise _meant(error) from error
    return row.slot, row.first_serial


async def open_next_slot(session: AsyncSession, brand_id: int) -> int:
    """Open the next generation of a brand's key: new batches use it, printed codes stay valid.

    Raises:
        SlotsUsedUp: no slot is free.
    """
    try:
        slot: int = (await session.execute(OPEN_SLOT, {"brand": brand_id})).scalar_one()
    except DBAPIError as error:
        raise _meant(error) from error
    events.record(session, "slot.opened", brand_id=brand_id, slot=slot)
    return slot


def _meant(error: DBAPIError) -> Exception:
    """The refusal for an error that our SQL raised; any other error unchanged."""
    return SlotsUsedUp() if getattr(error.orig, "sqlstate", "") == "SB030" else error
