"""What must be true of accruals, as a query like those of payouts/checks.py; and how two journals are held together."""

_SUSPECT = "EXISTS (SELECT FROM wrong) AND h & 4095 IN (SELECT bucket FROM wrong)"


def differences(caused: str, booked: str, problem: str) -> str:
    """A query of the causes whose row in one journal is not what it is in the other, or that only one of them has.

    Both select `cause, cause_id, h`: a hash of all that must agree. Hashes are summed in buckets first; rows are
    compared one by one only in buckets whose sums differ.
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
    "hashint8extended({amount}, hashint8extended({book}, hashint8extended({owner}, hashint8extended(cause_id, cause))))"
)
_ACCRUED = f"""
    SELECT cause, cause_id, {_HASH.format(amount="amount", book="programme_id", owner="account_id")} AS h
    FROM accruals"""  # noqa: S608 - our own columns
_EARNED = f"""
    SELECT cause, cause_id, {_HASH.format(amount="amount", book="w.book_id", owner="w.owner_id")} AS h
    FROM movements m JOIN wallets w ON w.id = m.wallet_id WHERE m.kind = 1"""  # noqa: S608

# Each award has its earning in the right wallet, and no earning is without.
ACCRUALS = differences(_ACCRUED, _EARNED, "an accrual is not what its wallet earned")
