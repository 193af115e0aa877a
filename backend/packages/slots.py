"""Key slots: which serials a brand's next codes get, and the next generation of its key."""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events
from backend.errors import Conflict

TAKE = text("SELECT slot, first_serial FROM packages_take_serials(:brand, :count)")
OPEN = text("SELECT packages_open_slot(:brand)")


class SlotsUsedUp(Conflict):
    """All 1,024 key slots are in use. No further key can be opened in this installation."""


async def take(session: AsyncSession, brand_id: int, count: int) -> tuple[int, int]:
    """Take a span of serials: the slot and the first serial. Nobody else ever gets one of them.

    Raises:
        SlotsUsedUp: the brand's slot has no room, and no other slot is free.
    """
    try:
        row = (await session.execute(TAKE, {"brand": brand_id, "count": count})).one()
    except DBAPIError as error:
        raise _meant(error) from error
    return row.slot, row.first_serial


async def rotate(session: AsyncSession, brand_id: int) -> int:
    """Give a brand the next generation of its key: new batches use it, printed codes stay as they are.

    Raises:
        SlotsUsedUp: no slot is free.
    """
    try:
        slot: int = (await session.execute(OPEN, {"brand": brand_id})).scalar_one()
    except DBAPIError as error:
        raise _meant(error) from error
    events.record(session, "slot.opened", brand_id=brand_id, slot=slot)
    return slot


def _meant(error: DBAPIError) -> Exception:
    """What our own error in the database means to a caller."""
    return SlotsUsedUp() if getattr(error.orig, "sqlstate", "") == "SB030" else error
