"""An agent's card and timeline, limited to the data of one brand."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.rows import read_row, read_rows
from backend.core.http.errors import NotFound
from backend.core.http.pagination import CursorInvalid, text_from_cursor
from backend.core.json_values import JsonObject
from backend.identity.brands.authentication import Member
from backend.reporting.lookups.agent_schemas import EntryKind

# Whether the code of a refused scan is the brand's; see packages_find for the causes.
_OURS = """
    CASE s.cause WHEN 1 THEN EXISTS (SELECT FROM slots o WHERE o.slot = s.cause_id >> 37 AND o.brand_id = :brand)
        WHEN 2 THEN EXISTS (SELECT FROM imported_codes c JOIN batches b ON b.id = c.batch_id
            WHERE c.id = s.cause_id AND b.brand_id = :brand)
        WHEN 3 THEN EXISTS (SELECT FROM marked_units u WHERE u.id = s.cause_id AND CASE WHEN u.batch_id IS NOT NULL
            -- Another brand may sell under the same GTIN: a listed unit belongs to the brand that listed it.
            THEN EXISTS (SELECT FROM batches b WHERE b.id = u.batch_id AND b.brand_id = :brand)
            ELSE EXISTS (SELECT FROM products p WHERE p.gtin = u.gtin AND p.brand_id = :brand)
                AND NOT EXISTS (SELECT FROM accruals c WHERE c.cause = 3 AND c.cause_id = u.id
                    AND NOT EXISTS (SELECT FROM programmes o WHERE o.id = c.programme_id AND o.brand_id = :brand))
            END) END
"""
CARD = text(f"""
    SELECT a.id, a.card_number, coalesce(r.rung, 0) AS rung, f.account_id IS NOT NULL AS frozen,
        (SELECT min(m.at) FROM wallets w JOIN programmes g ON g.id = w.book_id
            JOIN movements m ON m.wallet_id = w.id AND m.wallet_seq = 1
            WHERE w.owner_id = a.id AND g.brand_id = :brand) AS since,
        coalesce((SELECT jsonb_agg(jsonb_build_object('programme', g.key, 'currency', g.currency,
                'available', w.available, 'pending', w.pending, 'held', w.held) ORDER BY g.id)
            FROM wallets w JOIN programmes g ON g.id = w.book_id
            WHERE w.owner_id = a.id AND g.brand_id = :brand), '[]') AS wallets
    FROM accounts a LEFT JOIN rungs r ON r.account_id = a.id AND r.brand_id = :brand
    LEFT JOIN freezes f ON f.account_id = a.id AND f.brand_id = :brand
    WHERE a.card_number = :card AND (
        EXISTS (SELECT FROM wallets w JOIN programmes g ON g.id = w.book_id
            WHERE w.owner_id = a.id AND g.brand_id = :brand)
        OR EXISTS (SELECT FROM corrections c WHERE c.account_id = a.id AND c.brand_id = :brand)
        OR EXISTS (SELECT FROM receipts t JOIN receipt_lines l ON l.receipt_id = t.id
            WHERE t.account_id = a.id AND l.brand_id = :brand)
        OR EXISTS (SELECT FROM promo_codes p WHERE p.account_id = a.id AND p.brand_id = :brand)
        OR EXISTS (SELECT FROM scans s WHERE s.account_id = a.id AND s.reason IS NOT NULL AND {_OURS}))
