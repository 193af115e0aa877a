"""Programmes of a brand, and the number that tells everybody that their rules have changed."""

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit, timezones
from backend.brands.door import Member
from backend.errors import Conflict, NotFound
from backend.programmes.models import Programme
from backend.programmes.schemas import ProgrammeIn


class ProgrammeUnknown(NotFound):
    """Your brand has no such programme."""


class ProgrammeNameTaken(Conflict):
    """Another programme of your brand has this name."""


class CurrencyFixed(Conflict):
    """A programme keeps its currency. Make another programme instead."""


async def page(session: AsyncSession, member: Member, after: str | None, most: int) -> list[Programme]:
    """The programmes of a brand in the order of their keys, from a place on."""
    rows = select(Programme).where(Programme.brand_id == member.brand_id, Programme.key > (after or ""))
    return list(await session.scalars(rows.order_by(Programme.key).limit(most)))


async def find(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Programme | None:
    """A programme of the caller's brand by its key."""
    row = select(Programme).where(Programme.brand_id == member.brand_id, Programme.key == key)
    return await session.scalar(row.with_for_update() if lock else row)


async def get(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Programme:
    """A programme of the caller's brand by its key.

    Raises:
        ProgrammeUnknown: there is none.
    """
    found = await find(session, member, key, lock=lock)
    if found is None:
        raise ProgrammeUnknown
    return found


async def by_id(session: AsyncSession, member: Member, programme_id: int) -> Programme:
    """A programme of the caller's brand by its number.

    Raises:
        ProgrammeUnknown: there is none.
    """
    row = select(Programme).where(Programme.brand_id == member.brand_id, Programme.id == programme_id)
    found: Programme | None = await session.scalar(row)
    if found is None:
        raise ProgrammeUnknown
    return found


async def put(session: AsyncSession, member: Member, key: str, new: ProgrammeIn) -> Programme:
    """Make a programme, or change its name and time zone. Again with the same body changes nothing.

    Raises:
        ProgrammeNameTaken, CurrencyFixed, TimezoneUnknown: as they say.
    """
    timezones.check(new.timezone)
    values = {"name": new.name.strip(), "currency": new.currency, "timezone": new.timezone}
    try:
        made = await _insert(session, member, key, values)
        return made or await _change(session, member, await get(session, member, key, lock=True), values)
    except IntegrityError as error:
        raise ProgrammeNameTaken from error


async def _insert(session: AsyncSession, member: Member, key: str, values: dict[str, str]) -> Programme | None:
    new = insert(Programme).values(brand_id=member.brand_id, key=key, **values)
    made = await session.scalar(new.on_conflict_do_nothing(index_elements=["brand_id", "key"]).returning(Programme))
    if made is not None:
        audit.note(session, member, "programme.created", id=made.id)
    return made


async def _change(session: AsyncSession, member: Member, found: Programme, values: dict[str, str]) -> Programme:
    if found.currency != values["currency"]:
        raise CurrencyFixed
    changed = [name for name, value in values.items() if getattr(found, name) != value]
    if not changed:
        return found
    for name in changed:
        setattr(found, name, values[name])
    found.rules_version += 1
    await session.flush()
    audit.note(session, member, "programme.changed", id=found.id, changed=changed)
    return found


async def bump(session: AsyncSession, brand_id: int, *, only: int | None = None) -> None:
    """Tell the programmes of a brand, or one of them, that what rules decide on has changed: payments under way
    decide again.

    The rows are locked in the order of their ids, and late: nobody else's change of a rule waits longer than it must.
    """
    mine = Programme.brand_id == brand_id if only is None else Programme.id == only
    rows = select(Programme.id).where(mine).order_by(Programme.id).with_for_update()
    await session.execute(
        update(Programme)
        .where(Programme.id.in_(rows.scalar_subquery()))
        .values(rules_version=Programme.rules_version + 1)
        .execution_options(synchronize_session=False)
    )
