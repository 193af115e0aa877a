"""Receipts that people read: no provider shows them, so a brand's reviewer says what stands on the paper."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands.door import Member, transaction
from backend.database import Database
from backend.errors import Busy, Conflict, Invalid, NotFound
from backend.programmes.models import Product
from backend.programmes.offers import Books
from backend.programmes.products import ProductUnknown
from backend.receipts import pricing, signals
from backend.receipts.pricing import Wanted
from backend.receipts.repricing import ATTEMPTS, LOOK_AGAIN, payer, written
from backend.receipts.sending import is_quick
from backend.receipts.wording_schemas import ReadLine
from backend.settings import Settings
from backend.wire import CursorInvalid, cursor, word

# What a person may look at: the provider's ladder has ended or there is none, and nobody has the receipt yet.
WAITS = """
    SELECT r.*, (r.photo IS NOT NULL OR r.answer IS NOT NULL)::int AS shown FROM receipts r
    JOIN accounts a ON a.id = r.account_id AND a.closed_at IS NULL
    WHERE r.state = 'review' AND r.operation IS DISTINCT FROM 2
        AND NOT EXISTS (SELECT FROM receipt_claims c WHERE c.receipt_id = r.id)
        AND NOT EXISTS (SELECT FROM receipt_passes p WHERE p.receipt_id = r.id AND p.brand_id = :brand)
        AND :brand IN (SELECT receipts_lookers())
"""
PAGE = text(f"""
    SELECT * FROM ({WAITS}) AS x WHERE (-shown, id) > (:shown, :id) ORDER BY shown DESC, id LIMIT :most
""")  # noqa: S608 - our own words
ONE = text("""
    SELECT r.* FROM receipts r WHERE r.id = :receipt AND r.operation IS DISTINCT FROM 2
        AND :brand IN (SELECT receipts_lookers())
        AND (r.state = 'review' OR EXISTS (SELECT FROM receipt_claims c WHERE c.receipt_id = r.id)
            OR EXISTS (SELECT FROM receipt_passes p WHERE p.receipt_id = r.id AND p.brand_id = :brand))
""")
SETTLE = text("""
    SELECT receipts_by_hand(:brand, :receipt, :staff, CAST(:claim AS jsonb), CAST(:lines AS jsonb),
        CAST(:signals AS jsonb), CAST(:limits AS jsonb), :decide_by) AS said
""")
PASS = text("SELECT receipts_pass(:brand, :receipt, :staff) AS said")
STATE = text("""
    SELECT r.state, r.reason, (SELECT coalesce(sum(l.amount), 0) FROM receipt_lines l
        WHERE l.receipt_id = r.id AND l.brand_id = :brand) AS amount FROM receipts r WHERE r.id = :receipt
""")
PLACE = re.compile(r"(-?[01])\.([0-9]{1,18})")


class ReceiptNotWaiting(NotFound):
    """No such receipt waits for your brand."""


class ReceiptDecided(Conflict):
    """Somebody has decided about this receipt already."""


class AmountsTooLarge(Invalid):
    """The lines come to more than the receipt's total."""


class QuantityInvalid(Invalid):
    """A quantity is more than nought."""


async def page(session: AsyncSession, member: Member, after: str | None, most: int) -> tuple[list[Any], str | None]:
    """Receipts that wait, those with a photo or an answer first, and where the next page begins.

    Raises:
        CursorInvalid: the place is not one of ours.
    """
    told = word(after)
    found = PLACE.fullmatch(told) if told is not None else None
    if told is not None and found is None:
        raise CursorInvalid
    shown, number = map(int, found.groups()) if found else (-1, 0)
    values = {"brand": member.brand_id, "shown": shown, "id": number, "most": most + 1}
    rows = list((await session.execute(PAGE, values)).all())
    last = rows[most - 1] if len(rows) > most else None
    return rows[:most], cursor(f"{-last.shown}.{last.id}") if last else None


async def read(
    db: Database, settings: Settings, books: Books, member: Member, receipt: int, lines: list[ReadLine], now: datetime
) -> Any:
    """Say what of a receipt is the brand's, and pay it; no lines: nothing is. How the receipt stands then.

    Raises:
        ReceiptNotWaiting, ReceiptDecided, ProductUnknown, AmountsTooLarge, QuantityInvalid.
        Busy: the rules change faster than we follow.
    """
    rows = await db.rows(ONE, receipt=receipt, brand=member.brand_id)
    if not rows:
        raise ReceiptNotWaiting
    if lines:
        said = await _settle(db, settings, books, member, rows[0], await _wanted(db, member, rows[0], lines), now)
    else:
        said = (await db.call(PASS, brand=member.brand_id, receipt=receipt, staff=member.staff_id)).said
    if said == "other":
        raise ReceiptDecided
    return await db.call(STATE, receipt=receipt, brand=member.brand_id)


async def _wanted(db: Database, member: Member, row: Any, lines: list[ReadLine]) -> list[Wanted]:
    if row.total is not None and sum(line.amount for line in lines) > row.total:
        raise AmountsTooLarge
    if not all(Decimal(line.quantity) for line in lines):
        raise QuantityInvalid
    async with transaction(db, member) as session:
        find = select(Product).where(Product.brand_id == member.brand_id, Product.sku.in_({line.sku for line in lines}))
        known = {product.sku: product for product in await session.scalars(find)}
    if any(line.sku not in known for line in lines):
        raise ProductUnknown
    return [
        Wanted(brand=member.brand_id, n=n, name=known[line.sku].name_ru, quantity=Decimal(line.quantity),
               sum=line.amount, gtin=known[line.sku].gtin, product=known[line.sku].id, how="manual", score=1.0)
        for n, line in enumerate(lines)
    ]  # fmt: skip


async def _settle(
    db: Database, settings: Settings, books: Books, member: Member, row: Any, wanted: list[Wanted], now: datetime
) -> str:
    goods = await payer(db, member.brand_id)
    limits = await signals.limits(db, settings, now)
    above = settings.numbers.at("second_person_above", now.date())
    decide_by = now + timedelta(hours=settings.numbers.at("review_hours", now.date()))
    for _ in range(ATTEMPTS):
        lines, programmes = await pricing.price(db, books, [goods], wanted, row.sent_at, now)
        try:
            answer = await db.call(
                SETTLE, brand=member.brand_id, receipt=row.id, staff=member.staff_id, claim=written(_claim(row)),
                lines=written(lines), signals=written(_seen(lines, above)), limits=written(limits), decide_by=decide_by,
            )  # fmt: skip
        except psycopg.Error as error:
            if error.sqlstate not in LOOK_AGAIN:
                raise
            for programme in programmes:
                books.forget(programme)
        else:
            return str(answer.said)
    raise Busy


def _seen(lines: list[Wanted], above: int) -> list[dict[str, Any]]:
    """What one person typed in is not paid beyond what one person may release: it goes into the review queue."""
    value = sum(line.gross or 0 for line in lines)
    inputs = {"amount": value, "above": above}
    return [{"rule": "large_by_hand", "points": 20, "inputs": inputs}] if value > above else []


def _claim(row: Any) -> dict[str, Any]:
    """The claim of a receipt without a document: its shop is not known, its till only in Russia."""
    fn, _, fd = row.identity.partition(":")
    at = row.at or row.sent_at.replace(tzinfo=None)
    russian = row.country == "RU"
    return {
        "seller_inn": None, "till": fn if russian else f"{row.country}:{row.identity}"[:40], "region": None,
        "bought_at": at, "number": int(fd) if russian else 0,
        "quick": row.at is not None and is_quick(row.at, row.sent_at),
    }  # fmt: skip
