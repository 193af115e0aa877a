"""Unclear wordings of shops: a reviewer sets the product once for all lines in review with this wording."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.database import Database
from backend.core.http.errors import Busy, NotFound
from backend.core.settings import Settings
from backend.earning.receipts.awards.current_prices import decide_at_current_prices
from backend.earning.receipts.awards.payment_steps import PricesOutdated
from backend.earning.receipts.awards.review_awards import ATTEMPTS, RepricedLine, refuse_lines, reprice_lines
from backend.earning.receipts.matching import wording_key
from backend.earning.receipts.models import ALL_SHOPS, LineAlias
from backend.earning.receipts.review.lines.named_lines import ReviewLimits, decide_lines
from backend.earning.receipts.review.lines.schemas import (
    ProductCandidate,
    ReceiptWording,
    WordingProductIn,
    WordingProductOut,
)
from backend.earning.receipts.review.service import waiting_line
from backend.identity.brands import audit_log
from backend.identity.brands.authentication import Member, brand_transaction
from backend.programmes.models import Product
from backend.programmes.products import service as products
from backend.programmes.rules.rule_cache import RuleCache

# One row for each spelling of a shop; Python groups spellings with the same key.
UNCLEAR_WORDINGS = text("""
    SELECT coalesce(c.seller_inn, '') AS inn, l.name, min(l.id) AS line, count(*) AS lines, sum(l.sum) AS sum,
        min(r.decide_by) AS decide_by
    FROM receipt_lines l JOIN receipts r ON r.id = l.receipt_id JOIN receipt_claims c ON c.receipt_id = l.receipt_id
    WHERE l.brand_id = :brand AND l.state = 'review' AND l.reason = 'doubtful'
    GROUP BY 1, 2 ORDER BY 3
""")
OLDEST_LINES = text("""
    SELECT l.id, l.candidates, d.document ->> 'seller' AS shop
    FROM receipt_lines l JOIN receipt_claims c ON c.receipt_id = l.receipt_id
    LEFT JOIN receipt_documents d ON d.country = c.country AND d.identity = c.identity
    WHERE l.brand_id = :brand AND l.id = ANY(:lines)
""")
LINE = text("""
    SELECT l.name, coalesce(c.seller_inn, '') AS inn FROM receipt_lines l
    JOIN receipt_claims c ON c.receipt_id = l.receipt_id WHERE l.brand_id = :brand AND l.id = :line
""")
WAITING_LINES = text("""
    SELECT l.id, l.receipt_id, coalesce(r.scanned_at, r.sent_at) AS sent_at, r.at AS bought_at, l.n, l.name,
        l.quantity, l.sum, l.product_id
    FROM receipt_lines l JOIN receipts r ON r.id = l.receipt_id JOIN receipt_claims c ON c.receipt_id = l.receipt_id
    WHERE l.brand_id = :brand AND l.state = 'review' AND l.reason = 'doubtful'
        AND (coalesce(c.seller_inn, '') = :inn OR :inn = :everywhere AND NOT EXISTS (
            SELECT FROM line_aliases a WHERE a.brand_id = l.brand_id AND a.seller_inn = coalesce(c.seller_inn, '')
                AND a.key = :key))
    ORDER BY l.receipt_id, l.id
""")


class LineUnknown(NotFound):
    """No line of your goods has this number."""

    code = "line_unknown"


class WordingDecision(msgspec.Struct, frozen=True):
    """A decision about a shop's wording. A wording without letters and digits applies to the line only."""

    line: int
    wording: str
    printed: str
    inn: str
    place: str  # for which shop it goes: its tax number, "" where none is known, or EVERYWHERE
    product_id: int | None


async def wording_page(
    session: AsyncSession, member: Member, after: int | None, limit: int
) -> tuple[list[ReceiptWording], int | None]:
    """A page of unclear wordings, the oldest first, and the last line of the page if there is another wording."""
    groups: dict[tuple[str, str], ReceiptWording] = {}
    for row in (await session.execute(UNCLEAR_WORDINGS, {"brand": member.brand_id})).all():
        place = (row.inn, wording_key(row.name) or str(row.line))
        if place in groups:
            first = groups[place]
            first.lines, first.sum = first.lines + row.lines, first.sum + int(row.sum)
            first.decide_by = min(first.decide_by, row.decide_by)
        else:
            groups[place] = ReceiptWording(row.line, row.name, row.inn, "", row.lines, int(row.sum), row.decide_by, [])
    found = [wording for wording in groups.values() if wording.line > (after or 0)]
    await _fill_details(session, member, found[:limit])
    return found[:limit], found[limit - 1].line if len(found) > limit else None


