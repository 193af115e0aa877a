"""Look-up of a code of the brand: its batch and position, its claim, and refused scans."""

from datetime import UTC, date, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.rows import read_row
from backend.core.http.errors import NotFound
from backend.core.json_values import JsonObject
from backend.core.language import language
from backend.core.settings import Settings
from backend.earning.packages.service import CodeLookup
from backend.earning.promocodes.words import code_parser
from backend.earning.scans import scan_decisions
from backend.earning.scans.outcomes import scanned_text
from backend.earning.scans.scan_time import ScanTime
from backend.identity.brands.authentication import Member
from backend.programmes.rules.explanation import AccrualAmounts, RuleVersionCache, explain_accrual
from backend.reporting.lookups.code_schemas import (
    ClaimAttemptOut,
    ClaimOut,
    ClaimSignalOut,
    CodeKind,
    CodeLookupOut,
    CodeState,
)

KINDS: dict[int, CodeKind] = {1: "package", 2: "list", 3: "marking"}
# The slot is above 37 bits of the serial, see packages_cause_id.
FIND = text("""
    SELECT f.cause, f.cause_id, coalesce(f.reason, 'free') AS state, p.sku, p.name_ru, p.name_en, b.key AS batch,
        CASE f.cause WHEN 1 THEN (f.cause_id & 137438953471) - b.first_serial + 1
            WHEN 2 THEN (SELECT count(*) FROM imported_codes x WHERE x.batch_id = b.id AND x.id <= f.cause_id)
            ELSE (SELECT count(*) FROM marked_units x WHERE x.batch_id = b.id AND x.id <= f.cause_id) END AS position
    FROM packages_find(CAST(:items AS jsonb)) AS f LEFT JOIN products p ON p.id = f.product_id
    LEFT JOIN batches b ON b.id = CASE f.cause
        WHEN 1 THEN (packages_range((f.cause_id >> 37)::int, f.cause_id & 137438953471)).batch_id
        WHEN 2 THEN (SELECT c.batch_id FROM imported_codes c WHERE c.id = f.cause_id)
        ELSE (SELECT u.batch_id FROM marked_units u WHERE u.id = f.cause_id) END
    WHERE f.brand_id = :brand
""")
CLAIM = text("""
    SELECT coalesce(c.card_number, '') AS card_number, a.at, a.version_id, a.base, a.gross, a.amount, x.amount AS added,
        a.matures_on, a.expires_on, a.matures_on > (now() AT TIME ZONE g.timezone)::date AS waits, g.currency,
        k.key AS campaign,
        (SELECT coalesce(sum(r.amount), 0)::bigint FROM movements e JOIN movements r ON r.wallet_id = e.wallet_id
            AND r.reverses = e.id AND r.kind = 7
            WHERE e.kind = 1 AND (e.cause = a.cause AND e.cause_id = a.cause_id
                OR e.cause = 12 AND e.cause_id = ANY (x.ids))) AS taken_back,
        (SELECT l.receipt_id FROM receipt_lines l WHERE l.cause = 3 AND a.cause = 3 AND l.cause_id = a.cause_id
            AND l.state = 'paid' LIMIT 1) AS receipt,
        coalesce((SELECT jsonb_agg(jsonb_build_object('rule', x.rule, 'shadow', x.shadow, 'inputs', x.inputs)
            ORDER BY x.id) FROM scan_signals x WHERE x.brand_id = :brand AND x.cause = a.cause
            AND x.cause_id = a.cause_id AND x.account_id = a.account_id), '[]') AS signals
    FROM accruals a JOIN accounts c ON c.id = a.account_id JOIN programmes g ON g.id = a.programme_id
    JOIN campaign_versions v ON v.id = a.version_id JOIN campaigns k ON k.id = v.campaign_id
    CROSS JOIN LATERAL (SELECT coalesce(sum(w.amount), 0)::bigint AS amount, array_agg(d.id) AS ids
        FROM additional_awards d JOIN accruals w ON w.cause = 12 AND w.cause_id = d.id
        WHERE d.cause = a.cause AND d.cause_id = a.cause_id) AS x
    WHERE a.cause = :cause AND a.cause_id = :id AND g.brand_id = :brand
""")
ATTEMPTS = text("""
    SELECT coalesce(c.card_number, '') AS card_number, s.at, s.reason
    FROM scans s JOIN accounts c ON c.id = s.account_id
    WHERE s.cause = :cause AND s.cause_id = :id AND s.reason IS NOT NULL
        -- A unit of no list may have been claimed at another brand that sells under the same GTIN.
        AND (CAST(:is_listed AS boolean) OR NOT EXISTS (
            SELECT FROM accruals a WHERE a.cause = :cause AND a.cause_id = :id
                AND NOT EXISTS (SELECT FROM programmes g WHERE g.id = a.programme_id AND g.brand_id = :brand)))
    ORDER BY s.at, s.id LIMIT 100
""")
PROMO = text("""
    SELECT c.id, coalesce(c.shown, c.code) AS code, c.closed_at, c.used, k.key AS campaign, a.card_number
    FROM promo_codes c JOIN campaigns k ON k.id = c.campaign_id LEFT JOIN accounts a ON a.id = c.account_id
    WHERE c.brand_id = :brand AND c.code = :code
""")


