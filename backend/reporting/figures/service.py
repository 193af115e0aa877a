"""Costs of campaigns, products, shops and agents in a period: sums over awards, clawbacks, redemptions and returns.

Bonuses equal the ledger's entries to the kopeck: awards are its earnings (the ledger audit compares them), clawbacks
are its clawbacks, corrections have a row of their own. The amounts of a redemption are divided among its lines in
proportion to the price paid, without a remainder.
"""

from typing import Literal, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.rows import read_rows
from backend.core.language import language
from backend.identity.brands.authentication import Member
from backend.reporting.lists.list_filters import Filters, equality_condition, period_condition

GroupedBy = Literal["campaign", "product", "shop", "agent", "day", "month"]
MAX_ROWS = 1000  # of a response; a file has all
_ZONE = "Europe/Moscow"
# The part of one line in an amount of a whole redemption.
_PART = """
    CASE WHEN s.total > 0 THEN div({0}::numeric * s.upto, s.total) - div({0}::numeric * (s.upto - s.base), s.total)
        WHEN s.n = 1 THEN {0} ELSE 0 END"""
FACTS = f"""
    ours AS MATERIALIZED (SELECT id, currency FROM programmes WHERE brand_id = :brand),
    facts AS (
        -- Awards. Sales with promo codes are counted below, additional awards of stacked campaigns with their claim.
        SELECT a.at, v.campaign_id, a.programme_id, a.account_id, a.product_id,
            CASE WHEN a.cause = 4 THEN a.cause_id END AS redemption_id, (a.cause NOT IN (4, 12))::int AS times,
            CASE WHEN a.cause NOT IN (4, 12) THEN a.base ELSE 0 END AS base, a.amount AS bonus, 0 AS discount,
            0 AS base_back, 0 AS bonus_back, 0 AS discount_back
        FROM accruals a JOIN ours o ON o.id = a.programme_id JOIN campaign_versions v ON v.id = a.version_id
        WHERE a.at >= CAST(:since AS timestamptz) AND a.at < CAST(:upto AS timestamptz)
        UNION ALL
        SELECT m.at, v.campaign_id, a.programme_id, a.account_id, a.product_id,
            CASE WHEN a.cause = 4 THEN a.cause_id END, 0, 0, 0, 0, 0, m.amount, 0
        FROM movements m JOIN movements e ON e.id = m.reverses
        JOIN accruals a ON a.cause = e.cause AND a.cause_id = e.cause_id JOIN ours o ON o.id = a.programme_id
        JOIN campaign_versions v ON v.id = a.version_id
        WHERE m.kind = 7 AND {period_condition("movements", "m.id", "m.at")}
        UNION ALL
        SELECT r.at, r.campaign_id, k.programme_id, r.account_id, NULL, r.id, 1, r.base, 0, r.discount, 0, 0, 0
        FROM redemptions r JOIN campaigns k ON k.id = r.campaign_id
        WHERE r.brand_id = :brand AND {period_condition("redemptions", "r.id", "r.at")}
        UNION ALL
        SELECT t.at, r.campaign_id, k.programme_id, r.account_id, NULL, r.id, 0, 0, 0, 0, b.base, 0, b.discount
        FROM sale_returns t JOIN reversals b ON b.return_id = t.id JOIN redemptions r ON r.id = b.redemption_id
        JOIN campaigns k ON k.id = r.campaign_id
        WHERE r.brand_id = :brand AND {period_condition("sale_returns", "t.id", "t.at")}
        UNION ALL
        SELECT c.done_at, NULL, c.programme_id, c.account_id, NULL, NULL, 1, 0, greatest(c.amount, 0), 0, 0,
            greatest(-c.amount, 0), 0
        FROM corrections c
        WHERE c.brand_id = :brand AND c.done_at >= CAST(:since AS timestamptz)
            AND c.done_at < CAST(:upto AS timestamptz)
    )"""  # noqa: S608 - our own conditions
