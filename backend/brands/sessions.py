"""Staff signing in and out with e-mail and password."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events, limits, tokens
from backend.brands import audit
from backend.brands.door import PREFIX, Member, transaction
from backend.brands.models import Staff, StaffSession
from backend.brands.schemas import SignInOut
from backend.database import Database
from backend.errors import Forbidden, Unauthenticated
from backend.passwords import Passwords
from backend.settings import Settings

HASH = text("SELECT password_hash FROM staff WHERE id = :id")
FIND = text("SELECT id, password_hash FROM staff WHERE email = :email AND disabled_at IS NULL")


class SignInUnknown(Unauthenticated):
    """This e-mail and password do not go together. Check both and try again."""


class PasswordWrong(Forbidden):
    """This is not your password."""


async def sign_in(
    db: Database, passwords: Passwords, settings: Settings, network: str, email: str, password: str, now: datetime
) -> SignInOut:
    """Begin a session. The answer and its time are the same for an unknown e-mail, a wrong password and a disabled
    member. Failures are counted where they come from, so that nobody can lock an owner out from elsewhere; the hash
    is computed outside any transaction.

    Raises:
        SignInUnknown: the two do not go together. TooManyRequests: too many failures came from this network.
        Busy: too many passwords are being checked.
    """
    email = email.strip().lower()
    windows = _windows(settings, network, email, now)
    for key, most in windows:
        await limits.check(db, key, most=most)
    found = await db.rows(FIND, email=email)
    hashed = found[0].password_hash if found else None
    if await passwords.matches(hashed, password):
        async with db.begin() as session:
            return await _begin(session, settings, found[0].id, hashed, now)
    for key, most in windows:
        await limits.fail(db, key, most=most)
    raise SignInUnknown


def _windows(settings: Settings, network: str, email: str, now: datetime) -> list[tuple[str, int]]:
    """Where failures are counted: the network, and this e-mail from this network. No e-mail stands in the counters."""
    numbers, day = settings.numbers, now.date()
    name = hashlib.sha256(email.encode("utf-8", "replace")).hexdigest()[:32]
    return [
        (f"staff:{network}", numbers.at("signins_failed_per_hour_per_address", day)),
        (f"staff:{network}:{name}", numbers.at("staff_signins_failed_per_hour", day)),
    ]


async def _begin(
    session: AsyncSession, settings: Settings, staff_id: int, hashed: str | None, now: datetime
) -> SignInOut:
    """Write a session down, unless the member was disabled or got another password while we computed."""
    same = select(Staff).where(Staff.id == staff_id, Staff.password_hash == hashed, Staff.disabled_at.is_(None))
    staff = await session.scalar(same.with_for_update(read=True))
    if staff is None:
        raise SignInUnknown
    token = tokens.token(PREFIX)
    expires_at = now + timedelta(hours=settings.numbers.at("staff_session_hours", now.date()))
    await session.execute(
        delete(StaffSession).where(StaffSession.staff_id == staff.id, StaffSession.expires_at < func.now())
    )
    session.add(StaffSession(staff_id=staff.id, token_digest=tokens.digest(token), expires_at=expires_at))
    events.record(session, "staff.signed_in", brand_id=staff.brand_id, staff_id=staff.id)
    return SignInOut(token, expires_at, staff.role, staff.brand_id)


async def sign_out(session: AsyncSession, member: Member) -> None:
    """End the caller's own session."""
    await session.execute(update(StaffSession).where(StaffSession.id == member.session_id).values(ended_at=func.now()))


async def end(session: AsyncSession, staff_id: int, *, but: int = 0) -> None:
    """End the sessions of a member, but for one that goes on."""
    alive = StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None), StaffSession.id != but
    await session.execute(update(StaffSession).where(*alive).values(ended_at=func.now()))


async def change_password(
    db: Database, passwords: Passwords, settings: Settings, member: Member, old: str, new: str, now: datetime
) -> None:
    """Change one's own password; all other sessions of the member end.

    Raises:
        PasswordWrong: the old one is another. TooManyRequests: too many wrong ones. Busy: too many are being checked.
    """
    key, most = f"password:{member.staff_id}", settings.numbers.at("staff_signins_failed_per_hour", now.date())
    await limits.check(db, key, most=most)
    row = await db.call(HASH, id=member.staff_id)
    if not await passwords.matches(row.password_hash, old):
        await limits.fail(db, key, most=most)
        raise PasswordWrong
    hashed = await passwords.hash(new)
    async with transaction(db, member) as session:
        staff = await session.get_one(Staff, member.staff_id, with_for_update=True)
        staff.password_hash = hashed
        await end(session, staff.id, but=member.session_id)
        audit.note(session, member, "staff.password_changed")
