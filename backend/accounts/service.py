"""Accounts without a person: making one, its devices, and closing it."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import events, limits, tokens
from backend.accounts import secrets
from backend.accounts.door import PREFIX, Agent
from backend.accounts.models import Account, Challenge, Device, Passkey
from backend.accounts.schemas import AccountNew
from backend.database import Database
from backend.errors import NotFound
from backend.settings import Settings

HOUR = 3600  # seconds


class DeviceUnknown(NotFound):
    """There is no such device among yours."""


async def admit(db: Database, settings: Settings, now: datetime, network: str) -> None:
    """Count an account to be made, by network and over all.

    Raises:
        TooManyRequests: one of the two has had its number for this hour.
    """
    numbers, day = settings.numbers, now.date()
    here = numbers.at("accounts_per_hour_per_address", day)
    await limits.spend(db, f"accounts:{network}", seconds=HOUR, most=here)
    await limits.spend(db, "accounts", seconds=HOUR, most=numbers.at("accounts_per_hour", day))


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


async def end_devices(session: AsyncSession, account_id: int) -> None:
    """End every session of an account."""
    await session.execute(
        update(Device)
        .where(Device.account_id == account_id, Device.ended_at.is_(None))
        .values(ended_at=func.now(), new_recovery_digest=None)
    )


async def devices(session: AsyncSession, account_id: int) -> list[Device]:
    """The phones that are signed in, newest first."""
    alive = select(Device).where(
        Device.account_id == account_id, Device.ended_at.is_(None), Device.expires_at > func.now()
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


async def close(session: AsyncSession, account_id: int) -> None:
    """Forget the person: card, ways back, devices. What was earned stays under a number that is nobody's. To close
    again is harmless."""
    account = await session.get_one(Account, account_id, with_for_update=True)
    if account.closed_at is not None:
        return
    account.card_number = account.recovery_digest = account.pin_hash = None
    account.pin_failures, account.pin_wait_until, account.spending_held_until = 0, None, None
    account.closed_at = func.now()
    for table in (Device, Passkey, Challenge):
        await session.execute(delete(table).where(table.account_id == account_id))
    events.record(session, "account.closed", account_id=account_id)
