"""From a verified document to money: which lines are whose, what the rules give for each, and one statement."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
from sqlalchemy import text

from backend.database import Database
from backend.programmes.offers import Books
from backend.receipts import pricing, signals
from backend.receipts.catalogues import Catalogues, Goods
from backend.receipts.matching import key
from backend.receipts.pricing import Wanted
from backend.receipts.sending import is_quick
from backend.settings import Settings
from scanning.document import Document, Line

SETTLE = text("""
    SELECT receipts_settle(:receipt, CAST(:claim AS jsonb), CAST(:lines AS jsonb), CAST(:signals AS jsonb),
        CAST(:limits AS jsonb), :decide_by)
""")
SELLERS = text("""
    SELECT s.brand_id, s.inn, s.allowed FROM receipt_sellers s
    WHERE s.brand_id = ANY(:brands) AND (s.allowed OR s.inn = ANY(:inns))
""")
ALIASES = text("""
    SELECT brand_id, key, product_id FROM line_aliases
    WHERE brand_id = ANY(:brands) AND seller_inn = :seller AND key = ANY(:keys)
""")
LOOK_AGAIN = ("SB010", "SB011")
ATTEMPTS = 3
FULL_SETTLEMENT = (4, None)  # tag 1214; old formats do not say
LONGEST_NAME = 200  # of a line, as it is kept
SUMS_COMPUTED = "sums_computed"  # a warning of scanning.document
LONGEST_SERIAL = 20  # GS1, AI 21: what is longer is no serial number of a unit


class Accepted(msgspec.Struct, frozen=True):
    """A receipt whose document was found and agrees with what was sent."""

    id: int
    account_id: int
    sent_at: datetime
    document: Document


class Unsettled(RuntimeError):
    """The rules change faster than we can follow."""


async def settle(
    db: Database, settings: Settings, books: Books, catalogues: Catalogues, found: Accepted, now: datetime
) -> None:
    """Claim the receipt and pay its lines; safe to run again.

    Raises:
        Unsettled: come back later.
    """
    goods = await catalogues.goods()
    wanted = await match(db, goods, found.document)
    seen = await signals.seen(db, found.account_id, found.document)
    limits = await signals.limits(db, settings, now)
    for _ in range(ATTEMPTS):
        lines, programmes = await pricing.price(db, books, goods, wanted, found.sent_at, now)
        try:
            await db.rows(
                SETTLE, receipt=found.id, claim=_written(_claim(found)), lines=_written(lines), signals=_written(seen),
                limits=_written(limits),
                decide_by=now + timedelta(hours=settings.numbers.at("review_hours", now.date())),
            )  # fmt: skip
        except psycopg.Error as error:
            if error.sqlstate not in LOOK_AGAIN:
                raise
            for programme in programmes:
                books.forget(programme)
        else:
            return
    raise Unsettled(found.id)


def _claim(found: Accepted) -> dict[str, Any]:
    document = found.document
    return {
        "seller_inn": document.seller_inn, "till": document.fn, "region": document.region, "bought_at": document.at,
        "number": document.fd, "quick": is_quick(document.at, found.sent_at),
    }  # fmt: skip


def _written(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def match(db: Database, goods: Sequence[Goods], document: Document) -> list[Wanted]:
    """The lines that are some brand's goods, or may be; a shop's wording that a person decided on comes first."""
    brands = [row.brand_id for row in goods]
    keys = {line.n: key(line.name[:LONGEST_NAME]) for line in document.lines}
    known = await db.rows(ALIASES, brands=brands, seller=document.seller_inn or "", keys=list(keys.values()))
    aliases = {(row.brand_id, row.key): row.product_id for row in known}
    shut = await _shut(db, brands, document)
    found = []
    for row in goods:
        for line in document.lines:
            wanted = _wanted(row, line, aliases, keys[line.n])
            if wanted is not None:
                wanted = _held_against(wanted, line, excluded=line.n in shut.get(row.brand_id, ()))
                found.append(_for_people(wanted) if SUMS_COMPUTED in document.warnings else wanted)
    return found


def _wanted(goods: Goods, line: Line, aliases: dict[tuple[int, str], int | None], wording: str) -> Wanted | None:
    common = _common(goods.brand_id, line)
    if (goods.brand_id, wording) in aliases:
        product = aliases[goods.brand_id, wording]
        return None if product is None else Wanted(**common, product=product, how="alias", score=1.0)
    found = goods.catalogue.match(line.name, line.gtin)
    if found.how == "none" or not (found.product_id or found.candidates):
        return None
    candidates = [list(pair) for pair in found.candidates]
    if found.sure:
        return Wanted(**common, product=found.product_id, how=found.how, score=found.score, candidates=candidates)
    return Wanted(
        **common, product=None, how=found.how, score=found.score, candidates=candidates, state="review",
        reason="doubtful",
    )  # fmt: skip


def _common(brand_id: int, line: Line) -> dict[str, Any]:
    unit = line.gtin and line.serial and len(line.serial) <= LONGEST_SERIAL
    return {
        "brand": brand_id, "n": line.n, "name": line.name[:LONGEST_NAME], "quantity": line.quantity, "sum": line.sum,
        "gtin": line.gtin, "serial": line.serial if unit else None,
    }  # fmt: skip


def _held_against(wanted: Wanted, line: Line, *, excluded: bool) -> Wanted:
    """An advance, or a shop that the brand does not pay for, refuses a line that would be paid."""
    reason = "not_full_settlement" if line.payment not in FULL_SETTLEMENT else "shop_excluded" if excluded else None
    return msgspec.structs.replace(wanted, state="refused", reason=reason) if reason else wanted


def _for_people(wanted: Wanted) -> Wanted:
    """A source that had no sums of lines is not believed with money: a person looks at what would be paid."""
    if wanted.state != "paid":
        return wanted
    candidates = wanted.candidates or [[wanted.product, wanted.score]]
    return msgspec.structs.replace(wanted, state="review", reason="doubtful", product=None, candidates=candidates)


async def _shut(db: Database, brands: list[int], document: Document) -> dict[int, set[int]]:
    """The lines of shops that a brand pays nothing for, by both tax numbers: the till's owner's and the supplier's."""
    suppliers = {line.supplier_inn for line in document.lines}
    inns = [inn for inn in {document.seller_inn, *suppliers} if inn]
    named: dict[int, dict[str, bool]] = {}
    for row in await db.rows(SELLERS, brands=brands, inns=inns):
        named.setdefault(row.brand_id, {})[row.inn] = row.allowed
    return {brand: {line.n for line in document.lines if _is_shut(known, document.seller_inn, line.supplier_inn)}
            for brand, known in named.items()}  # fmt: skip


def _is_shut(known: dict[str, bool], *inns: str | None) -> bool:
    said = [known[inn] for inn in inns if inn in known]
    return not all(said) if said else any(known.values())