_SUMS = ("times", "base", "bonus", "discount", "base_back", "bonus_back", "discount_back")
_LINES = f"""
    , split AS (
        SELECT x.redemption_id, l.product_id, x.base, sum(x.base) OVER w AS upto,
            sum(x.base) OVER (PARTITION BY x.redemption_id) AS total, row_number() OVER w AS n
        FROM (SELECT DISTINCT redemption_id FROM facts WHERE redemption_id IS NOT NULL) f
        JOIN redemptions r ON r.id = f.redemption_id JOIN shares x ON x.redemption_id = r.id
        LEFT JOIN sale_lines l ON l.sale_id = r.sale_id AND l.line = x.line
        WINDOW w AS (PARTITION BY x.redemption_id ORDER BY x.line)
    ), parts AS (
        SELECT f.at, f.campaign_id, f.programme_id, f.account_id, coalesce(f.product_id, s.product_id) AS product_id,
            f.redemption_id, f.times,
            {
    ", ".join(
        f"CASE WHEN s.redemption_id IS NULL THEN f.{name} ELSE {_PART.format(f'f.{name}')} END AS {name}"
        for name in _SUMS[1:]
    )
}
        FROM facts f LEFT JOIN split s ON s.redemption_id = f.redemption_id
    )"""  # noqa: S608
_NAME = "CASE WHEN :language = 'ru' OR {0}.name_en = '' THEN {0}.name_ru ELSE {0}.name_en END"
# For each grouping: the column of the key, its public key and its name.
KEYS = {
    "campaign": ("f.campaign_id", "k.key", _NAME.format("v")),
    "product": ("f.product_id", "p.sku", _NAME.format("p")),
    "shop": ("r.shop_id", "b.key", "h.name"),
    "agent": ("f.account_id", "a.card_number", "''"),
    "day": (f"(f.at AT TIME ZONE '{_ZONE}')::date", "top.key::text", "''"),
    "month": (f"to_char(f.at AT TIME ZONE '{_ZONE}', 'YYYY-MM')", "top.key", "''"),
}
NAMED = {
    "campaign": "LEFT JOIN campaigns k ON k.id = top.key "
    "LEFT JOIN campaign_versions v ON v.campaign_id = k.id AND v.version = k.version",
    "product": "LEFT JOIN products p ON p.id = top.key",
    "shop": "LEFT JOIN shops h ON h.id = top.key "
    "LEFT JOIN brand_shops b ON b.shop_id = top.key AND b.brand_id = :brand",
    "agent": "LEFT JOIN accounts a ON a.id = top.key",
    "day": "",
    "month": "",
}


class FigureRow(NamedTuple):
    """The sums of one key in one programme, or of all in one currency (`is_total`), which have no names and no cost."""

    is_total: bool
    shown: str | None
    name: str | None
    programme: str | None
    currency: Literal["PTS", "RUB"]
    cost: int | None
    times: int
    base: int
    bonus: int
    discount: int
    base_back: int
    bonus_back: int
    discount_back: int


def build_query(by: GroupedBy) -> str:
    """The query of figures for a grouping, followed by totals by currency."""
    key, shown, name = KEYS[by]
    facts, lines = ("parts", _LINES) if by == "product" else ("facts", "")
    shop = "LEFT JOIN redemptions r ON r.id = f.redemption_id" if by == "shop" else ""
    sums = ", ".join(f"sum(f.{column})::bigint AS {column}" for column in _SUMS)
    totals = ", ".join(f"sum({column})::bigint" for column in _SUMS)
    columns = ", ".join(_SUMS)
    return f"""
        WITH {FACTS} {lines}, counted AS (
            SELECT {key} AS key, f.programme_id, {sums} FROM {facts} f {shop}
            LEFT JOIN campaigns c ON c.id = f.campaign_id
            WHERE {equality_condition("c.key", "campaign")} GROUP BY 1, 2
        ), top AS (
            SELECT *, bonus - bonus_back + discount - discount_back AS cost FROM counted
            ORDER BY cost DESC, key, programme_id LIMIT :limit)
        SELECT false AS is_total, {shown} AS shown, {name} AS name, g.key AS programme, o.currency, cost, {columns}
        FROM top JOIN ours o ON o.id = programme_id JOIN programmes g ON g.id = programme_id {NAMED[by]}
        UNION ALL
        SELECT true, NULL, NULL, NULL, o.currency, NULL, {totals}
        FROM counted JOIN ours o ON o.id = programme_id GROUP BY o.currency
        ORDER BY is_total, cost DESC NULLS LAST, shown, programme
    """  # noqa: S608


QUERIES = {by: text(build_query(by)) for by in KEYS}  # type: ignore[arg-type]


async def aggregate_figures(
    session: AsyncSession, member: Member, by: GroupedBy, wanted: Filters, limit: int = MAX_ROWS + 1
) -> list[FigureRow]:
    """Figures, the highest cost first, and totals over all of them by currency (`is_total`)."""
    values = wanted.values(member) | {"limit": limit, "language": language.get()}
    return await read_rows(session, FigureRow, QUERIES[by], values)
