"""The optional PIN, asked for when value leaves the wallet."""

from datetime import datetime, timedelta

from sqlalchemy import select

from backend.accounts.models import Account
from backend.database import Database
from backend.errors import Forbidden, TooManyRequests
from backend.passwords import Passwords
from backend.settings import Settings

# After the free tries each failure waits longer; the owner's other ways (recovery, passkey) stay open.
WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=10))


class PinNeeded(Forbidden):
    """Please enter your PIN."""


class PinWrong(Forbidden):
    """This is not your PIN."""


class PinBlocked(Forbidden):
    """Too many wrong PINs. Sign in with your recovery code or passkey, then set a new one."""


async def require(
    db: Database, passwords: Passwords, settings: Settings, account_id: int, pin: str | None, now: datetime
) -> None:
    """Let through whoever has no PIN or knows it. The hash is computed outside any transaction.

    The try is counted before it is checked, so that parallel guesses gain nothing.

    Raises:
        PinNeeded, PinWrong, PinBlocked: as they say. TooManyRequests: the wait is not over. Busy: try again.
    """
    hashed = await _begin(db, settings, account_id, pin, now)
    if hashed is None or pin is None:
        return
    if not await passwords.matches(hashed, pin):
        raise PinWrong
    async with db.begin() as session:
        account = await session.get_one(Account, account_id, with_for_update=True)
        account.pin_failures = 0
        account.pin_wait_until = None


async def _begin(db: Database, settings: Settings, account_id: int, pin: str | None, now: datetime) -> str | None:
    """Count a try; returns the hash to check against, or None where there is no PIN."""
    free = settings.numbers.at("pin_free_tries", now.date())
    most = settings.numbers.at("pin_most_tries", now.date())
    async with db.begin() as session:
        account = await session.scalar(select(Account).where(Account.id == account_id).with_for_update())
        if account is None or account.pin_hash is None:
            return None
        if pin is None:
            raise PinNeeded
        if account.pin_failures >= most:
            raise PinBlocked
        if account.pin_wait_until and account.pin_wait_until > now:
            raise TooManyRequests(retry_after=int((account.pin_wait_until - now).total_seconds()) + 1)
        account.pin_failures += 1
        if account.pin_failures >= free:
            account.pin_wait_until = now + WAITS[min(account.pin_failures - free, len(WAITS) - 1)]
        return account.pin_hash


async def change(
    db: Database, passwords: Passwords, settings: Settings, account_id: int, old: str | None, new: str | None,
    now: datetime,
) -> None:  # fmt: skip
    """Set, replace or remove the PIN; an old one is asked for."""
    await require(db, passwords, settings, account_id, old, now)
    hashed = await passwords.hash(new) if new else None
    async with db.begin() as session:
        account = await session.get_one(Account, account_id, with_for_update=True)
        account.pin_hash = hashed
