"""What must be true of accruals, as a query like those of payouts/checks.py."""

_HASH = (
    "hashint8extended({amount}, hashint8extended({book}, hashint8extended({owner}, hashint8extended(cause_id, cause))))"
)
_ACCRUED = f"""
    SELECT cause, cause_id, {_HASH.format(amount="amount", book="programme_id", owner="account_id")} AS h
    FROM accruals"""  # noqa: S608 - our own columns
_EARNED = f"""
    SELECT cause, cause_id, {_HASH.format(amount="amount", book="w.book_id", owner="w.owner_id")} AS h
    FROM movements m JOIN wallets w ON w.id = m.wallet_id WHERE m.kind = 1"""  # noqa: S608
_SUSPECT = "EXISTS (SELECT FROM wrong) AND h & 4095 IN (SELECT bucket FROM wrong)"

# Each award has its earning in the right wallet, and no earning is without. Hashes are summed in buckets first; rows
# are compared one by one only in buckets whose sums differ.
ACCRUALS = f"""
    WITH accrued AS NOT MATERIALIZED ({_ACCRUED}), earned AS NOT MATERIALIZED ({_EARNED}), wrong AS MATERIALIZED (
        SELECT bucket FROM (
            SELECT h & 4095 AS bucket, h >> 2 AS h FROM accrued
            UNION ALL SELECT h & 4095, -(h >> 2) FROM earned) AS sides
        GROUP BY bucket HAVING sum(h) <> 0)
    SELECT DISTINCT coalesce(a.cause_id, e.cause_id), 'an accrual is not what its wallet earned'
    FROM (SELECT * FROM accrued WHERE {_SUSPECT}) AS a FULL JOIN (SELECT * FROM earned WHERE {_SUSPECT}) AS e
        ON a.cause = e.cause AND a.cause_id = e.cause_id AND a.h = e.h
    WHERE a.h IS NULL OR e.h IS NULL
"""  # noqa: S608
