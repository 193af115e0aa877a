"""Recovery of an account on a new device, by recovery code or passkey. The owner can undo it until its hold ends.

Signing in by passkey on a known device of the account is not a recovery.

Failures have a wait, by network, that grows with each one. A right code is accepted at any time: it has 100 bits, which
cannot be guessed, and failures of others on purpose do not lock the owner out.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import CompoundSelect, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events, rate_limits
from backend.core.db.database import Database
from backend.core.http.errors import TooManyRequests, Unauthenticated
from backend.core.security import tokens
from backend.core.settings import Settings
from backend.identity.accounts import holds, passkeys, secrets, service
from backend.identity.accounts.authentication import BEARER_PREFIX, Agent
from backend.identity.accounts.models import Account, Device, Passkey
from backend.identity.accounts.schemas import SessionIn, SessionOut


class RecoveryUnknown(Unauthenticated):
    """The recovery code or passkey is not valid. Check each symbol of the code, or try your passkey again."""

    code = "recovery_unknown"


async def create_session(db: Database, settings: Settings, now: datetime, network: str, data: SessionIn) -> SessionOut:
    """Sign in on a new device: spending is held for a day, then the other devices end. On a known device, by passkey,
    there is no hold and no other device ends.

    Raises:
        RecoveryUnknown: the recovery code or passkey is not valid, whatever the reason. TooManyRequests: the same, from
            a network with too many failures; the error has the wait.
    """
    proof = await _verify_proof(db, settings, data)
    async with db.begin() as session:
        account = await _find_account(session, proof)
        if account is not None:
            device = await _find_known_device(session, settings, account, proof, data.device_token, now)
            if device is not None:
                return await _renew_device(session, settings, account, device, data.device_name, now)
            return await _recover_account(session, settings, account, now, data.device_name)
    most = settings.numbers.at("signins_failed_per_hour_per_address", now.date())
    wait = await rate_limits.count_failure(db, f"recovery:{network}", limit=most)
    if wait:
        raise TooManyRequests(retry_after=wait)
    raise RecoveryUnknown


async def _verify_proof(db: Database, settings: Settings, data: SessionIn) -> bytes | int | None:
    """The digest of a recovery code, or the id of a passkey that has answered its challenge."""
    if data.passkey is not None:
        return await passkeys.verify_passkey(db, settings, data.passkey)
    return secrets.recovery_digest(data.recovery_code, settings.pepper)


async def _find_account(session: AsyncSession, proof: bytes | int | None) -> Account | None:
    """The account of a proof, with its row locked; the proof is read again under the lock."""
    if proof is None:
        return None
    if isinstance(proof, int):
        query = select(Passkey.account_id).where(Passkey.id == proof, Passkey.ended_at.is_(None))
        return await _lock_account(session, query)
    current = select(Account.id).where(Account.recovery_digest == proof)
    # The owner may have a new code that the phone has not confirmed yet.
    unconfirmed = select(Device.account_id).where(Device.new_recovery_digest == proof, Device.ended_at.is_(None))
    # One query, because the new phone's first request may move the code between two.
    account = await _lock_account(session, current.union(unconfirmed))
    if account is not None and account.recovery_digest != proof:
        await _confirm_code(session, account, proof)
    return account


async def _confirm_code(session: AsyncSession, account: Account, proof: bytes) -> None:
    """Replace the old code by a new one that was used, unless its device is in its hold: until then the old code must
    stay valid."""
    device = await session.scalar(select(Device).where(Device.new_recovery_digest == proof))
    if device is not None and (device.held_until is None or device.held_until <= datetime.now(UTC)):
        device.new_recovery_digest = None
        account.recovery_digest = proof


async def _lock_account(session: AsyncSession, query: Select[int] | CompoundSelect[int]) -> Account | None:
    """Lock the account whose id a query returns, if the query still returns it afterwards."""
    account_id = await session.scalar(query)
    if account_id is None:
        return None
    account = await session.get(Account, account_id, with_for_update=True)
    return account if await session.scalar(query) == account_id else None


async def _find_known_device(
    session: AsyncSession, settings: Settings, account: Account, proof: bytes | int | None, token: str, now: datetime
) -> Device | None:
    """The known device on which an old passkey signs in again: the account issued its token, and only the device itself
    has ended it. There is none for a passkey younger than the hold, and none during a hold."""
    if not isinstance(proof, int) or not tokens.is_token(token, BEARER_PREFIX):
        return None
    if account.spending_held_until is not None and account.spending_held_until > now:
        return None
    hours = settings.numbers.at("spending_hold_hours", now.date())
    passkey = await session.get_one(Passkey, proof)
    if passkey.created_at > now - timedelta(hours=hours):
        return None
    not_ended_by_others = or_(Device.ended_at.is_(None), Device.ended_by == Device.id)
    known = Device.account_id == account.id, Device.token_digest == tokens.digest(token), Device.replaced_at.is_(None)
    return await session.scalar(select(Device).where(*known, not_ended_by_others))


async def _renew_device(
    session: AsyncSession, settings: Settings, account: Account, device: Device, device_name: str, now: datetime
) -> SessionOut:
    """Sign in on a known device: a new token replaces its old one. Recovery code, PIN and other devices stay."""
    token, _ = service.add_device(session, settings, account, now, device_name or device.name)
    if device.ended_at is None:
        device.ended_at, device.ended_by = now, device.id
    events.record(session, "account.signed_in", account_id=account.id)
    return SessionOut(card_number=account.card_number or "", token=token)


async def _recover_account(
    session: AsyncSession, settings: Settings, account: Account, now: datetime, device_name: str
) -> SessionOut:
    """Create a device and a recovery code. Until the hold ends, the old code and the old devices can undo them. The PIN
    stays. A recovery during the hold of another ends that one."""
    until = now + timedelta(hours=settings.numbers.at("spending_hold_hours", now.date()))
    await holds.end_held_devices(session, account.id, now)
    await holds.replace_devices(session, account.id, now, until)
    token, device = service.add_device(session, settings, account, now, device_name)
    code = secrets.generate_recovery_code()
    device.new_recovery_digest = secrets.recovery_digest(code, settings.pepper)
    device.held_until = account.spending_held_until = until
    events.record(session, "account.recovered", account_id=account.id)
    return SessionOut(
        card_number=account.card_number or "",
        token=token,
        recovery_code=code,
        spending_held_until=account.spending_held_until,
    )


async def replace_recovery_code(session: AsyncSession, settings: Settings, agent: Agent) -> str:
    """Create a new recovery code, for example because others have seen the old one. The old one is valid until the
    calling device's next request, so that the code is not lost with a response.

    Raises:
        AccountHeld: a recovery has begun since.
    """
    account = await session.get_one(Account, agent.account_id, with_for_update=True)
    holds.check_hold(account.spending_held_until, datetime.now(UTC))
    device = await session.get_one(Device, agent.device_id)
    code = secrets.generate_recovery_code()
    device.new_recovery_digest = secrets.recovery_digest(code, settings.pepper)
    events.record(session, "account.recovery_code_replaced", account_id=agent.account_id)
    return code
