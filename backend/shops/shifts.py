"""A till's view of itself, and shifts of cashiers."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select, text, update

from backend.core.db import rate_limits
from backend.core.db.database import Database
from backend.core.http.errors import Forbidden, Unauthenticated
from backend.core.security.passwords import Passwords
from backend.core.settings import Settings
from backend.shops.authentication import TillIdentity
from backend.shops.models import Cashier, Till
from backend.shops.schemas import CurrentTillOut, ServedBrand, ShiftOut, ShopSummary, TillAction

MINUTE = 60  # seconds
WITH_CASHIER: list[TillAction] = ["sell", "return"]

HOME = text("""
    SELECT t.key, t.kind, t.needs_cashier, t.shift_ends_at, c.key AS cashier, s.number, s.name, s.city, s.address,
        s.timezone,
        ARRAY(SELECT jsonb_build_object('id', b.id, 'name', b.name)
            FROM brand_shops l JOIN brands b ON b.id = l.brand_id
            WHERE l.shop_id = s.id AND l.ended_at IS NULL AND NOT l.pending ORDER BY b.name) AS brands
    FROM tills t JOIN shops s ON s.id = t.shop_id LEFT JOIN cashiers c ON c.id = :cashier
    WHERE t.id = :till
""")
CASHIER = text("SELECT id, pin_hash FROM cashiers WHERE shop_id = :shop AND key = :key AND disabled_at IS NULL")


class ShiftRefused(Forbidden):
    """This cashier and PIN do not match at this till."""

    code = "shift_refused"


async def till_home(db: Database, till: TillIdentity) -> CurrentTillOut:
    """The till's shop, the brands it serves, its cashier on shift, and what it may do."""
    row = await db.call(HOME, till=till.till_id, cashier=till.cashier_id)
    can_sell = not till.origins and (till.cashier_id is not None or not till.needs_cashier)
    return CurrentTillOut(
        till=row.key,
        kind=row.kind,
        shop=ShopSummary(row.number, row.name, row.timezone, row.city, row.address),
        brands=msgspec.convert(row.brands, list[ServedBrand]),
        may=["quote", "reserve", *(WITH_CASHIER if can_sell else [])],
        needs_cashier=row.needs_cashier,
        shift=ShiftOut(row.cashier, row.shift_ends_at) if row.cashier else None,
    )


async def begin_shift(
    db: Database, passwords: Passwords, settings: Settings, till: TillIdentity, key: str, pin: str | None, now: datetime
) -> ShiftOut:
    """Sign a cashier in. The cashier before is signed out.

    Wrong PINs are counted per till, so that guessing at one till does not lock others. Neither the response nor its
    duration reveals which cashiers exist.

    Raises:
        ShiftRefused: cashier and PIN do not match, or the till requires a PIN and the cashier has none.
        TooManyRequests: too many wrong PINs, or too many checks. Busy: too many checks are running.
        Unauthenticated: the till was switched off.
    """
    window, max_wrong_pins = f"shift:wrong:{till.till_id}", settings.numbers.at("shift_pins_wrong", now.date())
    await rate_limits.check_limit(db, window, limit=max_wrong_pins)
    checks = settings.numbers.at("shift_checks_per_minute", now.date())
    await rate_limits.count_request(db, f"shift:{till.till_id}", seconds=MINUTE, limit=checks)
    rows = await db.rows(CASHIER, shop=till.shop_id, key=key)
    hashed = rows[0].pin_hash if rows else None
    is_right = await passwords.cashiers.matches(hashed, pin or "")
    needs_no_pin = bool(rows) and hashed is None and pin is None and not till.needs_cashier
    if not is_right and not needs_no_pin:
        await rate_limits.count_failure(db, window, limit=max_wrong_pins)
        raise ShiftRefused
    ends_at = now + timedelta(hours=settings.numbers.at("cashier_shift_hours", now.date()))
    await _record_shift(db, till, rows[0].id, hashed, ends_at)
    return ShiftOut(key, ends_at)


async def _record_shift(
    db: Database, till: TillIdentity, cashier_id: int, hashed: str | None, ends_at: datetime
) -> None:
    """Record the shift. The cashier is read again: disabling or a new PIN may have come while the hash was computed."""
    async with db.begin() as session:
        same_cashier = select(Cashier.id).where(
            Cashier.id == cashier_id, Cashier.pin_hash.is_not_distinct_from(hashed), Cashier.disabled_at.is_(None)
        )
        if await session.scalar(same_cashier.with_for_update(read=True)) is None:
            raise ShiftRefused
        own_till = update(Till).where(Till.id == till.till_id, Till.disabled_at.is_(None)).returning(Till.id)
        if await session.scalar(own_till.values(cashier_id=cashier_id, shift_ends_at=ends_at)) is None:
            raise Unauthenticated


async def end_shift(db: Database, till: TillIdentity) -> None:
    """Sign out the cashier on shift, if any. Idempotent."""
    async with db.begin() as session:
        own_till = update(Till).where(Till.id == till.till_id)
        await session.execute(own_till.values(cashier_id=None, shift_ends_at=None))
