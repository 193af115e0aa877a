"""Settlement of a verified receipt: match its lines, price them by the rules, claim and pay in one statement."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.earning.receipts.awards import pricing, signals
from backend.earning.receipts.awards.current_prices import decide_at_current_prices
from backend.earning.receipts.awards.payment_steps import PricesOutdated
from backend.earning.receipts.awards.pricing import ReceiptAge, SettlementLine
from backend.earning.receipts.awards.receipt_claims import ClaimFields, Settlement, settle
from backend.earning.receipts.catalogues import BrandCatalogue, CatalogueCache
from backend.earning.receipts.matching import wording_key
from backend.earning.receipts.models import ALL_SHOPS
from backend.earning.receipts.submission import is_quick_submission
from backend.programmes.rules.rule_cache import RuleCache
from scanning.receipts.document import Document, Line

SELLER_DECISIONS = text("""
    SELECT s.brand_id, s.inn, s.allowed FROM receipt_sellers s
    WHERE s.brand_id = ANY(:brands) AND (s.allowed OR s.inn = ANY(:inns))
""")
LINE_ALIASES = text("""
    SELECT DISTINCT ON (brand_id, key) brand_id, key, product_id FROM line_aliases
    WHERE brand_id = ANY(:brands) AND seller_inn IN (:seller, :everywhere) AND key = ANY(:keys)
    ORDER BY brand_id, key, seller_inn = :everywhere -- a decision about the shop precedes the general one
