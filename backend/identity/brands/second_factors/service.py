"""Second factors of staff: codes of an authenticator application (TOTP, RFC 6238), and recovery codes for its loss.

Passkeys are in `passkeys.py`. The first factor of a member comes with recovery codes. An owner of the brand resets the
factors of a member who has lost all; for the last owner, the operator of the installation does.
"""

import hmac
import secrets
from datetime import datetime
from typing import Protocol

import pyotp
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.http.errors import Conflict, Forbidden
from backend.core.security import digests, encryption
from backend.core.settings import Settings
from backend.identity.brands import audit_log, sessions
from backend.identity.brands.authentication import Member
from backend.identity.brands.models import Staff, StaffPasskey, StaffRecoveryCode
from scanning.codes import symbols

HOUR = 3600  # seconds
PURPOSE = b"staff totp"
STEP_SECONDS, STEPS_BESIDE = 30, 1  # clocks of phones differ by seconds
RECOVERY_CODES, RECOVERY_SYMBOLS = 10, 13  # 65 bits each

TOTP = text("SELECT totp_secret FROM staff WHERE id = :staff AND totp_confirmed_at IS NOT NULL")
# A code is valid once: of two concurrent requests with the same code, one succeeds.
USE_STEP = text("""
    UPDATE staff SET totp_step = :step WHERE id = :staff AND (totp_step IS NULL OR totp_step < :step) RETURNING id
""")
RESET_ATTEMPTS = text("DELETE FROM counters WHERE key = :key")
USE_CODE = text("DELETE FROM staff_recovery_codes WHERE staff_id = :staff AND digest = ANY(:digests) RETURNING id")


class SecondFactorInvalid(Forbidden):
    """This second factor is not right, or was used already. Wait for the next code and try again."""

    code = "second_factor_invalid"


class CodeInvalid(Conflict):
    """This is not the code that the application shows now. Check the telephone's clock."""

    code = "code_invalid"


class TotpNotFound(Conflict):
    """Ask for a secret first."""

    code = "totp_not_found"


class SecondFactorNotFound(Conflict):
    """You have no second factor yet. Set one up first."""

    code = "second_factor_not_found"


class TotpConflict(Conflict):
    """You have an authenticator application already. Remove it first."""

    code = "totp_conflict"


async def create_totp(session: AsyncSession, settings: Settings, member: Member) -> tuple[str, str]:
    """A secret for an authenticator application, and its address for a QR code. It is required once it is confirmed.

    Raises:
        TotpConflict: there is a confirmed one.
    """
    staff = await session.get_one(Staff, member.staff_id, with_for_update=True)
    if staff.totp_confirmed_at is not None:
        raise TotpConflict
    secret = pyotp.random_base32()
    staff.totp_secret = _encrypt_secret(settings, staff.id, secret)
    return secret, pyotp.TOTP(secret).provisioning_uri(name=staff.email, issuer_name="Scanback")


async def confirm_totp(
    session: AsyncSession, settings: Settings, member: Member, code: str, now: datetime
) -> list[str]:
    """Require codes of the new secret from now on; returns recovery codes where this is the first factor.

    Raises:
        TotpNotFound: no secret was asked for. CodeInvalid: this is not its code. TotpConflict: it is confirmed already.
    """
    staff = await session.get_one(Staff, member.staff_id, with_for_update=True)
    if staff.totp_secret is None:
        raise TotpNotFound
    if staff.totp_confirmed_at is not None:
        raise TotpConflict
    step = _matching_step(_decrypt_secret(settings, staff.id, staff.totp_secret), code, now)
    if step is None:
        raise CodeInvalid
    staff.totp_confirmed_at, staff.totp_step = now, step
    return await record_new_factor(session, settings, member, staff, now)


async def remove_totp(session: AsyncSession, member: Member) -> None:
    """Remove the authenticator application. Idempotent."""
    staff = await session.get_one(Staff, member.staff_id, with_for_update=True)
    staff.totp_secret = staff.totp_confirmed_at = staff.totp_step = None
    await record_removed_factor(session, member, staff)


async def record_new_factor(
    session: AsyncSession, settings: Settings, member: Member, staff: Staff, now: datetime
) -> list[str]:
    """Record a new factor: other sessions end, and the first factor comes with recovery codes."""
    await sessions.end_sessions(session, staff.id, but=member.session_id)
    audit_log.record(session, member, "staff.second_factor_added")
    if staff.second_factor_at is not None:
        return []
    staff.second_factor_at = now
    return await create_recovery_codes(session, settings, staff.id)


async def record_removed_factor(session: AsyncSession, member: Member, staff: Staff) -> None:
    """Record a removed factor; the recovery codes are deleted with the last one."""
    await session.flush()
    passkeys = await session.scalar(select(func.count()).where(StaffPasskey.staff_id == staff.id))
    if not passkeys and staff.totp_confirmed_at is None:
        await _clear_factors(session, staff)
    audit_log.record(session, member, "staff.second_factor_removed", id=staff.id)


