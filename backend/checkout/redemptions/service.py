"""Redemptions of an agent's codes: pages of the list, and new events for the stream."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import text

from backend.core.db.database import Database

# Ids are assigned before their transactions commit, and commits come in another order. A sale takes milliseconds.
COMMIT_WINDOW = timedelta(seconds=10)
MAX_MISSED = 200
MAX_REVERSALS_SCANNED = 5_000  # reversals of all agents that are scanned for those of one

_COLUMNS = """
    r.id, r.account_id, s.name AS shop, s.city, coalesce(c.shown, c.code) AS code, r.run, n.name AS run_name,
    r.base, r.bonus, r.returned_base, r.returned_bonus, r.returned_expired, r.reason, k.programme_id, g.currency,
    coalesce((SELECT least(o.taken_at, r.at) FROM sales o WHERE o.id = r.sale_id), r.at) AS at,
    CASE WHEN a.matures_on > (now() AT TIME ZONE g.timezone)::date THEN a.matures_on END AS pending_until
    FROM redemptions r JOIN shops s ON s.id = r.shop_id JOIN promo_codes c ON c.id = r.code_id
    JOIN campaigns k ON k.id = r.campaign_id JOIN programmes g ON g.id = k.programme_id
    LEFT JOIN promo_runs n ON n.code_id = r.code_id AND n.n = r.run
    LEFT JOIN accruals a ON a.cause = 4 AND a.cause_id = r.id
"""
PAGE = text(f"""
    SELECT {_COLUMNS} WHERE r.account_id = :account AND r.id < :before ORDER BY r.id DESC LIMIT :most
""")
ROWS = text(f"SELECT {_COLUMNS} WHERE r.id = ANY(:ids)")
POSITION = text("""
    SELECT coalesce((SELECT id FROM redemptions WHERE at < now() - :look_back ORDER BY id DESC LIMIT 1), 0)
            AS redemption,
        coalesce((SELECT v.id FROM reversals v JOIN sale_returns b ON b.id = v.return_id
            WHERE b.at < now() - :look_back ORDER BY v.id DESC LIMIT 1), 0) AS reversal
""")
# OFFSET 0: few returns, each looked up by its key; a plan for all at once would read the whole table.
NEW_EVENTS = text("""
    SELECT 'redemption' AS kind, r.id AS event, r.id FROM redemptions r
    WHERE r.account_id = ANY(:accounts) AND r.id > :redemption
    UNION ALL SELECT 'return', v.id, r.id FROM (SELECT * FROM reversals WHERE id > :reversal OFFSET 0) v
    CROSS JOIN LATERAL (
        SELECT id FROM redemptions WHERE id = v.redemption_id AND account_id = ANY(:accounts) OFFSET 0) r
""")
MISSED_EVENTS = text("""
    (SELECT 'redemption' AS kind, r.id AS event, r.id FROM redemptions r
        WHERE r.account_id = :account AND r.id > :redemption ORDER BY r.id LIMIT :most)
    UNION ALL (SELECT 'return', v.id, r.id FROM (SELECT * FROM reversals WHERE id > :reversal ORDER BY id) v
        CROSS JOIN LATERAL (
            SELECT id FROM redemptions WHERE id = v.redemption_id AND account_id = :account OFFSET 0) r
        LIMIT :most)
""")


class StreamPosition(NamedTuple):
    """The ids of a redemption and a reversal up to which all events have been sent."""

    redemption: int
    reversal: int


class RedemptionEvent(NamedTuple):
    """A redemption or a return of one. `event` is its id within its kind."""

    kind: str
    event: int
    redemption: int


async def redemption_page(db: Database, account_id: int, before: int | None, most: int) -> list[Any]:
    """Redemptions of an agent's codes, newest first, before an id."""
    return await db.rows(PAGE, account=account_id, before=2**62 if before is None else before, most=most)


async def redemptions_by_id(db: Database, ids: Iterable[int]) -> dict[int, Any]:
    """Redemptions as they are now, by id."""
    unique = list(set(ids))
    return {row.id: row for row in await db.rows(ROWS, ids=unique)} if unique else {}


async def current_position(db: Database) -> StreamPosition:
    """The position up to which everything is committed; after it, transactions with lower ids may still commit."""
    row = await db.call(POSITION, look_back=COMMIT_WINDOW)
    return StreamPosition(row.redemption, row.reversal)


async def new_events(db: Database, accounts: list[int], after: StreamPosition) -> list[RedemptionEvent]:
    """Events of some agents' codes after a position; the caller remembers which ones it has already sent."""
    events = await db.rows(NEW_EVENTS, accounts=accounts, redemption=after.redemption, reversal=after.reversal)
    return sorted(RedemptionEvent(row.kind, row.event, row.id) for row in events)


async def missed_events(
    db: Database, account_id: int, since: StreamPosition, current: StreamPosition
) -> list[RedemptionEvent] | None:
    """Events of an agent's codes after a position; None if there are too many to send one by one."""
    if current.reversal - since.reversal > MAX_REVERSALS_SCANNED:
        return None
    events = await db.rows(
        MISSED_EVENTS, account=account_id, redemption=since.redemption, reversal=since.reversal, most=MAX_MISSED + 1
    )
    return sorted(RedemptionEvent(row.kind, row.event, row.id) for row in events) if len(events) <= MAX_MISSED else None
