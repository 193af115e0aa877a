"""Sign-in of staff: with e-mail, password and, where there is one, a second factor; or with only a passkey.

Failures are counted by network, so that no other network can lock an owner out. Over all networks there is a soft limit
for each e-mail: beyond it, unknown devices need a second factor. A device is known by the token of an earlier session,
and has a counter of its own.
"""

import hashlib
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import text

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.http.errors import Forbidden, Unauthenticated
from backend.core.security import tokens
from backend.core.security.passwords import Passwords
from backend.core.settings import Settings
from backend.identity.brands import sessions
from backend.identity.brands.authentication import BEARER_PREFIX
from backend.identity.brands.schemas import StaffSessionIn, StaffSessionOut
from backend.identity.brands.second_factors import passkeys
from backend.identity.brands.second_factors import service as second_factors

FIND_MEMBER = text("""
    SELECT id, password_hash, password_expires_at, second_factor_at IS NOT NULL AS has_second_factor
    FROM staff WHERE email = :email AND disabled_at IS NULL
""")
FIND_DEVICE = text("""
    SELECT s.id FROM staff_sessions s JOIN staff m ON m.id = s.staff_id
    WHERE s.token_digest = :digest AND m.email = :email
""")


class SignInUnknown(Unauthenticated):
    """The e-mail or password is wrong. Check both and try again."""

    code = "sign_in_unknown"


class SecondFactorRequired(Unauthenticated):
    """Please add the code of your authenticator application, or sign in with a passkey or on a device that you have
    used before."""

    code = "second_factor_required"


class FirstPasswordExpired(Forbidden):
    """This first password has expired. Ask an owner of your brand for a new one."""

    code = "first_password_expired"


class MemberRow(NamedTuple):
    """The columns of `FIND_MEMBER`."""

    id: int
    password_hash: str
    password_expires_at: datetime | None
    has_second_factor: bool


class SignInAttempt(msgspec.Struct, frozen=True):
    """The counters of an attempt's failures with their limits, whether its device is known, and whether it needs a
    second factor."""

    windows: list[tuple[str, int]]
    is_known: bool
    is_guarded: bool


async def sign_in(
    db: Database, passwords: Passwords, settings: Settings, network: str, sent: StaffSessionIn, now: datetime
) -> StaffSessionOut:
    """Create a session. The response and its time are the same for an unknown e-mail, a wrong password and a disabled
    member; the hash is computed outside any transaction.

    Raises:
        SignInUnknown: the credentials are wrong. SecondFactorRequired: the password is right and the member has a
            second factor; or there were too many failures lately, whether the e-mail is known or not.
            SecondFactorInvalid: the password is right and the second factor is not. FirstPasswordExpired.
            TooManyRequests: too many failures. Busy: too many passwords are being checked.
    """
    if sent.passkey is not None:
        return await _sign_in_by_passkey(db, settings, network, sent, now)
    email = sent.email.strip().lower()
    attempt = await _check_counters(db, settings, network, email, sent.device_token, now)
    if attempt.is_guarded and not second_factors.has_second_factor(sent):
        raise SecondFactorRequired
    members = [MemberRow(*row) for row in await db.rows(FIND_MEMBER, email=email)]
    hashed = members[0].password_hash if members else None
    # A known device does not wait in the queue of unknown ones.
    queue = passwords.staff if attempt.is_known else passwords.strangers
    is_right = await queue.matches(hashed, sent.password)
    if is_right and await _has_second_factor(db, settings, members[0], sent, attempt, now):
        return await _start_session(db, settings, members[0], now)
    for key, limit in attempt.windows:
        await rate_limits.count_failure(db, key, limit=limit)
    raise SignInUnknown


async def _check_counters(
    db: Database, settings: Settings, network: str, email: str, device_token: str, now: datetime
) -> SignInAttempt:
    """Check the counters of an attempt. They hold no e-mail."""
    numbers, day = settings.numbers, now.date()
    name = hashlib.sha256(email.encode("utf-8", "replace")).hexdigest()[:32]
    limit = numbers.at("staff_signins_failed_per_hour", day)
    known = (
        await db.rows(FIND_DEVICE, digest=tokens.digest(device_token), email=email) if _is_token(device_token) else []
    )
    if known:
        windows = [(f"staff:device:{known[0].id}", limit)]
    else:
        network_limit = numbers.at("signins_failed_per_hour_per_address", day)
        windows = [(f"staff:{network}", network_limit), (f"staff:{network}:{name}", limit)]
    for key, window in windows:
        await rate_limits.check_limit(db, key, limit=window)
    everywhere = f"staff:member:{name}", numbers.at("staff_signins_failed_per_hour_over_networks", day)
    if known:
        return SignInAttempt(windows, is_known=True, is_guarded=False)
    is_full = bool(await db.rows(rate_limits.FIND_FULL_WINDOW, key=everywhere[0], most=everywhere[1]))
    return SignInAttempt([*windows, everywhere], is_known=False, is_guarded=is_full)


def _is_token(text: str) -> bool:
    return tokens.is_token(text, BEARER_PREFIX)


async def _has_second_factor(
    db: Database, settings: Settings, staff: MemberRow, sent: StaffSessionIn, attempt: SignInAttempt, now: datetime
) -> bool:
    """Whether the request has the second factor that it needs. Where a password alone is not enough, the response does
    not reveal that it was right."""
    if not staff.has_second_factor:
        return not attempt.is_guarded
    if not second_factors.has_second_factor(sent):
        raise SecondFactorRequired
    if await second_factors.verify_second_factor(db, settings, staff.id, sent, now):
        return True
    if attempt.is_guarded:
        return False
    raise second_factors.SecondFactorInvalid


async def _start_session(db: Database, settings: Settings, staff: MemberRow, now: datetime) -> StaffSessionOut:
    if staff.password_expires_at is not None and staff.password_expires_at <= now:
        raise FirstPasswordExpired
    async with db.begin() as session:
        started = await sessions.start_session(session, settings, staff.id, staff.password_hash, now)
    if started is None:
        raise SignInUnknown
    return started


async def _sign_in_by_passkey(
    db: Database, settings: Settings, network: str, sent: StaffSessionIn, now: datetime
) -> StaffSessionOut:
    """A passkey verifies its user, so it is two factors; a right one signs in whatever the counters."""
    staff_id = await passkeys.verify_passkey(db, settings, sent.passkey, None) if sent.passkey else None
    if staff_id is not None:
        async with db.begin() as session:
            started = await sessions.start_session(session, settings, staff_id, None, now)
        if started is not None:
            return started
    await rate_limits.count_failure(
        db, f"staff:{network}", limit=settings.numbers.at("signins_failed_per_hour_per_address", now.date())
    )
    raise SignInUnknown
