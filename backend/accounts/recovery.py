"""Coming back on a new device, by recovery code or passkey.

Whoever guesses waits longer with each failure, by network. A right code opens at any time: it has 100 bits, so
nobody finds it by guessing, and a stranger who fails on purpose keeps no owner out.
"""

from datetime import datetime, timedelta

from sqlalchemy import CompoundSelect, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events, limits
from backend.accounts import passkeys, secrets, service
from backend.accounts.models import Account, Device, Passkey
from backend.accounts.schemas import SessionIn, SessionOut
from backend.database import Database
from backend.errors import TooManyRequests, Unauthenticated
from backend.settings import Settings


class RecoveryUnknown(Unauthenticated):
    """This opens nothing. Check each symbol of the recovery code, or try your passkey again."""


async def come_back(db: Database, settings: Settings, now: datetime, network: str, data: SessionIn) -> SessionOut:
    """Let an owner in on a new device: all other devices are ended, spending is held for a day.

    Raises:
        RecoveryUnknown: what was shown opens nothing; one answer for every reason. TooManyRequests: the same, from
            a network that has failed too often; it says how long each further failure makes it wait.
    """
    proof = await _proof(db, settings, data)
    async with db.begin() as session:
        account = await _owner(session, proof)
        if account is not None:
            return await _readmit(session, settings, account, now, data.device_name)
    most = settings.numbers.at("signins_failed_per_hour_per_address", now.date())
    wait = await limits.fail(db, f"recovery:{network}", most=most)
    if wait:
        raise TooManyRequests(retry_after=wait)
    raise RecoveryUnknown


async def _proof(db: Database, settings: Settings, data: SessionIn) -> bytes | int | None:
    """The digest of a recovery code, or the number of a passkey that has answered its challenge."""
    if data.passkey is not None:
        return await passkeys.prove(db, settings, data.passkey)
    return secrets.recovery_digest(data.recovery_code, settings.pepper)


async def _owner(session: AsyncSession, proof: bytes | int | None) -> Account | None:
    """Whose proof it is, the account's row locked; what was proven is asked again under the lock."""
    if proof is None:
        return None
    if isinstance(proof, int):
        return await _locked(session, select(Passkey.account_id).where(Passkey.id == proof, Passkey.ended_at.is_(None)))
    current = select(Account.id).where(Account.recovery_digest == proof)
    # A new code that its phone has not confirmed yet has reached its owner all the same.
    fresh = select(Device.account_id).where(Device.new_recovery_digest == proof, Device.ended_at.is_(None))
    # Asked as one, because the new phone's first call may move the code from there to here between two questions.
    account = await _locked(session, current.union(fresh))
    if account is not None:
        account.recovery_digest = proof
    return account


async def _locked(session: AsyncSession, number: Select[int] | CompoundSelect[int]) -> Account | None:
    """The account of a query, its row locked, if the query still finds it then."""
    found = await session.scalar(number)
    if found is None:
        return None
    account = await session.get(Account, found, with_for_update=True)
    return account if await session.scalar(number) == found else None


async def _readmit(
    session: AsyncSession, settings: Settings, account: Account, now: datetime, device_name: str
) -> SessionOut:
    """A new device and recovery code; the old code stands until the new token is first used. The PIN is gone: who has
    forgotten it comes back this way."""
    await service.end_devices(session, account.id)
    token, device = service.add_device(session, settings, account, now, device_name)
    code = secrets.recovery_code()
    device.new_recovery_digest = secrets.recovery_digest(code, settings.pepper)
    hours = settings.numbers.at("spending_hold_hours", now.date())
    account.spending_held_until = now + timedelta(hours=hours)
    account.pin_hash, account.pin_failures, account.pin_wait_until = None, 0, None
    events.record(session, "account.recovered", account_id=account.id)
    return SessionOut(
        card_number=account.card_number or "",
        token=token,
        recovery_code=code,
        spending_held_until=account.spending_held_until,
    )
