"""Receipts that people read: no provider can verify them, so a brand's reviewer types in their lines."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.http.errors import Busy, Invalid, NotFound
from backend.core.http.pagination import CursorInvalid, split_page, text_from_cursor
from backend.core.settings import Settings
from backend.earning import fraud_rules
from backend.earning.receipts.awards import pricing, signals
from backend.earning.receipts.awards.current_prices import decide_at_current_prices
from backend.earning.receipts.awards.payment_steps import PricesOutdated
from backend.earning.receipts.awards.pricing import ReceiptAge, SettlementLine
from backend.earning.receipts.awards.receipt_claims import ClaimFields, Settlement
from backend.earning.receipts.awards.review_awards import ATTEMPTS, load_payer
from backend.earning.receipts.models import Receipt
from backend.earning.receipts.review.lines.manual_decisions import pass_receipt, settle_manual_lines
from backend.earning.receipts.review.lines.schemas import ManualReceiptLine
from backend.earning.receipts.review.reviewing_brands import is_reviewing_brand
from backend.earning.receipts.submission import is_quick_submission
from backend.identity.brands.authentication import Member, brand_transaction
from backend.programmes.models import Product
from backend.programmes.products.service import ProductUnknown
from backend.programmes.rules.rule_cache import RuleCache

# Unclaimed receipts in review, after all retries or without a provider. Ordered by `rank`: senders without a verified
# receipt come last, because receipts can be invented.
UNREAD_RECEIPTS = """
    SELECT r.*, (r.photo IS NOT NULL OR r.answer IS NOT NULL)::int
        + 2 * EXISTS (SELECT FROM receipt_claims c WHERE c.account_id = r.account_id)::int AS rank
    FROM receipts r
    JOIN accounts a ON a.id = r.account_id AND a.closed_at IS NULL
    WHERE r.state = 'review' AND r.operation IS DISTINCT FROM 2
        AND NOT EXISTS (SELECT FROM receipt_claims c WHERE c.receipt_id = r.id)
        AND NOT EXISTS (SELECT FROM receipt_passes p WHERE p.receipt_id = r.id AND p.brand_id = :brand)
"""
PAGE = text(f"""
    SELECT * FROM ({UNREAD_RECEIPTS}) AS x WHERE (-rank, id) > (:rank, :id) ORDER BY rank DESC, id LIMIT :limit
""")  # noqa: S608 - constants
RECEIPT = text("""
    SELECT r.* FROM receipts r WHERE r.id = :receipt AND r.operation IS DISTINCT FROM 2
        AND (r.state = 'review' OR EXISTS (SELECT FROM receipt_claims c WHERE c.receipt_id = r.id)
            OR EXISTS (SELECT FROM receipt_passes p WHERE p.receipt_id = r.id AND p.brand_id = :brand))
""")
RECEIPT_STATE = text("""
    SELECT r.state, r.reason, (SELECT coalesce(sum(l.amount), 0) FROM receipt_lines l
        WHERE l.receipt_id = r.id AND l.brand_id = :brand) AS amount FROM receipts r WHERE r.id = :receipt
""")
CURSOR = re.compile(r"(-?[0-3])\.([0-9]{1,18})")
FIRST_POSITION = (-4, 0)


class ReceiptNotWaiting(NotFound):
    """No such receipt waits for your brand."""

    code = "receipt_not_waiting"


class AmountsTooLarge(Invalid):
    """The lines come to more than the receipt's total."""

    code = "amounts_too_large"


class QuantityInvalid(Invalid):
    """A quantity must be more than zero."""

    code = "quantity_invalid"


async def unread_receipts(
    session: AsyncSession, member: Member, after: str | None, limit: int
) -> tuple[list[Any], str | None]:
    """A page of unread receipts and the next cursor: proven senders first, then receipts with a photo or an answer.

    Raises:
        CursorInvalid: the cursor is not one of ours.
    """
    position = text_from_cursor(after)
    match = CURSOR.fullmatch(position) if position is not None else None
    if position is not None and match is None:
        raise CursorInvalid
    if not await is_reviewing_brand(session, member.brand_id):
        return [], None
    rank, number = map(int, match.groups()) if match else FIRST_POSITION
    values = {"brand": member.brand_id, "rank": rank, "id": number, "limit": limit + 1}
    rows = (await session.execute(PAGE, values)).all()
    page, following = split_page(rows, limit, lambda row: f"{-row.rank}.{row.id}")
    return list(page), following


