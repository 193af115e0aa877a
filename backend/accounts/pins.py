"""The optional PIN, asked for when value leaves the wallet."""

from datetime import datetime, timedelta

from sqlalchemy import select, text, update

from backend import limits
from backend.accounts.door import Agent
from backend.accounts.models import Account
from backend.database import Database
from backend.errors import Forbidden, TooManyRequests
from backend.passwords import Passwords
from backend.settings import Settings

# After the free tries each failure waits longer; the owner's other ways (recovery, passkey) stay open.
WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=10))
MINUTE = 60  # seconds

HAS_PIN = text("SELECT pin_hash IS NOT NULL AS has_pin FROM accounts WHERE id = :account")


class PinNeeded(Forbidden):
    """Please enter your PIN."""


class PinWrong(Forbidden):
    """This is not your PIN."""


class PinBlocked(Forbidden):
    """Too many wrong PINs. Sign in with your recovery code or passkey, then set a new one."""


async def require(
    db: Database, passwords: Passwords, settings: Settings, agent: Agent, pin: str | None, now: datetime
) -> None:
    """Let through whoever has no PIN or knows it.

    Raises:
        PinNeeded, PinWrong, PinBlocked: as they say. TooManyRequests: the wait is not over, or too many checks came
            from here. Busy: the line is full; no try was counted.
    """
    if (await db.call(HAS_PIN, account=agent.account_id)).has_pin:
        await check(db, passwords, settings, agent, pin, now)


async def check(
    db: Database, passwords: Passwords, settings: Settings, agent: Agent, pin: str | None, now: datetime
) -> None:
    """Let through whoever knows the PIN of an account that has one.

    Raises:
        What `require` raises.
    """
    if pin is None:
        raise PinNeeded
    if await _first_right(db, passwords, settings, agent, [pin], now) is None:
        raise PinWrong


async def change(
    db: Database, passwords: Passwords, settings: Settings, agent: Agent, old: str | None, new: str | None,
    now: datetime,
) -> None:  # fmt: skip
    """Set, replace or remove the PIN; the old one is asked for. To set again what is set already is harmless, so that
    an answer lost on the way does not cost a try.

    Raises:
        What `require` raises.
    """
    if (await db.call(HAS_PIN, account=agent.account_id)).has_pin:
        known = [pin for pin in (old, new) if pin is not None]
        right = await _first_right(db, passwords, settings, agent, known, now) if known else None
        if right is None:
            raise PinWrong if old else PinNeeded
        if right == new:
            return
    hashed = await passwords.hash(new) if new else None
    async with db.begin() as session:
        mine = update(Account).where(Account.id == agent.account_id, Account.closed_at.is_(None))
        await session.execute(mine.values(pin_hash=hashed))


async def _first_right(
    db: Database, passwords: Passwords, settings: Settings, agent: Agent, pins: list[str], now: datetime
) -> str | None:
    """The first of these that is the PIN. The try is counted before it is checked, so that parallel guesses gain
    nothing, and the hash is computed outside any transaction."""
    await _admit(db, settings, agent, now)
    with passwords.place() as place:
        hashed = await _count_try(db, settings, agent.account_id, now)
        for pin in pins:
            if await place.matches(hashed, pin):
                await _forget_tries(db, agent.account_id)
                return pin
    return None


async def _admit(db: Database, settings: Settings, agent: Agent, now: datetime) -> None:
    numbers, day = settings.numbers, now.date()
    mine, here = numbers.at("pin_checks_per_minute", day), numbers.at("pin_checks_per_minute_per_network", day)
    await limits.spend(db, f"pin:account:{agent.account_id}", seconds=MINUTE, most=mine)
    await limits.spend(db, f"pin:network:{agent.network}", seconds=MINUTE, most=here)


async def _count_try(db: Database, settings: Settings, account_id: int, now: datetime) -> str | None:
    """Count a try; returns the hash to check against."""
    free = settings.numbers.at("pin_free_tries", now.date())
    most = settings.numbers.at("pin_most_tries", now.date())
    async with db.begin() as session:
        account = (await session.scalars(select(Account).where(Account.id == account_id).with_for_update())).one()
        if account.pin_failures >= most:
            raise PinBlocked
        if account.pin_wait_until and account.pin_wait_until > now:
            raise TooManyRequests(retry_after=int((account.pin_wait_until - now).total_seconds()) + 1)
        account.pin_failures += 1
        if account.pin_failures >= free:
            account.pin_wait_until = now + WAITS[min(account.pin_failures - free, len(WAITS) - 1)]
        return account.pin_hash


async def _forget_tries(db: Database, account_id: int) -> None:
    async with db.begin() as session:
        await session.execute(
            update(Account).where(Account.id == account_id).values(pin_failures=0, pin_wait_until=None)
        )