""")
ATTEMPTS = 3
FULL_SETTLEMENT = (4, None)  # tag 1214; old formats do not have it
MAX_NAME_LENGTH = 200  # of a line, as it is stored
# Warnings of scanning.receipts.document about sums that are too unreliable to pay for.
UNRELIABLE_SUMS = frozenset({"sums_computed", "lines_unclear"})
MAX_SERIAL_LENGTH = 20  # GS1, AI 21: a longer text is not the serial number of a unit


class VerifiedReceipt(msgspec.Struct, frozen=True):
    """A receipt whose document was found and matches what was sent."""

    id: int
    account_id: int
    sent_at: datetime
    document: Document
    bought_at: datetime | None = None


class SettlementConflict(RuntimeError):
    """The rules changed during each attempt."""


async def settle_receipt(
    db: Database,
    settings: Settings,
    rule_cache: RuleCache,
    catalogues: CatalogueCache,
    found: VerifiedReceipt,
    now: datetime,
) -> None:
    """Claim the receipt and pay its lines. Idempotent.

    Raises:
        SettlementConflict: the rules changed during each attempt; retry later.
    """
    goods = await catalogues.brand_catalogues()
    matched = await match_lines(db, goods, found.document)
    found_signals = await signals.distance_signals(db, found.account_id, found.document)
    limits = await signals.signal_limits(db, settings, now)
    age = ReceiptAge.of(found.bought_at, found.sent_at, settings.numbers.at("receipt_age_hours", now.date()))
    decide_by = now + timedelta(hours=settings.numbers.at("review_hours", now.date()))

    async def decide(lines: list[SettlementLine]) -> None:
        settlement = Settlement(found.id, _claim_fields(found), lines, found_signals, limits, decide_by)
        await db.transaction(partial(settle, settlement=settlement))

    price = partial(pricing.price_lines, db, rule_cache, goods, matched, found.sent_at, now, age)
    try:
        await decide_at_current_prices(rule_cache, ATTEMPTS, price, decide)
    except PricesOutdated as error:
        raise SettlementConflict(found.id) from error


def _claim_fields(found: VerifiedReceipt) -> ClaimFields:
    document = found.document
    return ClaimFields(
        document.seller_inn,
        document.fn,
        document.region,
        document.at,
        document.fd,
        is_quick_submission(document.at, found.sent_at),
    )


async def match_lines(db: Database, goods: Sequence[BrandCatalogue], document: Document) -> list[SettlementLine]:
    """The lines that are or may be goods of a brand. A reviewer's decision about a shop's wording comes first."""
    brands = [row.brand_id for row in goods]
    keys = {line.n: wording_key(line.name[:MAX_NAME_LENGTH]) for line in document.lines}
    seller = document.seller_inn or ""
    alias_rows = await db.rows(
        LINE_ALIASES, brands=brands, seller=seller, everywhere=ALL_SHOPS, keys=list(keys.values())
    )
    aliases = {(row.brand_id, row.key): row.product_id for row in alias_rows}
    excluded_lines = await _excluded_lines(db, brands, document)
    found = []
    for row in goods:
        for line in document.lines:
            wanted = _match_line(row, line, aliases, keys[line.n])
            if wanted is not None:
                wanted = _refuse_ineligible(wanted, line, excluded=line.n in excluded_lines.get(row.brand_id, ()))
                found.append(_send_to_review(wanted) if UNRELIABLE_SUMS & {*document.warnings} else wanted)
    return found


def _match_line(
    goods: BrandCatalogue, line: Line, aliases: dict[tuple[int, str], int | None], wording: str
) -> SettlementLine | None:
    common = _line_fields(goods.brand_id, line)
    if (goods.brand_id, wording) in aliases:
        product = aliases[goods.brand_id, wording]
        return None if product is None else SettlementLine(**common, product=product, how="alias", score=1.0)
    found = goods.catalogue.match(line.name, line.gtin)
    if found.how == "none" or not (found.product_id or found.candidates):
        return None
    candidates = [list(pair) for pair in found.candidates]
    if found.sure:
        return SettlementLine(
            **common, product=found.product_id, how=found.how, score=found.score, candidates=candidates
        )
    return SettlementLine(
        **common,
        product=None,
        how=found.how,
        score=found.score,
        candidates=candidates,
        state="review",
        reason="doubtful",
    )


def _line_fields(brand_id: int, line: Line) -> dict[str, Any]:
    unit = line.gtin and line.serial and len(line.serial) <= MAX_SERIAL_LENGTH
    return {
        "brand": brand_id,
        "n": line.n,
        "name": line.name[:MAX_NAME_LENGTH],
        "quantity": line.quantity,
        "sum": line.sum,
        "gtin": line.gtin,
        "serial": line.serial if unit else None,
    }


def _refuse_ineligible(wanted: SettlementLine, line: Line, *, excluded: bool) -> SettlementLine:
    """Refuse a line that is an advance, or is from a shop that the brand does not pay for."""
    reason = "not_full_settlement" if line.payment not in FULL_SETTLEMENT else "shop_excluded" if excluded else None
    return msgspec.structs.replace(wanted, state="refused", reason=reason) if reason else wanted


def _send_to_review(wanted: SettlementLine) -> SettlementLine:
    """Send a line with a computed or unclear sum to review instead of paying it."""
    if wanted.state != "paid":
        return wanted
    candidates = wanted.candidates or [[wanted.product, wanted.score]]
    return msgspec.structs.replace(wanted, state="review", reason="doubtful", product=None, candidates=candidates)


async def _excluded_lines(db: Database, brands: list[int], document: Document) -> dict[int, set[int]]:
    """The lines of excluded shops for each brand, by the tax number of the till's owner and of the supplier."""
    suppliers = {line.supplier_inn for line in document.lines}
    inns = [inn for inn in {document.seller_inn, *suppliers} if inn]
    named: dict[int, dict[str, bool]] = {}
    for row in await db.rows(SELLER_DECISIONS, brands=brands, inns=inns):
        named.setdefault(row.brand_id, {})[row.inn] = row.allowed
    return {
        brand: {line.n for line in document.lines if _is_excluded(known, document.seller_inn, line.supplier_inn)}
        for brand, known in named.items()
    }


def _is_excluded(known: dict[str, bool], *inns: str | None) -> bool:
    decisions = [known[inn] for inn in inns if inn in known]
    return not all(decisions) if decisions else any(known.values())
