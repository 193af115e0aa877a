"""Sessions of staff: how they begin and end, and the password behind them."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events, rate_limits
from backend.core.db.database import Database
from backend.core.http.errors import Forbidden
from backend.core.security import tokens
from backend.core.security.passwords import Passwords, unseal_hash
from backend.core.settings import Settings
from backend.identity.brands import audit_log, password_policy
from backend.identity.brands.authentication import BEARER_PREFIX, Member, brand_transaction
from backend.identity.brands.models import Staff, StaffSession
from backend.identity.brands.schemas import StaffSessionOut

HASH = text("SELECT password_hash FROM staff WHERE id = :id")

ABOUT = text("SELECT m.email, b.name FROM staff m JOIN brands b ON b.id = m.brand_id WHERE m.id = :id")


class PasswordWrong(Forbidden):
    """This is not your password."""

    code = "password_wrong"


async def start_session(
    session: AsyncSession, settings: Settings, staff_id: int, hashed: str | None, now: datetime
) -> StaffSessionOut | None:
    """Create a session. Returns None where, since the password was checked, the member was disabled or got a password
    other than `hashed`. The same hash may have been sealed under a newer pepper since."""
    member = select(Staff).where(Staff.id == staff_id, Staff.disabled_at.is_(None))
    staff = await session.scalar(member.with_for_update(read=True))
    if staff is None:
        return None
    peppers = settings.peppers
    if hashed is not None and unseal_hash(peppers, staff.password_hash) != unseal_hash(peppers, hashed):
        return None
    token, numbers = tokens.token(BEARER_PREFIX), settings.numbers
    expires_at = now + timedelta(hours=numbers.at("staff_session_hours", now.date()))
    # Sessions of the last weeks identify known devices.
    old = now - timedelta(days=numbers.at("staff_known_device_days", now.date()))
    await session.execute(delete(StaffSession).where(StaffSession.staff_id == staff.id, StaffSession.expires_at < old))
    session.add(StaffSession(staff_id=staff.id, token_digest=tokens.digest(token), expires_at=expires_at))
    events.record(session, "staff.signed_in", brand_id=staff.brand_id, staff_id=staff.id)
    return StaffSessionOut(token, expires_at, staff.role, staff.brand_id, staff.password_expires_at)


async def sign_out(session: AsyncSession, member: Member) -> None:
    """End the caller's own session."""
    await session.execute(update(StaffSession).where(StaffSession.id == member.session_id).values(ended_at=func.now()))


async def end_sessions(session: AsyncSession, staff_id: int, *, but: int = 0) -> None:
    """End the sessions of a member, except `but`."""
    alive = StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None), StaffSession.id != but
    await session.execute(update(StaffSession).where(*alive).values(ended_at=func.now()))


async def change_password(
    db: Database, passwords: Passwords, settings: Settings, member: Member, old: str, new: str, now: datetime
) -> None:
    """Change the member's own password; all other sessions of the member end.

    Raises:
        PasswordWrong: the old one is wrong. PasswordInvalid: the new one is easy to guess, or is the old one.
        TooManyRequests: too many failures. Busy: too many passwords are being checked.
    """
    await check_password(db, passwords, settings, member, old, now)
    about = await db.call(ABOUT, id=member.staff_id)
    if new == old:
        raise password_policy.PasswordInvalid
    await password_policy.check_strength(new, about.email, about.name)
    hashed = await passwords.staff.hash(new)
    async with brand_transaction(db, member) as session:
        staff = await session.get_one(Staff, member.staff_id, with_for_update=True)
        staff.password_hash, staff.password_expires_at = hashed, None
        await end_sessions(session, staff.id, but=member.session_id)
        audit_log.record(session, member, "staff.password_changed")


async def check_password(
    db: Database, passwords: Passwords, settings: Settings, member: Member, password: str, now: datetime
) -> None:
    """Check the member's own password.

    Raises:
        PasswordWrong: it is wrong. TooManyRequests: too many failures. Busy: too many passwords are being checked.
    """
    key, limit = f"password:{member.staff_id}", settings.numbers.at("staff_signins_failed_per_hour", now.date())
    await rate_limits.check_limit(db, key, limit=limit)
    row = await db.call(HASH, id=member.staff_id)
    if not await passwords.staff.matches(row.password_hash, password):
        await rate_limits.count_failure(db, key, limit=limit)
        raise PasswordWrong