class GoodsCodeRow(NamedTuple):
    """A code of goods; one that was never listed has no `cause_id`."""

    cause: int
    cause_id: int | None
    state: CodeState
    sku: str | None
    name_ru: str | None
    name_en: str | None
    batch: UUID | None
    position: int | None


class ClaimRow(NamedTuple):
    """A claim, and what fraud rules saw in it: the fields of `ClaimSignalOut`."""

    card_number: str
    at: datetime
    version_id: int
    base: int
    gross: int
    amount: int
    added: int
    matures_on: date
    expires_on: date
    waits: bool
    currency: str
    campaign: str
    taken_back: int
    receipt: int | None
    signals: list[JsonObject]


class CodeNotFound(NotFound):
    """Your brand has no such code. Check that it was typed as it is printed."""

    code = "code_not_found"


async def find_code(
    session: AsyncSession, settings: Settings, versions: RuleVersionCache, member: Member, scanned: str
) -> CodeLookupOut:
    """Find a scanned text among the brand's codes, with its claim and attempts.

    Raises:
        CodeNotFound: it is not a code of the brand.
    """
    code = await _find_goods_code(session, settings, versions, member, scanned)
    code = code or await _find_promo_code(session, member, scanned)
    if code is None:
        raise CodeNotFound
    return code


async def _find_goods_code(
    session: AsyncSession, settings: Settings, versions: RuleVersionCache, member: Member, scanned: str
) -> CodeLookupOut | None:
    (lookup,) = scan_decisions.read_texts(settings, [scanned_text(UUID(int=0), scanned, ScanTime(datetime.now(UTC)))])
    if not isinstance(lookup, CodeLookup):
        return None
    items = msgspec.json.encode([lookup]).decode()
    row = await read_row(session, GoodsCodeRow, FIND, {"items": items, "brand": member.brand_id})
    if row is None:
        return None
    name = row.name_ru if language.get() == "ru" else row.name_en or row.name_ru
    position = row.position if row.batch else None
    out = CodeLookupOut(KINDS[row.cause], row.state, row.cause_id, row.batch, position, row.sku, name)
    if row.cause_id is not None:
        await _add_history(session, versions, member, row, out)
    return out


async def _add_history(
    session: AsyncSession, versions: RuleVersionCache, member: Member, row: GoodsCodeRow, out: CodeLookupOut
) -> None:
    """Add the claim and the refused scans to `out`."""
    parameters: dict[str, object] = {"cause": row.cause, "id": row.cause_id, "brand": member.brand_id}
    claim = await read_row(session, ClaimRow, CLAIM, parameters)
    if claim is not None:
        out.state, out.claim = "claimed", await _claim_response(versions, claim)
    attempts = await session.execute(ATTEMPTS, parameters | {"is_listed": row.batch is not None})
    out.attempts = [ClaimAttemptOut(attempt.card_number, attempt.at, attempt.reason) for attempt in attempts]


async def _claim_response(versions: RuleVersionCache, row: ClaimRow) -> ClaimOut:
    loaded = await versions.load([row.version_id])
    accrued = AccrualAmounts(row.version_id, row.base, row.gross, row.amount, row.matures_on, row.expires_on)
    return ClaimOut(
        row.card_number,
        row.at,
        row.amount + row.added,
        row.currency,
        row.campaign,
        explain_accrual(loaded[row.version_id], accrued, waits=row.waits).text,
        row.taken_back,
        row.matures_on if row.waits else None,
        row.receipt,
        msgspec.convert(row.signals, list[ClaimSignalOut]),
    )


async def _find_promo_code(session: AsyncSession, member: Member, scanned: str) -> CodeLookupOut | None:
    spelled = code_parser.parse_code(scanned)
    if spelled is None:
        return None
    row = (await session.execute(PROMO, {"brand": member.brand_id, "code": spelled.code})).one_or_none()
    if row is None:
        return None
    return CodeLookupOut(
        "promo",
        "closed" if row.closed_at else "open",
        row.id,
        code=row.code,
        campaign=row.campaign,
        card_number=row.card_number,
        uses=row.used,
    )
