"""What must be true of dues and statements, as queries like those of payouts/checks.py."""

from backend.programmes.checks import differences

_HASH = (
    "hashint8extended({amount}, hashint8extended({shop}, hashint8extended({brand}, hashint8extended({id}, {cause}))))"
)
_CAUSED = f"""
    SELECT 4 AS cause, id AS cause_id,
        {_HASH.format(amount="discount", shop="shop_id", brand="brand_id", id="id", cause=4)} AS h
    FROM redemptions WHERE discount > 0 AND reason IS DISTINCT FROM 'over_offline_limit'
    UNION ALL
    SELECT 5, v.id, {_HASH.format(amount="v.discount", shop="shop_id", brand="brand_id", id="v.id", cause=5)}
    FROM reversals v JOIN redemptions r ON r.id = v.redemption_id
    WHERE v.discount > 0 AND reason IS DISTINCT FROM 'over_offline_limit'"""  # noqa: S608 - our own columns
_OWED = f"""
    SELECT cause, cause_id,
        {_HASH.format(amount="amount", shop="creditor_id", brand="debtor_id", id="cause_id", cause="kind + 3")} AS h
    FROM dues WHERE cause IN (4, 5)"""  # noqa: S608 - our own columns

# Each redemption that took something off is owed once, each reversal of one takes away once, and nothing is owed
# besides; only what a till took offline beyond its limit is the shop's own loss. A sale adds (kind 1, cause 4) and a
# return takes away (kind 2, cause 5).
DUES = differences(_CAUSED, _OWED, "a due is not what its sale or return took off")

# A closed statement is the sum of its dues, and begins where the one before it ends.
STATEMENTS = """
    SELECT s.id, 'a statement is not what its dues come to'
    FROM (SELECT *, lag(upto_due, 1, 0::bigint) OVER (PARTITION BY shop_id, brand_id ORDER BY number) AS before,
            row_number() OVER (PARTITION BY shop_id, brand_id ORDER BY number) AS place FROM statements) AS s
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE kind = 1), 0) AS discounts,
            coalesce(sum(amount) FILTER (WHERE kind = 2), 0) AS returned
        FROM dues d WHERE d.creditor_id = s.shop_id AND d.debtor_id = s.brand_id
            AND d.id > s.after_due AND d.id <= s.upto_due) AS d
    WHERE (s.discounts, s.returned, s.total, s.after_due, s.number)
        IS DISTINCT FROM (d.discounts, d.returned, d.discounts - d.returned, s.before, s.place)
"""
