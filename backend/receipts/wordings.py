"""Wordings that are not clear: which product of a brand a shop means, decided once for all lines that wait for it."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import psycopg
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit
from backend.brands.door import Member, transaction
from backend.database import Database
from backend.errors import Busy, NotFound
from backend.programmes import products
from backend.programmes.models import Product
from backend.programmes.offers import Books
from backend.receipts.matching import key
from backend.receipts.models import Alias
from backend.receipts.repricing import ATTEMPTS, LOOK_AGAIN, Priced, refused, reprice, written
from backend.receipts.reviewing import waiting
from backend.receipts.wording_schemas import LikelyProduct, NamedOut, Wording
from backend.settings import Settings

# One row for each spelling of a shop; spellings that are made plain the same way come together in Python.
UNCLEAR = text("""
    SELECT coalesce(c.seller_inn, '') AS inn, l.name, min(l.id) AS line, count(*) AS lines, sum(l.sum) AS sum,
        min(r.decide_by) AS decide_by
    FROM receipt_lines l JOIN receipts r ON r.id = l.receipt_id JOIN receipt_claims c ON c.receipt_id = l.receipt_id
    WHERE l.brand_id = :brand AND l.state = 'review' AND l.reason = 'doubtful'
    GROUP BY 1, 2 ORDER BY 3
""")
SHOWN = text("""
    SELECT l.id, l.candidates, d.document ->> 'seller' AS shop
    FROM receipt_lines l JOIN receipt_claims c ON c.receipt_id = l.receipt_id
    LEFT JOIN receipt_documents d ON d.country = c.country AND d.identity = c.identity
    WHERE l.brand_id = :brand AND l.id = ANY(:lines)
""")
LINE = text("""
    SELECT l.name, coalesce(c.seller_inn, '') AS inn FROM receipt_lines l
    JOIN receipt_claims c ON c.receipt_id = l.receipt_id WHERE l.brand_id = :brand AND l.id = :line
""")
WAITING = text("""
    SELECT l.id, l.receipt_id, r.sent_at, l.n, l.name, l.quantity, l.sum, l.product_id
    FROM receipt_lines l JOIN receipts r ON r.id = l.receipt_id JOIN receipt_claims c ON c.receipt_id = l.receipt_id
    WHERE l.brand_id = :brand AND l.state = 'review' AND l.reason = 'doubtful' AND coalesce(c.seller_inn, '') = :inn
    ORDER BY l.receipt_id, l.id
""")
NAME_LINES = text("""
    SELECT receipts_name_lines(:brand, :receipt, CAST(:lines AS jsonb), :staff, :decide_by, :above) AS decided
""")


class LineUnknown(NotFound):
    """No line of your goods has this number."""


class Named(msgspec.Struct, frozen=True):
    """A wording of a shop and what it means. Without letters and digits it means only the line itself."""

    line: int
    wording: str
    inn: str
    product_id: int | None


class Limits(NamedTuple):
    """Until when a person looks at what is not paid at once, and beyond how many minor units of a receipt it is not."""

    decide_by: datetime
    above: int


async def page(session: AsyncSession, member: Member, after: int | None, most: int) -> tuple[list[Wording], int | None]:
    """Unclear wordings, those that wait longest first, and behind which line the next page begins."""
    groups: dict[tuple[str, str], Wording] = {}
    for row in (await session.execute(UNCLEAR, {"brand": member.brand_id})).all():
        place = (row.inn, key(row.name) or str(row.line))
        if place in groups:
            first = groups[place]
            first.lines, first.sum = first.lines + row.lines, first.sum + int(row.sum)
            first.decide_by = min(first.decide_by, row.decide_by)
        else:
            groups[place] = Wording(row.line, row.name, row.inn, "", row.lines, int(row.sum), row.decide_by, [])
    found = [one for one in groups.values() if one.line > (after or 0)]
    await _fill(session, member, found[:most])
    return found[:most], found[most - 1].line if len(found) > most else None


async def _fill(session: AsyncSession, member: Member, found: list[Wording]) -> None:
    """The shop's name and the candidates of each wording, from its oldest line."""
    values = {"brand": member.brand_id, "lines": [one.line for one in found]}
    first = {row.id: row for row in (await session.execute(SHOWN, values)).all()}
    ids = {pair[0] for row in first.values() for pair in row.candidates}
    find = select(Product).where(Product.brand_id == member.brand_id, Product.id.in_(ids))
    known = {product.id: product for product in await session.scalars(find)}
    for one in found:
        one.shop = first[one.line].shop or ""
        pairs = [(known[number], score) for number, score in first[one.line].candidates if number in known]
        one.candidates = [LikelyProduct(product.sku, product.name_ru, round(score, 4)) for product, score in pairs]