async def record_lines(
    db: Database,
    settings: Settings,
    rule_cache: RuleCache,
    member: Member,
    receipt: int,
    lines: list[ManualReceiptLine],
    now: datetime,
) -> Any:
    """Record the brand's goods on a receipt and pay them; without lines none are. Returns the receipt's new state.

    Raises:
        ReceiptNotWaiting, ReceiptDecided, ProductUnknown, AmountsTooLarge, QuantityInvalid.
        Busy: the rules changed during each attempt.
    """
    row = await _waiting_receipt(db, member, receipt)
    if lines:
        settlement_lines = await _settlement_lines(db, member, row, lines)
        await _settle(db, settings, rule_cache, member, row, settlement_lines, now)
    else:
        await db.transaction(partial(pass_receipt, member=member, receipt_id=receipt))
    return await db.call(RECEIPT_STATE, receipt=receipt, brand=member.brand_id)


async def _waiting_receipt(db: Database, member: Member, receipt: int) -> Receipt:
    async with db.begin() as session:
        query = select(Receipt).from_statement(RECEIPT)
        row: Receipt | None = await session.scalar(query, {"receipt": receipt, "brand": member.brand_id})
        if row is None or not await is_reviewing_brand(session, member.brand_id):
            raise ReceiptNotWaiting
        return row


async def _settlement_lines(
    db: Database, member: Member, row: Receipt, lines: list[ManualReceiptLine]
) -> list[SettlementLine]:
    if row.total is not None and sum(line.amount for line in lines) > row.total:
        raise AmountsTooLarge
    if not all(Decimal(line.quantity) for line in lines):
        raise QuantityInvalid
    async with brand_transaction(db, member) as session:
        query = select(Product).where(
            Product.brand_id == member.brand_id, Product.sku.in_({line.sku for line in lines})
        )
        products = {product.sku: product for product in await session.scalars(query)}
    if any(line.sku not in products for line in lines):
        raise ProductUnknown
    return [
        SettlementLine(
            brand=member.brand_id,
            n=n,
            name=products[line.sku].name_ru,
            quantity=Decimal(line.quantity),
            sum=line.amount,
            gtin=products[line.sku].gtin,
            product=products[line.sku].id,
            how="manual",
            score=1.0,
        )
        for n, line in enumerate(lines)
    ]


async def _settle(
    db: Database,
    settings: Settings,
    rule_cache: RuleCache,
    member: Member,
    row: Receipt,
    lines_read: list[SettlementLine],
    now: datetime,
) -> None:
    goods = await load_payer(db, member.brand_id)
    limits = await signals.signal_limits(db, settings, now)
    above = settings.numbers.at("second_person_above", now.date())
    decide_by = now + timedelta(hours=settings.numbers.at("review_hours", now.date()))
    seen_at = row.scanned_at or row.sent_at
    age = ReceiptAge.of(row.at, seen_at, settings.numbers.at("receipt_age_hours", now.date()))

    async def decide(lines: list[SettlementLine]) -> None:
        large = fraud_rules.large_amount(sum(line.worth for line in lines), above)
        found = [large] if large else []
        settlement = Settlement(row.id, _claim_fields(row), lines, found, limits, decide_by)
        await db.transaction(partial(settle_manual_lines, member=member, settlement=settlement))

    price = partial(pricing.price_lines, db, rule_cache, [goods], lines_read, seen_at, now, age)
    try:
        await decide_at_current_prices(rule_cache, ATTEMPTS, price, decide)
    except PricesOutdated as error:
        raise Busy from error


def _claim_fields(row: Receipt) -> ClaimFields:
    """The claim of a receipt without a document: its shop is unknown, its till is known only in Russia."""
    fn, _, fd = row.identity.partition(":")
    is_russian = row.country == "RU"
    return ClaimFields(
        seller_inn=None,
        till=fn if is_russian else f"{row.country}:{row.identity}"[:40],
        region=None,
        bought_at=row.at or row.sent_at.replace(tzinfo=None),
        number=int(fd) if is_russian else 0,
        is_quick=row.at is not None and is_quick_submission(row.at, row.scanned_at or row.sent_at),
    )
