"""Brands, and who works for them in which role."""

import secrets

import msgspec
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit, sessions
from backend.brands.door import Member
from backend.brands.models import Brand, Role, Staff
from backend.errors import Conflict, NotFound
from backend.passwords import Passwords


class BrandNameTaken(Conflict):
    """Another brand has this name."""


class StaffUnknown(NotFound):
    """Nobody of your brand has this e-mail."""


class EmailTaken(Conflict):
    """This e-mail cannot be used here: somebody signs in with it already."""


class LastOwner(Conflict):
    """A brand keeps at least one owner. Make somebody else an owner first."""


class Secret(msgspec.Struct, frozen=True):
    """A password's hash, and the password itself where we made it."""

    hashed: str
    drawn: str | None = None


async def secret(passwords: Passwords, given: str | None) -> Secret:
    """Hash a password, or draw one. To be called outside any transaction.

    Raises:
        Busy: too many passwords are being hashed.
    """
    drawn = None if given else secrets.token_urlsafe(12)
    return Secret(await passwords.hash(given or drawn or ""), drawn)


async def create_brand(session: AsyncSession, name: str) -> Brand:
    """Make a brand.

    Raises:
        BrandNameTaken: there is one of that name.
    """
    brand = Brand(name=name.strip())
    session.add(brand)
    await _flush_name(session)
    return brand


async def brand_of(session: AsyncSession, member: Member, *, lock: bool = False) -> Brand:
    """The brand that somebody works for."""
    return await session.get_one(Brand, member.brand_id, with_for_update=lock)


async def rename(session: AsyncSession, member: Member, brand: Brand, name: str) -> Brand:
    """Give a brand another name.

    Raises:
        BrandNameTaken: another brand has it.
    """
    if brand.name != name.strip():
        brand.name = name.strip()
        await _flush_name(session)
        audit.note(session, member, "brand.renamed")
    return brand


async def _flush_name(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise BrandNameTaken from error


async def staff_page(session: AsyncSession, member: Member, after: int | None, most: int) -> list[Staff]:
    """The staff of a brand in the order of joining, from a place on."""
    rows = select(Staff).where(Staff.brand_id == member.brand_id, Staff.id > (after or 0))
    return list(await session.scalars(rows.order_by(Staff.id).limit(most)))


async def caller(session: AsyncSession, member: Member) -> Staff:
    """The caller's own row."""
    return await session.get_one(Staff, member.staff_id)


async def staff(session: AsyncSession, member: Member, email: str, *, lock: bool = False) -> Staff:
    """One member of the caller's brand.

    Raises:
        StaffUnknown: nobody has this e-mail.
    """
    row = select(Staff).where(Staff.brand_id == member.brand_id, Staff.email == email.lower())
    found = await session.scalar(row.with_for_update() if lock else row)
    if found is None:
        raise StaffUnknown
    return found


async def add_staff(session: AsyncSession, brand_id: int, email: str, role: Role, hashed: str) -> Staff | None:
    """Give a brand a member; None where the e-mail signs in already, for this brand or another."""
    new = insert(Staff).values(brand_id=brand_id, email=email.lower(), role=role, password_hash=hashed)
    return await session.scalar(new.on_conflict_do_nothing(index_elements=["email"]).returning(Staff))


async def put_staff(
    session: AsyncSession, member: Member, email: str, role: Role, new: Secret
) -> tuple[Staff, str | None]:
    """Make somebody a member, or change his role and, where the caller chose one, his password. A disabled member may
    come back. Whatever changed ends his sessions. Returns the member and a drawn password that is to be shown.

    Raises:
        EmailTaken: the e-mail belongs to another brand's member. LastOwner: nobody would own the brand.
    """
    await _one_at_a_time(session, member)
    added = await add_staff(session, member.brand_id, email, role, new.hashed)
    if added is not None:
        audit.note(session, member, "staff.added", id=added.id, role=role)
        return added, new.drawn
    try:
        found = await staff(session, member, email, lock=True)
    except StaffUnknown as error:
        raise EmailTaken from error
    return found, await _change(session, member, found, role, new)


async def _change(session: AsyncSession, member: Member, found: Staff, role: Role, new: Secret) -> str | None:
    back = found.disabled_at is not None
    if found.role == role and not back and new.drawn:
        return None
    await _keep_an_owner(session, found, role)
    found.role = role
    found.disabled_at = None
    if back or not new.drawn:
        found.password_hash = new.hashed
    await session.flush()
    await sessions.end(session, found.id, but=member.session_id)
    audit.note(session, member, "staff.changed", id=found.id, role=role)
    return new.drawn if back else None


async def disable(session: AsyncSession, member: Member, email: str) -> None:
    """Let somebody go: his sessions end, what he did keeps his number. Again is harmless.

    Raises:
        StaffUnknown: nobody has this e-mail. LastOwner: nobody would own the brand.
    """
    await _one_at_a_time(session, member)
    found = await staff(session, member, email, lock=True)
    if found.disabled_at is not None:
        return
    await _keep_an_owner(session, found, None)
    found.disabled_at = func.now()
    await sessions.end(session, found.id)
    audit.note(session, member, "staff.disabled", id=found.id)


async def _one_at_a_time(session: AsyncSession, member: Member) -> None:
    """One change of staff at a time: two owners cannot remove each other."""
    await session.get_one(Brand, member.brand_id, with_for_update={"key_share": True})


async def _keep_an_owner(session: AsyncSession, found: Staff, role: Role | None) -> None:
    if found.role != "owner" or role == "owner" or found.disabled_at is not None:
        return
    others = select(func.count()).where(
        Staff.brand_id == found.brand_id, Staff.role == "owner", Staff.disabled_at.is_(None), Staff.id != found.id
    )
    if not await session.scalar(others):
        raise LastOwner
