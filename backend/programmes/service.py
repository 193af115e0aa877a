"""Programmes of a brand, and the version of their rules."""

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import Conflict, NotFound
from backend.identity.brands import audit_log, timezones
from backend.identity.brands.authentication import Member
from backend.programmes.models import Programme
from backend.programmes.schemas import ProgrammeIn


class ProgrammeUnknown(NotFound):
    """Your brand has no such programme."""

    code = "programme_unknown"


class ProgrammeNameConflict(Conflict):
    """Another programme of your brand has this name."""

    code = "programme_name_taken"


class CurrencyFixed(Conflict):
    """A programme keeps its currency. Make another programme instead."""

    code = "currency_fixed"


async def list_programmes(session: AsyncSession, member: Member, after: str | None, most: int) -> list[Programme]:
    """The programmes of a brand in the order of their keys, after a key."""
    rows = select(Programme).where(Programme.brand_id == member.brand_id, Programme.key > (after or ""))
    return list(await session.scalars(rows.order_by(Programme.key).limit(most)))


async def find_programme(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Programme | None:
    """A programme of the caller's brand by its key."""
    row = select(Programme).where(Programme.brand_id == member.brand_id, Programme.key == key)
    return await session.scalar(row.with_for_update() if lock else row)


async def get_programme(session: AsyncSession, member: Member, key: str, *, lock: bool = False) -> Programme:
    """A programme of the caller's brand by its key.

    Raises:
        ProgrammeUnknown: there is none.
    """
    found = await find_programme(session, member, key, lock=lock)
    if found is None:
        raise ProgrammeUnknown
    return found


async def get_programme_by_id(session: AsyncSession, member: Member, programme_id: int) -> Programme:
    """A programme of the caller's brand by its id.

    Raises:
        ProgrammeUnknown: there is none.
    """
    row = select(Programme).where(Programme.brand_id == member.brand_id, Programme.id == programme_id)
    found: Programme | None = await session.scalar(row)
    if found is None:
        raise ProgrammeUnknown
    return found


async def put_programme(session: AsyncSession, member: Member, key: str, new: ProgrammeIn) -> Programme:
    """Create a programme, or change its name and time zone. Idempotent.

    Raises:
        ProgrammeNameConflict, CurrencyFixed, TimezoneUnknown, TimezoneInvalid.
    """
    await timezones.check_timezone(session, new.timezone)
    values = {"name": new.name.strip(), "currency": new.currency, "timezone": new.timezone}
    try:
        created = await _insert_programme(session, member, key, values)
        return created or await _change_programme(
            session, member, await get_programme(session, member, key, lock=True), values
        )
    except IntegrityError as error:
        raise ProgrammeNameConflict from error


async def _insert_programme(
    session: AsyncSession, member: Member, key: str, values: dict[str, str]
) -> Programme | None:
    new = insert(Programme).values(brand_id=member.brand_id, key=key, **values)
    created: Programme | None = await session.scalar(
        new.on_conflict_do_nothing(index_elements=["brand_id", "key"]).returning(Programme)
    )
    if created is not None:
        audit_log.record(session, member, "programme.created", id=created.id)
    return created


async def _change_programme(
    session: AsyncSession, member: Member, found: Programme, values: dict[str, str]
) -> Programme:
    if found.currency != values["currency"]:
        raise CurrencyFixed
    changed = [name for name, value in values.items() if getattr(found, name) != value]
    if not changed:
        return found
    for name in changed:
        setattr(found, name, values[name])
    found.rules_version += 1
    await session.flush()
    audit_log.record(session, member, "programme.changed", id=found.id, changed=changed)
    return found


async def bump_rules_version(session: AsyncSession, brand_id: int, *, only: int | None = None) -> None:
    """Raise the rules version of all programmes of a brand, or of one, so that awards under way are decided again.

    Called late in a transaction, so that other changes of rules wait briefly. Locks the rows in the order of their ids.
    """
    condition = Programme.brand_id == brand_id if only is None else Programme.id == only
    rows = select(Programme.id).where(condition).order_by(Programme.id).with_for_update()
    await session.execute(
        update(Programme)
        .where(Programme.id.in_(rows.scalar_subquery()))
        .values(rules_version=Programme.rules_version + 1)
        .execution_options(synchronize_session=False)
    )
