"""Deciding about an agent of the review queue: release, claw back, freeze, or say that a rule was wrong."""

from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.brands import audit
from backend.brands.door import Member
from backend.database import Database
from backend.errors import Busy, Conflict, Invalid, NotFound
from backend.programmes.offers import Books
from backend.receipts.repricing import ATTEMPTS, LOOK_AGAIN, Priced, WaitingLine, reprice, written
from backend.receipts.review_schemas import DecisionIn
from backend.settings import Settings

DECIDE = text("""
    SELECT reviews_decide(:brand, :review, :staff, :action, :rule, :note, CAST(:lines AS jsonb), :above) AS said
""")
WAITING = text("""
    SELECT l.id, l.receipt_id, r.sent_at, l.n, l.name, l.quantity, l.sum, l.product_id
    FROM reviews v JOIN receipts r ON r.account_id = v.account_id JOIN receipt_lines l ON l.receipt_id = r.id
    WHERE v.id = :review AND v.brand_id = :brand AND l.brand_id = :brand AND l.state = 'review' AND l.reason = 'checked'
    ORDER BY l.id
""")
KNOWN_RULE = text("""
    SELECT count(*) AS n FROM receipt_signals WHERE review_id = :review AND brand_id = :brand AND rule = :rule
""")
UNFREEZE = text("""
    DELETE FROM freezes f USING accounts a
    WHERE f.brand_id = :brand AND a.id = f.account_id AND a.card_number = :card RETURNING f.account_id
""")
PAYING = ("release", "rule_wrong")


class ReviewUnknown(NotFound):
    """Your brand has no such item to review."""


class ReviewDecided(Conflict):
    """This has been decided otherwise already."""


class SecondPersonNeeded(Conflict):
    """This is more than one person may release. Somebody else of your brand has to confirm it."""


class RuleNotFound(Invalid):
    """This rule has found nothing here. Name one of the findings, or none."""


class NotFrozen(NotFound):
    """Your brand looks at nobody with this card number."""


async def decide(
    db: Database, settings: Settings, books: Books, member: Member, review: int, wish: DecisionIn, now: datetime
) -> bool:
    """Decide an item in one transaction, the money with it; the same again is harmless. False: it is proposed only, and
    a second person is to confirm it.

    Raises:
        ReviewUnknown, ReviewDecided, SecondPersonNeeded, RuleNotFound. Busy: the rules change faster than we follow.
    """
    if wish.rule is not None:
        await _found_by(db, member, review, wish)
    above = settings.numbers.at("second_person_above", now.date())
    for _ in range(ATTEMPTS):
        lines, programmes = await priced(db, books, member, review, wish.action, now)
        try:
            row = await db.call(
                DECIDE, brand=member.brand_id, review=review, staff=member.staff_id, action=wish.action, rule=wish.rule,
                note=wish.note, lines=written(lines), above=above,
            )  # fmt: skip
        except psycopg.Error as error:
            if error.sqlstate not in LOOK_AGAIN:
                raise
            for programme in programmes:
                books.forget(programme)
            continue
        if row.said != "changed":
            return _said(row.said)
    raise Busy


async def _found_by(db: Database, member: Member, review: int, wish: DecisionIn) -> None:
    row = await db.call(KNOWN_RULE, review=review, brand=member.brand_id, rule=wish.rule)
    if wish.action != "rule_wrong" or (row.n == 0 and await _exists(db, member, review)):
        raise RuleNotFound


async def _exists(db: Database, member: Member, review: int) -> bool:
    find = text("SELECT id FROM reviews WHERE id = :review AND brand_id = :brand")
    return bool(await db.rows(find, review=review, brand=member.brand_id))


async def priced(
    db: Database, books: Books, member: Member, review: int, action: str, now: datetime
) -> tuple[list[Priced], set[int]]:
    """What the lines that wait would pay now, if the action pays at all."""
    if action not in PAYING:
        return [], set()
    rows = await db.rows(WAITING, review=review, brand=member.brand_id)
    return await reprice(db, books, member.brand_id, [waiting(row) for row in rows], now)


def waiting(row: Any, product: int | None = None) -> WaitingLine:
    """A line that waits, from its row; the product may be one that a person has just named."""
    of = product if product is not None else row.product_id
    return WaitingLine(row.id, row.receipt_id, row.sent_at, row.n, row.name, row.quantity, row.sum, of)


def _said(said: str) -> bool:
    refusals = {"unknown": ReviewUnknown, "other": ReviewDecided, "same_person": SecondPersonNeeded}
    if said in refusals:
        raise refusals[said]
    return said != "proposed"


async def unfreeze(session: AsyncSession, member: Member, card: str) -> None:
    """Pay an agent again without a look; what waits goes on waiting until it is decided.

    Raises:
        NotFrozen: the brand has not frozen him.
    """
    freed = (await session.execute(UNFREEZE, {"brand": member.brand_id, "card": card})).all()
    if not freed:
        raise NotFrozen
    audit.note(session, member, "review.unfrozen", account=freed[0].account_id)
