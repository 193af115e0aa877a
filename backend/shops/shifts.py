"""What a till is told about itself, and cashiers coming to it and leaving it."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select, text, update

from backend import limits
from backend.database import Database
from backend.errors import Forbidden, Unauthenticated
from backend.passwords import Passwords
from backend.settings import Settings
from backend.shops.door import TillAt
from backend.shops.models import Cashier, Till
from backend.shops.schemas import May, ServedBrand, ShiftOut, ShopPlace, TillHome

MINUTE = 60  # seconds
WITH_CASHIER: list[May] = ["sell", "return"]

HOME = text("""
    SELECT t.key, t.kind, t.needs_cashier, t.shift_ends_at, c.key AS cashier, s.number, s.name, s.city, s.address,
        s.timezone,
        ARRAY(SELECT jsonb_build_object('id', b.id, 'name', b.name)
            FROM brand_shops l JOIN brands b ON b.id = l.brand_id
            WHERE l.shop_id = s.id AND l.ended_at IS NULL ORDER BY b.name) AS brands
    FROM tills t JOIN shops s ON s.id = t.shop_id LEFT JOIN cashiers c ON c.id = :cashier
    WHERE t.id = :till
""")
CASHIER = text("SELECT id, pin_hash FROM cashiers WHERE shop_id = :shop AND key = :key AND disabled_at IS NULL")


class ShiftRefused(Forbidden):
    """This cashier and PIN do not go together at this till."""


async def home(db: Database, till: TillAt) -> TillHome:
    """The till's shop, the brands it serves, who stands at it and what it may."""
    row = await db.call(HOME, till=till.till_id, cashier=till.cashier_id)
    can_sell = not till.origins and (till.cashier_id is not None or not till.needs_cashier)
    return TillHome(
        till=row.key,
        kind=row.kind,
        shop=ShopPlace(row.number, row.name, row.timezone, row.city, row.address),
        brands=msgspec.convert(row.brands, list[ServedBrand]),
        may=["quote", "reserve", *(WITH_CASHIER if can_sell else [])],
        needs_cashier=row.needs_cashier,
        shift=ShiftOut(row.cashier, row.shift_ends_at) if row.cashier else None,
    )


async def begin(
    db: Database, passwords: Passwords, settings: Settings, till: TillAt, key: str, pin: str | None, now: datetime
) -> ShiftOut:
    """A cashier signs in; whoever stood there before is signed out. Wrong PINs are counted for this till alone, so that
    nobody who guesses at one locks the others. The answer and its time tell nobody which cashiers there are.

    Raises:
        ShiftRefused: the two do not go together, or the till wants a PIN and he has none. TooManyRequests: too many
            wrong ones, or too many checks. Busy: too many are being checked. Unauthenticated: the till has ended.
    """
    window, most = f"shift:wrong:{till.till_id}", settings.numbers.at("shift_pins_wrong", now.date())
    await limits.check(db, window, most=most)
    checks = settings.numbers.at("shift_checks_per_minute", now.date())
    await limits.spend(db, f"shift:{till.till_id}", seconds=MINUTE, most=checks)
    rows = await db.rows(CASHIER, shop=till.shop_id, key=key)
    hashed = rows[0].pin_hash if rows else None
    right = await passwords.matches(hashed, pin or "")
    without = bool(rows) and hashed is None and pin is None and not till.needs_cashier
    if not right and not without:
        await limits.fail(db, window, most=most)
        raise ShiftRefused
    ends_at = now + timedelta(hours=settings.numbers.at("cashier_shift_hours", now.date()))
    await _stand(db, till, rows[0].id, hashed, ends_at)
    return ShiftOut(key, ends_at)


async def _stand(db: Database, till: TillAt, cashier_id: int, hashed: str | None, ends_at: datetime) -> None:
    """Write it down, unless he was let go or got another PIN while we computed."""
    async with db.begin() as session:
        same = select(Cashier.id).where(
            Cashier.id == cashier_id, Cashier.pin_hash.is_not_distinct_from(hashed), Cashier.disabled_at.is_(None)
        )
        if await session.scalar(same.with_for_update(read=True)) is None:
            raise ShiftRefused
        mine = update(Till).where(Till.id == till.till_id, Till.disabled_at.is_(None)).returning(Till.id)
        if await session.scalar(mine.values(cashier_id=cashier_id, shift_ends_at=ends_at)) is None:
            raise Unauthenticated


async def end(db: Database, till: TillAt) -> None:
    """Whoever stands at the till is signed out. Again is harmless."""
    async with db.begin() as session:
        mine = update(Till).where(Till.id == till.till_id)
        await session.execute(mine.values(cashier_id=None, shift_ends_at=None))
