"""Invariants of accruals, as queries like those of payouts/checks.py, and a query that compares two tables by cause."""

_SUSPECT = "EXISTS (SELECT FROM wrong) AND h & 4095 IN (SELECT bucket FROM wrong)"


def difference_query(caused: str, booked: str, problem: str) -> str:
    """A query for the causes whose rows in two tables differ, or that only one table has.

    Both subqueries select `cause, cause_id, h`, where `h` is a hash of all that must agree. Hashes are summed in
    buckets; rows are compared only in buckets whose sums differ.
    """
    return f"""
    WITH caused AS NOT MATERIALIZED ({caused}), booked AS NOT MATERIALIZED ({booked}), wrong AS MATERIALIZED (
        SELECT bucket FROM (
            SELECT h & 4095 AS bucket, h >> 2 AS h FROM caused
            UNION ALL SELECT h & 4095, -(h >> 2) FROM booked) AS sides
        GROUP BY bucket HAVING sum(h) <> 0)
    SELECT DISTINCT coalesce(c.cause_id, b.cause_id), '{problem}'
    FROM (SELECT * FROM caused WHERE {_SUSPECT}) AS c FULL JOIN (SELECT * FROM booked WHERE {_SUSPECT}) AS b
        ON c.cause = b.cause AND c.cause_id = b.cause_id AND c.h = b.h
    WHERE c.h IS NULL OR b.h IS NULL
"""  # noqa: S608 - our own queries


_HASH = (
    "hashint8extended({amount}, hashint8extended({ledger}, "
    "hashint8extended({owner}, hashint8extended(cause_id, cause))))"
)
_ACCRUED = f"""
    SELECT cause, cause_id, {_HASH.format(amount="amount", ledger="programme_id", owner="account_id")} AS h
    FROM accruals"""  # noqa: S608 - our own columns
_EARNED = f"""
    SELECT cause, cause_id, {_HASH.format(amount="amount", ledger="w.book_id", owner="w.owner_id")} AS h
    FROM movements m JOIN wallets w ON w.id = m.wallet_id WHERE m.kind = 1 AND m.cause <> 11"""  # noqa: S608

# Each additional award has an accrual for the account of its main award, and `returned` is the sum of its returns.
ADDITIONAL = """
    SELECT coalesce(d.id, a.cause_id), 'an additional award is not what was accrued, or came back otherwise'
    FROM additional_awards d FULL JOIN (SELECT * FROM accruals WHERE cause = 12) AS a ON a.cause_id = d.id
    LEFT JOIN accruals o ON o.cause = d.cause AND o.cause_id = d.cause_id
    WHERE d.id IS NULL OR a.cause_id IS NULL OR o.account_id IS DISTINCT FROM a.account_id OR d.returned > a.amount
        OR d.returned <> (SELECT coalesce(sum(r.amount), 0) FROM additional_award_returns r WHERE r.award_id = d.id)
"""

# Each accrual has its earning in the right wallet, and each earning has an accrual. Cause 11 is a correction, which is
# checked in backend/spending/corrections/checks.py.
ACCRUALS = difference_query(_ACCRUED, _EARNED, "an accrual is not what its wallet earned")
