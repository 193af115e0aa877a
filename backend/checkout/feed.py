"""What was redeemed with an agent's codes: by page, and what is new."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import text

from backend.database import Database

# Ids are taken before their transactions commit, and not in that order. A sale takes milliseconds.
LOOK_BACK = timedelta(seconds=10)
MOST_MISSED = 200
MOST_PASSED = 5_000  # returns of anybody that are looked through for one agent's

_COLUMNS = """
    r.id, r.account_id, r.at, s.name AS shop, s.city, coalesce(c.shown, c.code) AS code, r.run, n.name AS run_name,
    r.base, r.bonus, r.returned_base, r.returned_bonus, r.reason, k.programme_id, g.currency,
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
MARK = text("""
    SELECT coalesce((SELECT id FROM redemptions WHERE at < now() - :look_back ORDER BY id DESC LIMIT 1), 0)
            AS redemption,
        coalesce((SELECT v.id FROM reversals v JOIN sale_returns b ON b.id = v.return_id
            WHERE b.at < now() - :look_back ORDER BY v.id DESC LIMIT 1), 0) AS reversal
""")
# OFFSET 0: few returns, each looked up by its key; a plan for all at once would read the whole table.
NEWS = text("""
    SELECT 'redemption' AS kind, r.id AS event, r.id FROM redemptions r
    WHERE r.account_id = ANY(:accounts) AND r.id > :redemption
    UNION ALL SELECT 'return', v.id, r.id FROM (SELECT * FROM reversals WHERE id > :reversal OFFSET 0) v
    CROSS JOIN LATERAL (
        SELECT id FROM redemptions WHERE id = v.redemption_id AND account_id = ANY(:accounts) OFFSET 0) r
""")
MISSED = text("""
    (SELECT 'redemption' AS kind, r.id AS event, r.id FROM redemptions r
        WHERE r.account_id = :account AND r.id > :redemption ORDER BY r.id LIMIT :most)
    UNION ALL (SELECT 'return', v.id, r.id FROM (SELECT * FROM reversals WHERE id > :reversal ORDER BY id) v
        CROSS JOIN LATERAL (
            SELECT id FROM redemptions WHERE id = v.redemption_id AND account_id = :account OFFSET 0) r
        LIMIT :most)
""")


class Mark(NamedTuple):
    """Up to which redemption and which reversal everything has been told for sure."""

    redemption: int
    reversal: int


class News(NamedTuple):
    """A redemption, or something of it that came back: `event` numbers it within its kind."""

    kind: str
    event: int
    redemption: int


async def page(db: Database, account_id: int, before: int | None, most: int) -> list[Any]:
    """Redemptions of an agent's codes, newest first, from a place on."""
    return await db.rows(PAGE, account=account_id, before=2**62 if before is None else before, most=most)


async def rows(db: Database, ids: Iterable[int]) -> dict[int, Any]:
    """Redemptions as they stand now, by id."""
    wanted = list(set(ids))
    return {row.id: row for row in await db.rows(ROWS, ids=wanted)} if wanted else {}


async def mark(db: Database) -> Mark:
    """Up to where everything is committed: what is newer may still be joined by something older."""
    row = await db.call(MARK, look_back=LOOK_BACK)
    return Mark(row.redemption, row.reversal)


async def news(db: Database, accounts: list[int], after: Mark) -> list[News]:
    """What some agents' codes brought after a mark; the caller remembers what he has told already."""
    found = await db.rows(NEWS, accounts=accounts, redemption=after.redemption, reversal=after.reversal)
    return sorted(News(row.kind, row.event, row.id) for row in found)


async def missed(db: Database, account_id: int, since: Mark, here: Mark) -> list[News] | None:
    """What an agent's codes brought after a mark of his; None if that is too much to be told one by one."""
    if here.reversal - since.reversal > MOST_PASSED:
        return None
    found = await db.rows(
        MISSED, account=account_id, redemption=since.redemption, reversal=since.reversal, most=MOST_MISSED + 1
    )
    return sorted(News(row.kind, row.event, row.id) for row in found) if len(found) <= MOST_MISSED else None
