"""What a rouble costs in a programme from a day on. What somebody was charged by stays as it was."""

from datetime import date

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit
from backend.brands.door import Member
from backend.errors import Conflict
from backend.offers.keeping_schemas import RateIn
from backend.offers.models import Rate
from backend.programmes import service
from backend.programmes.models import Programme

# Whether an order went by the rate of one of the days from one to another. Days are those of UTC, as when it is priced.
USED = text("""
    SELECT EXISTS (
        SELECT FROM orders o JOIN offers f ON f.id = o.offer_id
        WHERE o.brand_id = :brand AND o.programme_id = :programme AND f.price IS NULL AND o.state <> 'refused'
            AND (o.placed_at AT TIME ZONE 'UTC')::date >= :start
            AND (CAST(:until AS date) IS NULL OR (o.placed_at AT TIME ZONE 'UTC')::date < :until))
""")


class RateUsed(Conflict):
    """Orders were charged by the rate of these days. Set another one from a later day on."""


class RateOfRoubles(Conflict):
    """This programme counts in roubles: a rouble costs a rouble."""


async def listed(session: AsyncSession, member: Member, key: str) -> list[Rate]:
    """The rates of a programme, newest first.

    Raises:
        ProgrammeUnknown: the brand has none of this key.
    """
    programme = await service.get(session, member, key)
    rows = select(Rate).where(Rate.programme_id == programme.id).order_by(Rate.start.desc())
    return list(await session.scalars(rows))


async def put(session: AsyncSession, member: Member, key: str, start: date, new: RateIn) -> Rate:
    """Set what a rouble costs from a day on, until the next rate's day. Again changes nothing.

    Raises:
        ProgrammeUnknown: the brand has none of this key. RateOfRoubles, RateUsed: as they say.
    """
    # The programme's row is the lock of its rates: two writers do not look past each other.
    programme = await service.get(session, member, key, lock=True)
    if programme.currency == "RUB":
        raise RateOfRoubles
    found = await session.get(Rate, (programme.id, start))
    if found is not None and (found.per_rouble, found.source) == (new.per_rouble, new.source):
        return found
    if (found is None or found.per_rouble != new.per_rouble) and await _used(session, programme, start):
        raise RateUsed
    values = {"per_rouble": new.per_rouble, "source": new.source}
    row = insert(Rate).values(programme_id=programme.id, start=start, **values)
    row = row.on_conflict_do_update(index_elements=["programme_id", "start"], set_=values)
    written: Rate = (await session.scalars(row.returning(Rate), execution_options={"populate_existing": True})).one()
    audit.note(session, member, "rate.put", programme=programme.id, start=str(start), per_rouble=new.per_rouble)
    return written


async def _used(session: AsyncSession, programme: Programme, start: date) -> bool:
    """Whether orders went by what holds from a day until the next rate."""
    following = select(func.min(Rate.start)).where(Rate.programme_id == programme.id, Rate.start > start)
    until = await session.scalar(following)
    values = {"brand": programme.brand_id, "programme": programme.id, "start": start, "until": until}
    return bool(await session.scalar(USED, values))
