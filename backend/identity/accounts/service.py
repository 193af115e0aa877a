"""Anonymous accounts: create, close, list and end devices."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import events, rate_limits
from backend.core.db.database import Database
from backend.core.http.errors import NotFound
from backend.core.security import tokens
from backend.core.settings import Settings
from backend.identity.accounts import holds, secrets
from backend.identity.accounts.authentication import BEARER_PREFIX, Agent
from backend.identity.accounts.models import Account, Challenge, Device, DeviceInvitation, Passkey
from backend.identity.accounts.schemas import AccountCreated

HOUR = 3600  # seconds


class DeviceUnknown(NotFound):
    """There is no such device among yours."""

    code = "device_unknown"


async def count_creation(db: Database, settings: Settings, now: datetime, network: str) -> None:
    """Count the creation of an account, by network and in all.

    Raises:
        TooManyRequests: one of the two limits of this hour is reached.
    """
    numbers, day = settings.numbers, now.date()
    per_network = numbers.at("accounts_per_hour_per_address", day)
    await rate_limits.count_request(db, f"accounts:{network}", seconds=HOUR, limit=per_network)
    await rate_limits.count_request(db, "accounts", seconds=HOUR, limit=numbers.at("accounts_per_hour", day))


async def create_account(
    session: AsyncSession, settings: Settings, now: datetime, device_name: str = ""
) -> AccountCreated:
    """Create an account and its first device."""
    card, code = secrets.generate_card_number(), secrets.generate_recovery_code()
    account = Account(card_number=card, recovery_digest=secrets.recovery_digest(code, settings.pepper))
    session.add(account)
    await session.flush()
    token, _ = add_device(session, settings, account, now, device_name)
    events.record(session, "account.created", account_id=account.id)
    return AccountCreated(card_number=card, token=token, recovery_code=code)


def add_device(
    session: AsyncSession, settings: Settings, account: Account, now: datetime, name: str
) -> tuple[str, Device]:
    """Create a device of an account; returns its token, which is not stored."""
    token = tokens.token(BEARER_PREFIX)
    days = settings.numbers.at("token_days", now.date())
    device = Device(
        account_id=account.id,
        token_digest=tokens.digest(token),
        name=name,
        expires_at=now + timedelta(days=days),
    )
    session.add(device)
    return token, device


async def list_devices(session: AsyncSession, account_id: int) -> list[Device]:
    """The devices that are signed in, newest first."""
    alive = select(Device).where(
        Device.account_id == account_id, Device.ended_at.is_(None), Device.expires_at > func.now()
    )
    return list(await session.scalars(alive.order_by(Device.id.desc()).limit(100)))


async def check_device(session: AsyncSession, agent: Agent, device_id: int) -> None:
    """Check that a device is one of the caller's.

    Raises:
        DeviceUnknown: it is not.
    """
    query = select(Device.id).where(Device.id == device_id, Device.account_id == agent.account_id)
    if await session.scalar(query) is None:
        raise DeviceUnknown


async def end_device(session: AsyncSession, agent: Agent, device_id: int) -> None:
    """Sign a device out, also the calling one. Idempotent.

    Raises:
        DeviceUnknown: it is not one of the caller's.
    """
    device = await session.scalar(
        select(Device).where(Device.id == device_id, Device.account_id == agent.account_id).with_for_update()
    )
    if device is None:
        raise DeviceUnknown
    if device.ended_at is None:
        device.ended_at, device.ended_by, device.new_recovery_digest = func.now(), agent.device_id, None


async def close_account(session: AsyncSession, account_id: int) -> None:
    """Close an account: delete the card number, devices and credentials. Its entries stay under the account's id, which
    identifies no person. Idempotent.

    Raises:
        AccountHeld: a recovery's hold blocks what cannot be undone.
    """
    account = await session.get_one(Account, account_id, with_for_update=True)
    if account.closed_at is not None:
        return
    holds.check_hold(account.spending_held_until, datetime.now(UTC))
    account.card_number = account.recovery_digest = account.pin_hash = None
    account.pin_failures, account.pin_wait_until, account.spending_held_until = 0, None, None
    account.pin_is_confirmed = False
    account.closed_at = func.now()
    for table in (Device, Passkey, Challenge, DeviceInvitation):
        await session.execute(delete(table).where(table.account_id == account_id))
    events.record(session, "account.closed", account_id=account_id)