async def _fill_details(session: AsyncSession, member: Member, found: list[ReceiptWording]) -> None:
    """Set the shop's name and the candidates of each wording, from its oldest line."""
    values = {"brand": member.brand_id, "lines": [wording.line for wording in found]}
    first = {row.id: row for row in (await session.execute(OLDEST_LINES, values)).all()}
    ids = {pair[0] for row in first.values() for pair in row.candidates}
    query = select(Product).where(Product.brand_id == member.brand_id, Product.id.in_(ids))
    known = {product.id: product for product in await session.scalars(query)}
    for wording in found:
        wording.shop = first[wording.line].shop or ""
        pairs = [(known[number], score) for number, score in first[wording.line].candidates if number in known]
        wording.candidates = [
            ProductCandidate(product.sku, product.name_ru, round(score, 4)) for product, score in pairs
        ]


async def decide_wording(
    db: Database,
    settings: Settings,
    rule_cache: RuleCache,
    member: Member,
    line: int,
    request: WordingProductIn,
    now: datetime,
) -> WordingProductOut:
    """Set the product of a line's wording in its shop, or in all, and decide all of the brand's lines that wait for it.

    The decision is stored first. Then each receipt is decided in its own transaction, so no agent's account is locked
    while others are decided. After a crash the remaining lines stay in review, and the same call continues with them.

    Raises:
        LineUnknown, ProductUnknown. Busy: the rules changed during each attempt; call again.
    """
    async with brand_transaction(db, member) as session:
        named = await _store_decision(session, member, line, request)
    limits = ReviewLimits(
        now + timedelta(hours=settings.numbers.at("review_hours", now.date())),
        settings.numbers.at("second_person_above", now.date()),
        settings.numbers.at("receipt_age_hours", now.date()),
    )
    decided = 0
    for receipt, rows in (await _waiting_lines(db, member, named)).items():
        decided += await _decide_receipt(db, rule_cache, member, receipt, rows, named, now, limits)
    everywhere = named.place == ALL_SHOPS
    return WordingProductOut(named.printed, named.inn, request.sku, decided, everywhere=everywhere)


async def _store_decision(
    session: AsyncSession, member: Member, line: int, request: WordingProductIn
) -> WordingDecision:
    row = (await session.execute(LINE, {"brand": member.brand_id, "line": line})).one_or_none()
    if row is None:
        raise LineUnknown
    product = None if request.sku is None else (await products.get_product(session, member, request.sku)).id
    wording = wording_key(row.name)
    place = ALL_SHOPS if request.everywhere and wording else row.inn
    if wording:
        await _store_alias(session, member, place, wording, product, request.sku)
        # The line's own shop may have an older decision, which the new one replaces.
        if place == ALL_SHOPS and await session.get(LineAlias, (member.brand_id, row.inn, wording)):
            await _store_alias(session, member, row.inn, wording, product, request.sku)
    return WordingDecision(line, wording, row.name, row.inn, place, product)


async def _store_alias(
    session: AsyncSession, member: Member, place: str, wording: str, product: int | None, sku: str | None
) -> None:
    before = await session.get(LineAlias, (member.brand_id, place, wording), with_for_update=True)
    if before is not None and before.product_id == product:
        return
    new = {"product_id": product, "staff_id": member.staff_id, "at": func.now()}
    where = {"brand_id": member.brand_id, "seller_inn": place, "key": wording}
    write = insert(LineAlias).values(**where, **new)
    await session.execute(write.on_conflict_do_update(index_elements=list(where), set_=new))
    audit_log.record(session, member, "wording.named", seller_inn=place, wording=wording, sku=sku)


async def _waiting_lines(db: Database, member: Member, named: WordingDecision) -> dict[int, list[Any]]:
    """Lines in review with this wording, by receipt."""
    found: dict[int, list[Any]] = {}
    values = {"inn": named.place, "everywhere": ALL_SHOPS, "key": named.wording}
    for row in await db.rows(WAITING_LINES, brand=member.brand_id, **values):
        if row.id == named.line or (named.wording and wording_key(row.name) == named.wording):
            found.setdefault(row.receipt_id, []).append(row)
    return found


async def _decide_receipt(
    db: Database,
    rule_cache: RuleCache,
    member: Member,
    receipt: int,
    rows: list[Any],
    named: WordingDecision,
    now: datetime,
    limits: ReviewLimits,
) -> int:
    async def decide(lines: list[RepricedLine]) -> int:
        return await db.transaction(
            partial(decide_lines, member=member, receipt_id=receipt, lines=lines, limits=limits)
        )

    price = partial(_priced_lines, db, rule_cache, member, rows, named, now, limits)
    try:
        return await decide_at_current_prices(rule_cache, ATTEMPTS, price, decide)
    except PricesOutdated as error:
        raise Busy from error


async def _priced_lines(
    db: Database,
    rule_cache: RuleCache,
    member: Member,
    rows: list[Any],
    named: WordingDecision,
    now: datetime,
    limits: ReviewLimits,
) -> tuple[list[RepricedLine], set[int]]:
    if named.product_id is None:
        return refuse_lines([row.id for row in rows], "not_ours"), set()
    lines = [waiting_line(row, named.product_id) for row in rows]
    return await reprice_lines(db, rule_cache, member.brand_id, lines, now, limits.age_hours)
