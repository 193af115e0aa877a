"""Brands and the members of their staff."""

import secrets
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.errors import Conflict, NotFound
from backend.core.security.passwords import Passwords
from backend.core.settings import Settings
from backend.identity.brands import audit_log, password_policy, sessions
from backend.identity.brands.authentication import Member, SecondFactorNeeded
from backend.identity.brands.models import Brand, Role, Staff
from backend.identity.brands.second_factors import service as second_factors


class BrandNameConflict(Conflict):
    """Another brand has this name."""

    code = "brand_name_taken"


class StaffUnknown(NotFound):
    """No member of your brand has this e-mail."""

    code = "staff_unknown"


class EmailConflict(Conflict):
    """This e-mail cannot be used here: it is in use already."""

    code = "email_taken"


class LastOwner(Conflict):
    """A brand must have an owner. Make another member an owner first."""

    code = "last_owner"


class NewPassword(msgspec.Struct, frozen=True):
    """A password's hash, and the password itself where it was generated."""

    hashed: str
    generated: str | None = None
    expires_at: datetime | None = None


def first_password_end(settings: Settings, now: datetime) -> datetime:
    """Until when a password set by another member can sign in."""
    return now + timedelta(days=settings.numbers.at("first_password_days", now.date()))


async def create_password(
    passwords: Passwords, given: str | None, *about: str, expires_at: datetime | None = None
) -> NewPassword:
    """Hash a password set for a member, or generate one. To be called outside any transaction. `about`: what is
    known of the member.

    Raises:
        PasswordInvalid: the chosen one is easy to guess. Busy: too many passwords are being hashed.
    """
    if given:
        await password_policy.check_strength(given, *about)
    generated = None if given else secrets.token_urlsafe(12)
    return NewPassword(await passwords.staff.hash(given or generated or ""), generated, expires_at)


async def create_brand(session: AsyncSession, name: str) -> Brand:
    """Create a brand.

    Raises:
        BrandNameConflict: another brand has this name.
    """
    brand = Brand(name=name.strip())
    session.add(brand)
    await _flush_name(session)
    return brand


async def get_brand(session: AsyncSession, member: Member, *, lock: bool = False) -> Brand:
    """The member's brand."""
    return await session.get_one(Brand, member.brand_id, with_for_update=lock)


async def rename_brand(session: AsyncSession, member: Member, brand: Brand, name: str) -> Brand:
    """Rename a brand.

    Raises:
        BrandNameConflict: another brand has this name.
    """
    if brand.name != name.strip():
        brand.name = name.strip()
        await _flush_name(session)
        audit_log.record(session, member, "brand.renamed")
    return brand


