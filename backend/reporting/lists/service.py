"""Queries of the lists: redemptions, scans and receipts of a brand, newest first."""

from collections.abc import Callable
from datetime import datetime
from typing import Generic, Literal, NamedTuple, TypeVar

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.rows import read_rows
from backend.identity.brands.authentication import Member
from backend.reporting.lists.list_filters import Filters, equality_condition, period_condition
from backend.reporting.lookups.receipt_rows import ReceiptRow
from backend.reporting.lookups.receipts import COLUMNS

Row = TypeVar("Row")
RedemptionStatus = Literal["paid", "unpaid", "part_returned", "returned"]
ScanStatus = Literal["claimed", "already_claimed", "unissued"]
ScanKind = Literal["package", "list", "marking"]

REDEMPTIONS = f"""
    SELECT * FROM (
        SELECT r.id, r.at, s.taken_at, coalesce(c.shown, c.code) AS code, r.code_id, r.run, k.key AS campaign,
            g.currency, b.key AS shop, h.number AS shop_number, a.card_number, r.base, r.discount, r.bonus, r.reason,
            r.returned_base, r.returned_discount, r.returned_bonus,
            CASE WHEN r.returned_base = r.base AND r.base > 0 THEN 'returned'
                WHEN r.returned_base > 0 THEN 'part_returned' WHEN r.bonus > 0 THEN 'paid' ELSE 'unpaid' END AS status
        FROM redemptions r JOIN sales s ON s.id = r.sale_id JOIN promo_codes c ON c.id = r.code_id
        JOIN campaigns k ON k.id = r.campaign_id JOIN programmes g ON g.id = k.programme_id
        JOIN shops h ON h.id = r.shop_id LEFT JOIN accounts a ON a.id = r.account_id
        LEFT JOIN brand_shops b ON b.shop_id = r.shop_id AND b.brand_id = r.brand_id
        WHERE r.brand_id = :brand AND r.id < :before AND {period_condition("redemptions", "r.id", "r.at")}
            AND {equality_condition("k.key", "campaign")} AND {equality_condition("b.key", "shop")}
            AND {equality_condition("a.card_number", "agent")}
            AND (CAST(:product AS text) IS NULL OR EXISTS (
                SELECT FROM shares x JOIN sale_lines l ON l.sale_id = r.sale_id AND l.line = x.line
                JOIN products p ON p.id = l.product_id WHERE x.redemption_id = r.id AND p.sku = :product))
    ) AS r WHERE {equality_condition("status", "status")} ORDER BY id DESC LIMIT :limit
"""  # noqa: S608 - conditions of ours, values are parameters
# Claims and later scans of claimed codes are events of the brand; product, campaign and amount are the claim's.
SCANS = f"""
    SELECT * FROM (
        SELECT e.id, e.at, CASE e.kind WHEN 'package.claimed' THEN 'claimed' WHEN 'package.unissued' THEN 'unissued'
                ELSE 'already_claimed' END AS status,
            CASE e.body ->> 'cause' WHEN '1' THEN 'package' WHEN '2' THEN 'list' ELSE 'marking' END AS kind,
            (e.body ->> 'cause_id')::bigint AS code_id, c.card_number, k.key AS campaign, p.sku, g.currency,
            CASE WHEN e.kind = 'package.claimed' THEN (e.body ->> 'amount')::bigint END AS amount
        FROM events e JOIN accounts c ON c.id = e.account_id
        LEFT JOIN accruals a ON a.cause = (e.body ->> 'cause')::smallint
            AND a.cause_id = (e.body ->> 'cause_id')::bigint
        LEFT JOIN campaign_versions v ON v.id = a.version_id LEFT JOIN campaigns k ON k.id = v.campaign_id
        LEFT JOIN programmes g ON g.id = a.programme_id LEFT JOIN products p ON p.id = a.product_id
        WHERE e.brand_id = :brand AND e.id < :before AND {period_condition("events", "e.id", "e.at")}
            AND e.kind IN ('package.claimed', 'package.already_claimed', 'package.unissued')
            AND {equality_condition("k.key", "campaign")} AND {equality_condition("p.sku", "product")}
            AND {equality_condition("c.card_number", "agent")}
    ) AS e WHERE {equality_condition("status", "status")} ORDER BY id DESC LIMIT :limit
"""  # noqa: S608 - conditions of ours, values are parameters
RECEIPTS = f"""
    {COLUMNS} WHERE r.id < :before AND {period_condition("receipts", "r.id", "r.sent_at")}
        AND {equality_condition("a.card_number", "agent")} AND {equality_condition("r.state", "status")}
        AND EXISTS (SELECT FROM receipt_lines l LEFT JOIN products p ON p.id = l.product_id
            LEFT JOIN accruals w ON l.state = 'paid' AND w.cause = l.cause AND w.cause_id = l.cause_id
            LEFT JOIN campaign_versions v ON v.id = w.version_id LEFT JOIN campaigns k ON k.id = v.campaign_id
            WHERE l.receipt_id = r.id AND l.brand_id = :brand
                AND {equality_condition("p.sku", "product")} AND {equality_condition("k.key", "campaign")})
    ORDER BY r.id DESC LIMIT :limit
"""


class RedemptionRow(NamedTuple):
    """A promo code used in a sale; amounts in kopecks, bonuses in minor units of `currency`."""

    id: int
    at: datetime
    taken_at: datetime | None
    code: str
    code_id: int
    run: int
    campaign: str
    currency: str
    shop: str | None
    shop_number: str
    card_number: str | None
    base: int
    discount: int
    bonus: int
    reason: str | None
    returned_base: int
    returned_discount: int
    returned_bonus: int
    status: RedemptionStatus


class ScanRow(NamedTuple):
    """A claim of a code, or an attempt at one that was claimed or never issued."""

    id: int
    at: datetime
    status: ScanStatus
    kind: ScanKind
    code_id: int
    card_number: str | None
    campaign: str | None
    sku: str | None
    currency: str | None
    amount: int | None


class BrandList(NamedTuple, Generic[Row]):
    """A list of the console: its query, and the type of its rows."""

    query: TextClause
    row: Callable[..., Row]


REDEMPTION_LIST = BrandList(text(REDEMPTIONS), RedemptionRow)
SCAN_LIST = BrandList(text(SCANS), ScanRow)
RECEIPT_LIST = BrandList(text(RECEIPTS), ReceiptRow)


async def list_rows(
    session: AsyncSession, member: Member, wanted_list: BrandList[Row], wanted: Filters, before: int | None, limit: int
) -> list[Row]:
    """At most `limit` rows of a list with ids below `before`, newest first."""
    values = wanted.values(member) | {"before": before or 2**62, "limit": limit}
    return await read_rows(session, wanted_list.row, wanted_list.query, values)