async def reset_second_factors(session: AsyncSession, staff: Staff) -> None:
    """Remove all second factors of a member who has lost them; the member's sessions end."""
    await session.execute(delete(StaffPasskey).where(StaffPasskey.staff_id == staff.id))
    staff.totp_secret = staff.totp_confirmed_at = staff.totp_step = None
    await _clear_factors(session, staff)
    await sessions.end_sessions(session, staff.id)


async def _clear_factors(session: AsyncSession, staff: Staff) -> None:
    staff.second_factor_at = None
    await session.execute(delete(StaffRecoveryCode).where(StaffRecoveryCode.staff_id == staff.id))


async def create_recovery_codes(session: AsyncSession, settings: Settings, staff_id: int) -> list[str]:
    """Create ten codes in place of the earlier ones."""
    await session.execute(delete(StaffRecoveryCode).where(StaffRecoveryCode.staff_id == staff_id))
    number: int = (await session.execute(digests.HOLD, {"name": digests.STAFF_RECOVERY.name})).scalar_one()
    codes = ["".join(secrets.choice(symbols.ALPHABET) for _ in range(RECOVERY_SYMBOLS)) for _ in range(RECOVERY_CODES)]
    session.add_all(
        StaffRecoveryCode(
            staff_id=staff_id,
            digest=digests.of(settings.peppers, digests.STAFF_RECOVERY, _hashed_text(staff_id, code), number),
        )
        for code in codes
    )
    return ["-".join((code[:5], code[5:10], code[10:])) for code in codes]


async def replace_recovery_codes(session: AsyncSession, settings: Settings, member: Member) -> list[str]:
    """Create ten codes in place of the earlier ones, for a member with a second factor.

    Raises:
        SecondFactorNotFound: the member has none.
    """
    staff = await session.get_one(Staff, member.staff_id, with_for_update=True)
    if staff.second_factor_at is None:
        raise SecondFactorNotFound
    return await create_recovery_codes(session, settings, staff.id)


async def count_recovery_codes(session: AsyncSession, staff_id: int) -> int:
    """The number of recovery codes that a member has left."""
    return await session.scalar(select(func.count()).where(StaffRecoveryCode.staff_id == staff_id)) or 0


class SecondFactorRequest(Protocol):
    """The second factors that a request may have."""

    @property
    def code(self) -> str | None: ...
    @property
    def recovery_code(self) -> str | None: ...


def has_second_factor(sent: SecondFactorRequest) -> bool:
    """Whether a request has a second factor."""
    return sent.code is not None or sent.recovery_code is not None


async def verify_second_factor(
    db: Database, settings: Settings, staff_id: int, sent: SecondFactorRequest, now: datetime
) -> bool:
    """Whether a request has the member's second factor. An attempt is counted before it is checked, so that parallel
    guesses gain nothing; a right one resets the counter.

    Raises:
        TooManyRequests: too many attempts in this hour.
    """
    key = f"staff:code:{staff_id}"
    await rate_limits.count_request(
        db, key, seconds=HOUR, limit=settings.numbers.at("staff_code_tries_per_hour", now.date())
    )
    is_right = (sent.code is not None and await use_totp(db, settings, staff_id, sent.code, now)) or (
        sent.recovery_code is not None and await use_recovery_code(db, settings, staff_id, sent.recovery_code)
    )
    if is_right:
        await db.rows(RESET_ATTEMPTS, key=key)
    return is_right


async def use_totp(db: Database, settings: Settings, staff_id: int, code: str, now: datetime) -> bool:
    """Whether a code is the member's current one; it is consumed."""
    rows = await db.rows(TOTP, staff=staff_id)
    if not rows:
        return False
    step = _matching_step(_decrypt_secret(settings, staff_id, bytes(rows[0].totp_secret)), code, now)
    return step is not None and bool(await db.rows(USE_STEP, staff=staff_id, step=step))


async def use_recovery_code(db: Database, settings: Settings, staff_id: int, code: str) -> bool:
    """Whether a recovery code is the member's; it is consumed."""
    candidates = digests.chain(settings.peppers, digests.STAFF_RECOVERY, _hashed_text(staff_id, symbols.fold(code)))
    return bool(await db.rows(USE_CODE, staff=staff_id, digests=candidates))


def _matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is, among those around now."""
    totp, current = pyotp.TOTP(secret, interval=STEP_SECONDS), int(now.timestamp()) // STEP_SECONDS
    around = range(current - STEPS_BESIDE, current + STEPS_BESIDE + 1)
    matching = [step for step in around if hmac.compare_digest(totp.generate_otp(step), code)]
    return matching[-1] if matching else None


def _hashed_text(staff_id: int, code: str) -> bytes:
    return b"%d:" % staff_id + code.encode("utf-8", "replace")


def _encrypt_secret(settings: Settings, staff_id: int, secret: str) -> bytes:
    return encryption.encrypt(settings.master_keys, PURPOSE, b"%d" % staff_id, secret.encode())


def _decrypt_secret(settings: Settings, staff_id: int, sealed: bytes) -> str:
    return encryption.decrypt(settings.master_keys, PURPOSE, b"%d" % staff_id, sealed).decode()
