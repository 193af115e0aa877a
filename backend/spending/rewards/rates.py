"""The price of a rouble in a programme from a day on. A rate that an order has used cannot change."""

from datetime import date

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import Conflict
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member
from backend.programmes import service
from backend.programmes.models import Programme
from backend.spending.models import Rate
from backend.spending.rewards.staff_schemas import PointRateIn

# Whether an order used a rate of the days in a range. Days are in the programme's time zone, as in pricing.
RATE_IS_USED = text("""
    SELECT EXISTS (
        SELECT FROM orders o JOIN offers f ON f.id = o.offer_id JOIN programmes g ON g.id = o.programme_id
        WHERE o.brand_id = :brand AND o.programme_id = :programme AND f.price IS NULL AND o.state <> 'refused'
            AND (o.placed_at AT TIME ZONE g.timezone)::date >= :start
            AND (CAST(:until AS date) IS NULL OR (o.placed_at AT TIME ZONE g.timezone)::date < :until))
""")


class RateUsed(Conflict):
    """Orders used the rate of these days. Set a new rate from a later day."""

    code = "rate_used"


class RateOfRoubles(Conflict):
    """This programme is in roubles and needs no rate."""

    code = "rate_of_roubles"


async def programme_rates(session: AsyncSession, member: Member, key: str) -> list[Rate]:
    """The rates of a programme, newest first.

    Raises:
        ProgrammeUnknown: the brand has none of this key.
    """
    programme = await service.get_programme(session, member, key)
    rows = select(Rate).where(Rate.programme_id == programme.id).order_by(Rate.start.desc())
    return list(await session.scalars(rows))


async def put_rate(session: AsyncSession, member: Member, key: str, start: date, new: PointRateIn) -> Rate:
    """Set the price of a rouble from a day until the next rate. Idempotent.

    Raises:
        ProgrammeUnknown: the brand has none of this key. RateOfRoubles, RateUsed.
    """
    # The programme's row is the lock of its rates, so two writers see each other's rates.
    programme = await service.get_programme(session, member, key, lock=True)
    if programme.currency == "RUB":
        raise RateOfRoubles
    existing = await session.get(Rate, (programme.id, start))
    if existing is not None and (existing.per_rouble, existing.source) == (new.per_rouble, new.source):
        return existing
    if (existing is None or existing.per_rouble != new.per_rouble) and await _is_used(session, programme, start):
        raise RateUsed
    values = {"per_rouble": new.per_rouble, "source": new.source}
    row = insert(Rate).values(programme_id=programme.id, start=start, **values)
    row = row.on_conflict_do_update(index_elements=["programme_id", "start"], set_=values)
    written: Rate = (await session.scalars(row.returning(Rate), execution_options={"populate_existing": True})).one()
    audit_log.record(session, member, "rate.put", programme=programme.id, start=str(start), per_rouble=new.per_rouble)
    return written


async def _is_used(session: AsyncSession, programme: Programme, start: date) -> bool:
    """Whether orders used the rate from a day until the next rate."""
    following = select(func.min(Rate.start)).where(Rate.programme_id == programme.id, Rate.start > start)
    until = await session.scalar(following)
    values = {"brand": programme.brand_id, "programme": programme.id, "start": start, "until": until}
    return bool(await session.scalar(RATE_IS_USED, values))