async def _flush_name(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise BrandNameConflict from error


async def list_members(session: AsyncSession, member: Member, after: int | None, most: int) -> list[Staff]:
    """At most `most` members of the brand with ids above `after`, in the order of joining."""
    rows = select(Staff).where(Staff.brand_id == member.brand_id, Staff.id > (after or 0))
    return list(await session.scalars(rows.order_by(Staff.id).limit(most)))


async def get_current_member(session: AsyncSession, member: Member) -> Staff:
    """The caller's own row."""
    return await session.get_one(Staff, member.staff_id)


async def get_member(session: AsyncSession, member: Member, email: str, *, lock: bool = False) -> Staff:
    """One member of the caller's brand.

    Raises:
        StaffUnknown: no member has this e-mail.
    """
    query = select(Staff).where(Staff.brand_id == member.brand_id, Staff.email == email.lower())
    staff = await session.scalar(query.with_for_update() if lock else query)
    if staff is None:
        raise StaffUnknown
    return staff


async def add_member(session: AsyncSession, brand_id: int, email: str, role: Role, new: NewPassword) -> Staff | None:
    """Create a member of a brand; None where the e-mail is in use, in this brand or another."""
    row = insert(Staff).values(
        brand_id=brand_id, email=email.lower(), role=role, password_hash=new.hashed, password_expires_at=new.expires_at
    )
    return await session.scalar(row.on_conflict_do_nothing(index_elements=["email"]).returning(Staff))


async def put_member(
    session: AsyncSession, member: Member, email: str, role: Role, new: NewPassword
) -> tuple[Staff, str | None]:
    """Create a member, or change a member's role and, where the caller chose one, the password. Enables a disabled
    member. Any change ends the member's sessions. Returns the member and a generated password to show.

    Raises:
        EmailConflict: the e-mail belongs to another brand's member. LastOwner: the brand would have no owner.
    """
    await _lock_staff(session, member)
    added = await add_member(session, member.brand_id, email, role, new)
    if added is not None:
        audit_log.record(session, member, "staff.added", id=added.id, role=role)
        return added, new.generated
    try:
        staff = await get_member(session, member, email, lock=True)
    except StaffUnknown as error:
        raise EmailConflict from error
    return staff, await _change_member(session, member, staff, role, new)


async def _change_member(
    session: AsyncSession, member: Member, staff: Staff, role: Role, new: NewPassword
) -> str | None:
    was_disabled = staff.disabled_at is not None
    if staff.role == role and not was_disabled and new.generated:
        return None
    await _check_last_owner(session, staff, role)
    staff.role = role
    staff.disabled_at = None
    if was_disabled or not new.generated:
        staff.password_hash = new.hashed
        # A password set by another member must be changed; an own one need not.
        staff.password_expires_at = None if staff.id == member.staff_id else new.expires_at
    await session.flush()
    await sessions.end_sessions(session, staff.id, but=member.session_id)
    audit_log.record(session, member, "staff.changed", id=staff.id, role=role)
    return new.generated if was_disabled else None


async def disable_member(session: AsyncSession, member: Member, email: str) -> None:
    """Disable a member: the sessions end, records of the member's operations stay. Idempotent.

    Raises:
        StaffUnknown: no member has this e-mail. LastOwner: the brand would have no owner.
    """
    await _lock_staff(session, member)
    staff = await get_member(session, member, email, lock=True)
    if staff.disabled_at is not None:
        return
    await _check_last_owner(session, staff, None)
    staff.disabled_at = func.now()
    await sessions.end_sessions(session, staff.id)
    audit_log.record(session, member, "staff.disabled", id=staff.id)


async def reset_second_factors(session: AsyncSession, member: Member, email: str) -> None:
    """Remove the second factors and recovery codes of a member who has lost them. Idempotent.

    Raises:
        StaffUnknown: no member has this e-mail.
    """
    staff = await get_member(session, member, email, lock=True)
    if staff.second_factor_at is None and staff.totp_secret is None:
        return
    await second_factors.reset_second_factors(session, staff)
    audit_log.record(session, member, "staff.second_factors_reset", id=staff.id)


async def require_second_factor(session: AsyncSession, member: Member, brand: Brand, *, needed: bool) -> None:
    """Set whether owners and managers must have a second factor.

    Raises:
        SecondFactorNeeded: the caller has none and would be locked out.
    """
    if needed == brand.needs_second_factor:
        return
    if needed and not member.has_second_factor:
        raise SecondFactorNeeded
    brand.needs_second_factor = needed
    audit_log.record(session, member, "brand.second_factor_needed", needed=needed)


async def _lock_staff(session: AsyncSession, member: Member) -> None:
    """Lock the brand for a change of its staff: two owners cannot remove each other at once."""
    await session.get_one(Brand, member.brand_id, with_for_update={"key_share": True})


async def _check_last_owner(session: AsyncSession, staff: Staff, role: Role | None) -> None:
    if staff.role != "owner" or role == "owner" or staff.disabled_at is not None:
        return
    other_owners = select(func.count()).where(
        Staff.brand_id == staff.brand_id, Staff.role == "owner", Staff.disabled_at.is_(None), Staff.id != staff.id
    )
    if not await session.scalar(other_owners):
        raise LastOwner