async def name(
    db: Database, settings: Settings, books: Books, member: Member, line: int, sku: str | None, now: datetime
) -> NamedOut:
    """Say what a line's wording means in its shop, and decide all of the brand's lines that wait for it.

    The word stands first; then each receipt is decided in a transaction of its own, so that no agent's account is kept
    waiting for all others. What was left when we fell in between waits on, and the same call again goes on with it.

    Raises:
        LineUnknown, ProductUnknown. Busy: the rules change faster than we follow; call again.
    """
    async with transaction(db, member) as session:
        named = await _keep(session, member, line, sku)
    limits = Limits(
        now + timedelta(hours=settings.numbers.at("review_hours", now.date())),
        settings.numbers.at("second_person_above", now.date()),
    )
    decided = 0
    for receipt, rows in (await _lines_of(db, member, named)).items():
        decided += await _decide(db, books, member, receipt, rows, named, now, limits)
    return NamedOut(named.wording, named.inn, sku, decided)


async def _keep(session: AsyncSession, member: Member, line: int, sku: str | None) -> Named:
    row = (await session.execute(LINE, {"brand": member.brand_id, "line": line})).one_or_none()
    if row is None:
        raise LineUnknown
    product = None if sku is None else (await products.get(session, member, sku)).id
    named = Named(line, key(row.name), row.inn, product)
    before = await session.get(Alias, (member.brand_id, named.inn, named.wording), with_for_update=True)
    if named.wording and (before is None or before.product_id != product):
        new = {"product_id": product, "staff_id": member.staff_id, "at": func.now()}
        place = {"brand_id": member.brand_id, "seller_inn": named.inn, "key": named.wording}
        write = insert(Alias).values(**place, **new)
        await session.execute(write.on_conflict_do_update(index_elements=list(place), set_=new))
        audit.note(session, member, "wording.named", seller_inn=named.inn, wording=named.wording, sku=sku)
    return named


async def _lines_of(db: Database, member: Member, named: Named) -> dict[int, list[Any]]:
    """Lines that wait for this wording, by receipt."""
    found: dict[int, list[Any]] = {}
    for row in await db.rows(WAITING, brand=member.brand_id, inn=named.inn):
        if row.id == named.line or (named.wording and key(row.name) == named.wording):
            found.setdefault(row.receipt_id, []).append(row)
    return found


async def _decide(
    db: Database, books: Books, member: Member, receipt: int, rows: list[Any], named: Named, now: datetime,
    limits: Limits,
) -> int:  # fmt: skip
    for _ in range(ATTEMPTS):
        lines, programmes = await _priced(db, books, member, rows, named, now)
        try:
            row = await db.call(
                NAME_LINES, brand=member.brand_id, receipt=receipt, lines=written(lines), staff=member.staff_id,
                decide_by=limits.decide_by, above=limits.above,
            )  # fmt: skip
        except psycopg.Error as error:
            if error.sqlstate not in LOOK_AGAIN:
                raise
            for programme in programmes:
                books.forget(programme)
        else:
            return int(row.decided)
    raise Busy


async def _priced(
    db: Database, books: Books, member: Member, rows: list[Any], named: Named, now: datetime
) -> tuple[list[Priced], set[int]]:
    if named.product_id is None:
        return refused([row.id for row in rows], "not_ours"), set()
    lines = [waiting(row, named.product_id) for row in rows]
    return await reprice(db, books, member.brand_id, lines, now)
