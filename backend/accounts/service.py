"""Accounts without a person: making one, coming back to it, its devices, and closing it."""

from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events, tokens
from backend.accounts import secrets
from backend.accounts.door import PREFIX, Agent
from backend.accounts.models import Account, Device, Passkey
from backend.accounts.schemas import AccountNew, SessionOut
from backend.errors import NotFound, Unauthenticated
from backend.settings import Settings


class RecoveryUnknown(Unauthenticated):
    """This recovery code opens nothing. Check each symbol and try again."""


class DeviceUnknown(NotFound):
    """There is no such device among yours."""


async def create(session: AsyncSession, settings: Settings, now: datetime, device_name: str = "") -> AccountNew:
    """Make an account and its first device."""
    card, code = secrets.card_number(), secrets.recovery_code()
    account = Account(card_number=card, recovery_digest=secrets.recovery_digest(code, settings.pepper))
    session.add(account)
    await session.flush()
    token, _ = add_device(session, settings, account, now, device_name)
    events.record(session, "account.created", account_id=account.id)
    return AccountNew(card_number=card, token=token, recovery_code=code)


def add_device(
    session: AsyncSession, settings: Settings, account: Account, now: datetime, name: str
) -> tuple[str, Device]:
    """Give an account one device more; returns its token, which is kept nowhere."""
    token = tokens.token(PREFIX)
    days = settings.numbers.at("token_days", now.date())
    device = Device(
        account_id=account.id,
        token_digest=tokens.digest(token),
        name=name,
        expires_at=now + timedelta(days=days),
    )
    session.add(device)
    return token, device


async def recover(
    session: AsyncSession, settings: Settings, now: datetime, recovery_code: str, device_name: str
) -> SessionOut:
    """Come back with the recovery code: a new device and code, all other devices ended, spending held for a day.

    Raises:
        RecoveryUnknown: the code is not one of ours; one answer for every reason.
    """
    digest = secrets.recovery_digest(recovery_code, settings.pepper)
    account = await session.scalar(
        select(Account).where(Account.recovery_digest == digest).with_for_update()
        if digest
        else select(Account).where(Account.recovery_digest == b"")
    )
    if account is None:
        raise RecoveryUnknown
    return await readmit(session, settings, account, now, device_name)


async def readmit(
    session: AsyncSession, settings: Settings, account: Account, now: datetime, device_name: str
) -> SessionOut:
    """Let an owner in on a new device. The old recovery code stands until the new token is first used, so that an
    answer lost on the way locks nobody out."""
    await end_devices(session, account.id)
    token, device = add_device(session, settings, account, now, device_name)
    code = secrets.recovery_code()
    device.new_recovery_digest = secrets.recovery_digest(code, settings.pepper)
    hours = settings.numbers.at("spending_hold_hours", now.date())
    account.spending_held_until = now + timedelta(hours=hours)
    account.pin_failures = 0
    account.pin_wait_until = None
    events.record(session, "account.recovered", account_id=account.id)
    return SessionOut(
        card_number=account.card_number or "",
        token=token,
        recovery_code=code,
        spending_held_until=account.spending_held_until,
    )


async def end_devices(session: AsyncSession, account_id: int) -> None:
    """End every session of an account."""
    await session.execute(
        update(Device).where(Device.account_id == account_id, Device.ended_at.is_(None)).values(ended_at=func.now())
    )


async def devices(session: AsyncSession, agent: Agent) -> list[Device]:
    """The phones that are signed in, newest first."""
    alive = select(Device).where(
        Device.account_id == agent.account_id, Device.ended_at.is_(None), Device.expires_at > func.now()
    )
    return list(await session.scalars(alive.order_by(Device.id.desc()).limit(100)))


async def end_device(session: AsyncSession, agent: Agent, device_id: int) -> None:
    """End one phone's session, this one's too; ending it again is harmless.

    Raises:
        DeviceUnknown: it is not one of the caller's.
    """
    device = await session.scalar(
        select(Device).where(Device.id == device_id, Device.account_id == agent.account_id).with_for_update()
    )
    if device is None:
        raise DeviceUnknown
    device.ended_at = device.ended_at or func.now()


async def close(session: AsyncSession, agent: Agent) -> None:
    """Forget the person: card, ways back, devices. Wallets and movements stay under a number that is nobody's."""
    account = await session.get_one(Account, agent.account_id, with_for_update=True)
    account.card_number = None
    account.recovery_digest = None
    account.pin_hash = None
    account.closed_at = func.now()
    await end_devices(session, account.id)
    await session.execute(
        update(Device).where(Device.account_id == account.id).values(name="", new_recovery_digest=None)
    )
    for passkey in await session.scalars(select(Passkey).where(Passkey.account_id == account.id)):
        await session.delete(passkey)
    events.record(session, "account.closed", account_id=account.id)