""")  # noqa: S608 - our own queries
SOURCES = {
    "claim": """
        SELECT a.at, a.cause || ':' || a.cause_id AS id, jsonb_build_object('amount', a.amount, 'currency', g.currency,
            'version_id', a.version_id, 'base', a.base, 'gross', a.gross, 'matures_on', a.matures_on,
            'expires_on', a.expires_on, 'waits', a.matures_on > (now() AT TIME ZONE g.timezone)::date, 'sku', p.sku,
            'campaign', k.key, 'signals', (SELECT jsonb_agg(jsonb_build_object('rule', x.rule, 'inputs', x.inputs)
                ORDER BY x.id) FROM scan_signals x WHERE x.brand_id = :brand AND x.cause = a.cause
                AND x.cause_id = a.cause_id AND x.account_id = a.account_id)) AS body
        FROM accruals a JOIN programmes g ON g.id = a.programme_id LEFT JOIN products p ON p.id = a.product_id
        JOIN campaign_versions v ON v.id = a.version_id JOIN campaigns k ON k.id = v.campaign_id
        WHERE a.account_id = :account AND g.brand_id = :brand
            AND (a.cause IN (1, 2, 3) OR a.cause = 12 AND EXISTS (
                SELECT FROM additional_awards d WHERE d.id = a.cause_id AND d.cause IN (1, 2, 3)))""",
    "refused_scan": f"""
        SELECT s.at, s.id || ':' || s.n AS id, jsonb_build_object('reason', s.reason, 'cause', s.cause,
            'cause_id', s.cause_id) AS body
        FROM scans s WHERE s.account_id = :account AND s.reason IS NOT NULL AND {_OURS}""",  # noqa: S608
    "redemption": """
        SELECT r.at, r.id::text AS id, jsonb_build_object('amount', r.bonus - r.returned_bonus, 'currency', g.currency,
            'reason', r.reason, 'code', coalesce(c.shown, c.code), 'code_id', r.code_id, 'shop', s.key,
            'shop_number', h.number, 'campaign', k.key, 'base', r.base, 'discount', r.discount,
            'returned_base', r.returned_base, 'returned_bonus', r.returned_bonus, 'version_id', a.version_id,
            'gross', a.gross, 'accrued', a.amount, 'matures_on', a.matures_on, 'expires_on', a.expires_on,
            'waits', a.matures_on > (now() AT TIME ZONE g.timezone)::date) AS body
        FROM redemptions r JOIN promo_codes c ON c.id = r.code_id JOIN campaigns k ON k.id = r.campaign_id
        JOIN programmes g ON g.id = k.programme_id JOIN shops h ON h.id = r.shop_id
        LEFT JOIN brand_shops s ON s.shop_id = r.shop_id AND s.brand_id = r.brand_id
        LEFT JOIN accruals a ON a.cause = 4 AND a.cause_id = r.id
        WHERE r.account_id = :account AND r.brand_id = :brand""",
    "receipt": """
        SELECT r.sent_at AS at, r.id::text AS id, jsonb_build_object('state', r.state, 'reason', r.reason,
            'key', r.key, 'total', r.total, 'amount', sum(l.amount - l.returned), 'lines', jsonb_agg(
                jsonb_build_object('name', l.name, 'sku', p.sku, 'sum', l.sum, 'state', l.state, 'reason', l.reason,
                    'amount', l.amount, 'returned', l.returned) ORDER BY l.n)) AS body
        FROM receipts r JOIN receipt_lines l ON l.receipt_id = r.id AND l.brand_id = :brand
        LEFT JOIN products p ON p.id = l.product_id
        WHERE r.account_id = :account GROUP BY r.id""",
    "order": """
        SELECT o.placed_at AS at, o.id::text AS id, jsonb_build_object('state', o.state, 'reason', o.reason,
            'key', o.key, 'offer', f.key, 'nominal', o.nominal, 'delivery', o.delivery, 'amount', -o.price,
            'currency', g.currency) AS body
        FROM orders o JOIN offers f ON f.id = o.offer_id JOIN programmes g ON g.id = o.programme_id
        WHERE o.account_id = :account AND o.brand_id = :brand""",
    "correction": """
        SELECT coalesce(c.done_at, c.created_at) AS at, c.key::text AS id, jsonb_build_object('state', p.state,
            'amount', c.amount, 'currency', g.currency, 'said', c.reason, 'requested_by', m.email,
            'decided_by', d.email) AS body
        FROM corrections c JOIN approvals p ON p.id = c.approval_id JOIN programmes g ON g.id = c.programme_id
        JOIN staff m ON m.id = p.requested_by LEFT JOIN staff d ON d.id = p.decided_by
        WHERE c.account_id = :account AND c.brand_id = :brand""",
    # Movements without an operation of the kinds above: expired, clawed back, written off.
    "movement": """
        SELECT m.at, m.id::text AS id, jsonb_build_object('movement', m.kind, 'cause', m.cause, 'currency', g.currency,
            'amount', CASE m.kind WHEN 8 THEN m.amount ELSE -m.amount END) AS body
        FROM wallets w JOIN programmes g ON g.id = w.book_id JOIN movements m ON m.wallet_id = w.id
        WHERE w.owner_id = :account AND g.brand_id = :brand AND m.kind IN (6, 7, 8)""",
}
_BRANCH = """
    (SELECT at, '{kind}' AS kind, id, body FROM ({query}) AS source
        WHERE CAST(:at AS timestamptz) IS NULL
            OR (at, '{kind}', id) < (CAST(:at AS timestamptz), CAST(:kind AS text), CAST(:id AS text))
        ORDER BY at DESC, id DESC LIMIT :most)
"""
TIMELINE = text(
    " UNION ALL ".join(_BRANCH.format(kind=kind, query=query) for kind, query in SOURCES.items())
    + " ORDER BY at DESC, kind DESC, id DESC LIMIT :most"
)


class AgentRow(NamedTuple):
    """An agent as a brand sees it. `wallets`: the fields of `AgentWalletOut`."""

    id: int
    card_number: str
    rung: int
    frozen: bool
    since: datetime | None
    wallets: list[JsonObject]


class TimelineRow(NamedTuple):
    """An entry of a timeline; `body` depends on its kind."""

    at: datetime
    kind: EntryKind
    id: str
    body: JsonObject


class AgentNotFound(NotFound):
    """Your brand has no agent with this card number."""

    code = "agent_not_found"


class TimelinePosition(NamedTuple):
    """The position from which a timeline continues."""

    at: datetime | None = None
    kind: str = ""
    id: str = ""


async def get_agent(session: AsyncSession, member: Member, number: str) -> AgentRow:
    """An agent of the brand.

    Raises:
        AgentNotFound: the brand has no agent with this card number.
    """
    row = await read_row(session, AgentRow, CARD, {"brand": member.brand_id, "card": number})
    if row is None:
        raise AgentNotFound
    return row


async def get_timeline(
    session: AsyncSession, member: Member, account: int, position: TimelinePosition, limit: int
) -> list[TimelineRow]:
    """An agent's timeline with the brand, newest first, from a position on."""
    values = {"brand": member.brand_id, "account": account, "most": limit, **position._asdict()}
    return await read_rows(session, TimelineRow, TIMELINE, values)


def timeline_position(row: TimelineRow) -> str:
    """Where a timeline continues after a row, for its cursor."""
    return f"{row.at.isoformat()}|{row.kind}|{row.id}"


def decode_timeline_cursor(cursor: str | None) -> TimelinePosition:
    """The position of a cursor.

    Raises:
        CursorInvalid: it is not a cursor of a timeline.
    """
    decoded = text_from_cursor(cursor)
    if decoded is None:
        return TimelinePosition()
    try:
        at, kind, number = decoded.split("|")
        return TimelinePosition(datetime.fromisoformat(at), kind, number)
    except ValueError as error:
        raise CursorInvalid from error
