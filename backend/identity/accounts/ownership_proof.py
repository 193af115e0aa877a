"""Proof of ownership for changes of an account's credentials: the PIN or the recovery code beside the token."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter
from sqlalchemy import text

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.http.errors import Forbidden
from backend.core.security.passwords import Passwords
from backend.core.settings import Settings
from backend.identity.accounts import holds, pins, secrets
from backend.identity.accounts.authentication import Agent
from backend.identity.accounts.schemas import PIN

PinHeader = Annotated[
    str | None, HeaderParameter(name="Scanback-Pin", pattern=PIN, description="Where the account has one.")
]
RecoveryCodeHeader = Annotated[
    str | None,
    HeaderParameter(
        name="Scanback-Recovery-Code",
        max_length=64,
        examples=[Example(value="7KQ2M-9XJ4T-0C8WN-P3RVEA")],
        description="Where the account has no PIN, or one that was set without the recovery code.",
    ),
]
PIN_STATE = text("SELECT pin_hash IS NOT NULL AS has_pin, pin_is_confirmed FROM accounts WHERE id = :account")
IS_RECOVERY_CODE = text("""
    SELECT EXISTS (SELECT FROM accounts WHERE id = :account AND recovery_digest = :digest) OR EXISTS (
        SELECT FROM devices WHERE account_id = :account AND new_recovery_digest = :digest AND ended_at IS NULL
            AND (held_until IS NULL OR held_until <= now())) AS is_right
""")
CONFIRM_PIN = text("UPDATE accounts SET pin_is_confirmed = true WHERE id = :account AND pin_hash IS NOT NULL")


class RecoveryCodeNeeded(Forbidden):
    """Please enter your recovery code. Without a PIN, or with one that was set without the code, this needs it."""

    code = "recovery_code_needed"


class RecoveryCodeWrong(Forbidden):
    """This is not your recovery code. Check each symbol."""

    code = "recovery_code_wrong"


class OwnerProof(msgspec.Struct, frozen=True):
    """The PIN and the recovery code of a request."""

    pin: str | None = None
    recovery_code: str | None = None


async def require_proof(
    db: Database, passwords: Passwords, settings: Settings, agent: Agent, proof: OwnerProof, now: datetime
) -> None:
    """Check that the owner changes the account's credentials: a token alone may be stolen.

    Raises:
        AccountHeld: a recovery's hold blocks changes of credentials. What `check_proof` raises.
    """
    await holds.check_account_hold(db, agent.account_id, now)
    await check_proof(db, passwords, settings, agent, proof, now)


async def check_proof(
    db: Database, passwords: Passwords, settings: Settings, agent: Agent, proof: OwnerProof, now: datetime
) -> None:
    """Check the PIN where the account has one. The recovery code is required without a PIN, and where the
    PIN was set without it: a stolen token can set a first PIN, which must not be a proof afterwards.

    Raises:
        RecoveryCodeNeeded, RecoveryCodeWrong, PinNeeded, PinWrong, PinBlocked. TooManyRequests: too many
            were wrong. Busy: the queue is full; no attempt was counted.
    """
    state = await db.call(PIN_STATE, account=agent.account_id)
    if state.has_pin:
        await pins.check_pin(db, passwords, settings, agent, proof.pin, now)
        if state.pin_is_confirmed:
            return
    await check_recovery_code(db, settings, agent, proof.recovery_code, now)
    await db.rows(CONFIRM_PIN, account=agent.account_id)


async def check_recovery_code(db: Database, settings: Settings, agent: Agent, code: str | None, now: datetime) -> None:
    """Check the account's recovery code. The code of a device during its hold is not valid yet.

    Raises:
        RecoveryCodeNeeded, RecoveryCodeWrong. TooManyRequests: this network has sent too many wrong codes.
    """
    if code is None:
        raise RecoveryCodeNeeded
    digest = secrets.recovery_digest(code, settings.pepper)
    if digest is not None and (await db.call(IS_RECOVERY_CODE, account=agent.account_id, digest=digest)).is_right:
        return
    most = settings.numbers.at("signins_failed_per_hour_per_address", now.date())
    await rate_limits.count_failure(db, f"recovery:{agent.network}", limit=most)
    raise RecoveryCodeWrong
