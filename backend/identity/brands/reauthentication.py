"""Reauthentication of a signed-in member, for operations that move money or grant rights."""

from datetime import datetime, timedelta

from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.security.passwords import Passwords
from backend.core.settings import Settings
from backend.identity.brands import sessions
from backend.identity.brands.authentication import Member
from backend.identity.brands.schemas import AuthenticationIn, AuthenticationOut
from backend.identity.brands.second_factors import passkeys
from backend.identity.brands.second_factors import service as second_factors

AUTHENTICATED = text("UPDATE staff_sessions SET authenticated_at = :now WHERE id = :session")


async def reauthenticate(
    db: Database, passwords: Passwords, settings: Settings, member: Member, sent: AuthenticationIn, now: datetime
) -> AuthenticationOut:
    """Authenticate the caller again: by the second factor where there is one, else by the password.

    Raises:
        SecondFactorInvalid, PasswordWrong. TooManyRequests: too many were wrong. Busy: too many passwords
            are being checked.
    """
    if not member.has_second_factor:
        await sessions.check_password(db, passwords, settings, member, sent.password or "", now)
    elif sent.passkey is not None:
        if await passkeys.verify_passkey(db, settings, sent.passkey, member.staff_id) != member.staff_id:
            raise second_factors.SecondFactorInvalid
    elif not await second_factors.verify_second_factor(db, settings, member.staff_id, sent, now):
        raise second_factors.SecondFactorInvalid
    await db.rows(AUTHENTICATED, session=member.session_id, now=now)
    return AuthenticationOut(now + timedelta(minutes=settings.numbers.at("reauthentication_minutes", now.date())))
