"""The optional PIN, required when value leaves the wallet."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select, text, update

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.http.errors import Forbidden, TooManyRequests
from backend.core.security.passwords import Passwords
from backend.core.settings import Settings
from backend.identity.accounts import holds
from backend.identity.accounts.authentication import Agent
from backend.identity.accounts.models import Account

# After the free attempts each failure has a longer wait; recovery and passkeys stay available to the owner.
WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=10))
MINUTE = 60  # seconds

HAS_PIN = text("SELECT pin_hash IS NOT NULL AS has_pin FROM accounts WHERE id = :account")
PIN_STATE = text("""
    SELECT a.pin_hash, a.spending_held_until, d.held_until <= now() AS came_back
    FROM accounts a JOIN devices d ON d.account_id = a.id AND d.id = :device WHERE a.id = :account
""")


class PinNeeded(Forbidden):
    """Please enter your PIN."""

    code = "pin_needed"


class PinWrong(Forbidden):
    """This is not your PIN."""

    code = "pin_wrong"


class PinBlocked(Forbidden):
    """Too many wrong PINs. Sign in with your recovery code or passkey; a day later you can set a new one."""

    code = "pin_blocked"


async def require_pin(
    db: Database, passwords: Passwords, settings: Settings, agent: Agent, pin: str | None, now: datetime
) -> None:
    """Check the PIN of an account that has one.

    Raises:
        PinNeeded, PinWrong, PinBlocked. TooManyRequests: the wait is not over, or this account or network has sent too
            many. Busy: the queue is full; no attempt was counted.
    """
    if (await db.call(HAS_PIN, account=agent.account_id)).has_pin:
        await check_pin(db, passwords, settings, agent, pin, now)


async def check_pin(
    db: Database, passwords: Passwords, settings: Settings, agent: Agent, pin: str | None, now: datetime
) -> None:
    """Check the PIN; the account must have one.

    Raises:
        What `require_pin` raises.
    """
    if pin is None:
        raise PinNeeded
    if await _find_right_pin(db, passwords, settings, agent, [pin], now) is None:
        raise PinWrong


class PinChange(msgspec.Struct, frozen=True):
    """A new PIN, or none; `code_is_right`: the request has the right recovery code."""

    old: str | None
    new: str | None
    code_is_right: bool


async def change_pin(
    db: Database, passwords: Passwords, settings: Settings, agent: Agent, change: PinChange, now: datetime
) -> None:
    """Set, replace or remove the PIN; the old one is required. Idempotent, so that a lost response costs no attempt. An
    agent who has forgotten the PIN recovers the account with the recovery code, and sets another with that code after
    the hold.

    Raises:
        AccountHeld: the hold is not over. What `require_pin` raises.
    """
    for _ in range(2):
        row = await db.call(PIN_STATE, account=agent.account_id, device=agent.device_id)
        holds.check_hold(row.spending_held_until, now)
        is_forgotten = change.code_is_right and row.came_back and change.old is None
        if row.pin_hash is not None and not is_forgotten and await _is_set(db, passwords, settings, agent, change, now):
            return
        hashed = await passwords.agents.hash(change.new) if change.new else None
        if await _replace_pin(db, agent.account_id, row.pin_hash, hashed, confirms=change.code_is_right):
            return
    raise PinNeeded  # concurrent requests set another PIN twice


async def _is_set(
    db: Database, passwords: Passwords, settings: Settings, agent: Agent, change: PinChange, now: datetime
) -> bool:
    """Check that the caller knows the current PIN; returns whether the new one is set already."""
    candidates = [pin for pin in (change.old, change.new) if pin is not None]
    right = await _find_right_pin(db, passwords, settings, agent, candidates, now) if candidates else None
    if right is None:
        raise PinWrong if change.old else PinNeeded
    return right == change.new and not change.code_is_right


async def _replace_pin(db: Database, account_id: int, before: str | None, after: str | None, *, confirms: bool) -> bool:
    """Replace the PIN that was checked; an unconfirmed first PIN is no proof elsewhere. Returns False where a
    concurrent request has set another one."""
    changes: dict[str, object] = {"pin_hash": after, "pin_failures": 0, "pin_wait_until": None}
    if confirms or before is None:
        changes["pin_is_confirmed"] = confirms
    async with db.begin() as session:
        unchanged = Account.pin_hash.is_not_distinct_from(before), Account.closed_at.is_(None)
        statement = update(Account).where(Account.id == account_id, *unchanged)
        return await session.scalar(statement.values(**changes).returning(Account.id)) is not None


async def _find_right_pin(
    db: Database, passwords: Passwords, settings: Settings, agent: Agent, pins: list[str], now: datetime
) -> str | None:
    """The first of these that is the PIN. The attempt is counted before it is checked, so that parallel guesses gain
    nothing, and the hash is computed outside any transaction."""
    await _check_limits(db, settings, agent, now)
    with passwords.agents.place() as place:
        hashed = await _count_attempt(db, settings, agent.account_id, now)
        for pin in pins:
            if await place.matches(hashed, pin):
                await _reset_attempts(db, agent.account_id)
                return pin
    return None


async def _check_limits(db: Database, settings: Settings, agent: Agent, now: datetime) -> None:
    numbers, day = settings.numbers, now.date()
    per_account = numbers.at("pin_checks_per_minute", day)
    per_network = numbers.at("pin_checks_per_minute_per_network", day)
    await rate_limits.count_request(db, f"pin:account:{agent.account_id}", seconds=MINUTE, limit=per_account)
    await rate_limits.count_request(db, f"pin:network:{agent.network}", seconds=MINUTE, limit=per_network)


async def _count_attempt(db: Database, settings: Settings, account_id: int, now: datetime) -> str | None:
    """Count an attempt; returns the hash of the PIN."""
    free = settings.numbers.at("pin_free_tries", now.date())
    limit = settings.numbers.at("pin_most_tries", now.date())
    async with db.begin() as session:
        account = (await session.scalars(select(Account).where(Account.id == account_id).with_for_update())).one()
        if account.pin_failures >= limit:
            raise PinBlocked
        if account.pin_wait_until and account.pin_wait_until > now:
            raise TooManyRequests(retry_after=int((account.pin_wait_until - now).total_seconds()) + 1)
        account.pin_failures += 1
        if account.pin_failures >= free:
            account.pin_wait_until = now + WAITS[min(account.pin_failures - free, len(WAITS) - 1)]
        return account.pin_hash


async def _reset_attempts(db: Database, account_id: int) -> None:
    async with db.begin() as session:
        await session.execute(
            update(Account).where(Account.id == account_id).values(pin_failures=0, pin_wait_until=None)
        )
