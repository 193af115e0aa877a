"""The hold after a recovery: what it blocks, and how the owner undoes a recovery by a thief."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import case, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events
from backend.core.db.database import Database
from backend.core.http.errors import Forbidden, NotFound
from backend.core.settings import Settings
from backend.identity.accounts.authentication import Agent
from backend.identity.accounts.models import Account, Device

HELD_UNTIL = text("SELECT spending_held_until FROM accounts WHERE id = :account")

CALLER_HELD_UNTIL = text("SELECT held_until FROM devices WHERE id = :device")


class AccountHeld(Forbidden):
    """This account was recovered a short time ago. Until the wait is over, sign-in methods cannot be changed and codes
    bought before are not shown. If it was not you, undo the recovery from a device that was signed in before."""

    code = "account_held"


class RecoveryNotFound(NotFound):
    """There is no recovery of this account that can be undone."""

    code = "recovery_not_found"


class RecoveryHold(msgspec.Struct, frozen=True):
    """A recovery during its hold: the recovered device, and until when the owner can undo it."""

    device: Device
    until: datetime


def check_hold(held_until: datetime | None, now: datetime) -> None:
    """Check that a hold has ended.

    Raises:
        AccountHeld: it has not; the error has the seconds that are left.
    """
    if held_until is not None and held_until > now:
        raise AccountHeld(retry_after=int((held_until - now).total_seconds()) + 1)


async def check_account_hold(db: Database, account_id: int, now: datetime) -> None:
    """Check that an account is not in a hold.

    Raises:
        AccountHeld: see `check_hold`.
    """
    check_hold((await db.call(HELD_UNTIL, account=account_id)).spending_held_until, now)


async def check_device_hold(db: Database, agent: Agent, now: datetime) -> None:
    """Check that the calling device is not in its own hold.

    Raises:
        AccountHeld: the device was signed in by the recovery.
    """
    check_hold((await db.call(CALLER_HELD_UNTIL, device=agent.device_id)).held_until, now)


async def current_recovery(session: AsyncSession, account_id: int, now: datetime) -> RecoveryHold:
    """The recovery that the owner can still undo.

    Raises:
        RecoveryNotFound: there is none.
    """
    held_devices = select(Device).where(
        Device.account_id == account_id, Device.ended_at.is_(None), Device.held_until > now
    )
    device = await session.scalar(held_devices.order_by(Device.id.desc()).limit(1))
    if device is None or device.held_until is None:
        raise RecoveryNotFound
    return RecoveryHold(device, device.held_until)


async def end_held_devices(session: AsyncSession, account_id: int, now: datetime) -> int:
    """End the devices that are in the hold of a recovery, and their new recovery codes. The caller holds the lock of
    the account's row. Returns the number of devices."""
    held = Device.account_id == account_id, Device.ended_at.is_(None), Device.held_until > now
    ended = update(Device).where(*held).values(ended_at=func.now(), new_recovery_digest=None).returning(Device.id)
    return len((await session.scalars(ended)).all())


async def replace_devices(session: AsyncSession, account_id: int, now: datetime, until: datetime) -> None:
    """Let earlier devices end with the hold, unless the owner undoes the recovery from one of them."""
    alive = Device.account_id == account_id, Device.ended_at.is_(None), Device.expires_at > now
    # A device that an earlier recovery replaces can undo this one for as long as its hold lasts.
    end = case((Device.replaced_at.is_(None), func.least(Device.expires_at, until)), else_=until)
    await session.execute(update(Device).where(*alive).values(replaced_at=until, expires_at=end))


async def undo_recovery(session: AsyncSession, settings: Settings, agent: Agent) -> None:
    """Undo the current recovery: its device ends, the old devices and recovery code stay, spending is allowed.
    Idempotent, and harmless without a recovery."""
    account = await session.get_one(Account, agent.account_id, with_for_update=True)
    # The hold may have ended while the PIN was checked and this transaction waited for the lock. The new device may
    # then have replaced the old ones and their code, and a partial undo would lock everyone out.
    now: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    if not await end_held_devices(session, account.id, now):
        return
    account.spending_held_until = None
    life = timedelta(days=settings.numbers.at("token_days", now.date()))
    replaced = Device.account_id == account.id, Device.ended_at.is_(None), Device.replaced_at > now
    await session.execute(update(Device).where(*replaced).values(replaced_at=None, expires_at=now + life))
    events.record(session, "account.recovery_undone", account_id=account.id)
