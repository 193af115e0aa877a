"""What must be true of dues and statements, as queries like those of payouts/checks.py."""

from backend.programmes.checks import differences

_HASH = (
    "hashint8extended({amount}, hashint8extended({shop}, hashint8extended({brand}, hashint8extended({id}, {cause}))))"
)
# Sales and certificates add (kind 1), their returns take away (kind 2); what does neither matches nothing.
_CAUSE = "CASE WHEN (cause, kind) IN ((4, 1), (5, 2), (9, 1), (10, 2)) THEN cause ELSE 0 END"
_CAUSED = f"""
    SELECT 4 AS cause, id AS cause_id,
        {_HASH.format(amount="discount", shop="shop_id", brand="brand_id", id="id", cause=4)} AS h
    FROM redemptions WHERE discount > 0 AND reason IS DISTINCT FROM 'over_offline_limit'
    UNION ALL
    SELECT 5, v.id, {_HASH.format(amount="v.discount", shop="shop_id", brand="brand_id", id="v.id", cause=5)}
    FROM reversals v JOIN redemptions r ON r.id = v.redemption_id
    WHERE v.discount > 0 AND reason IS DISTINCT FROM 'over_offline_limit'
    UNION ALL
    SELECT kind + 8, id, {_HASH.format(amount="amount", shop="shop_id", brand="brand_id", id="id", cause="kind + 8")}
    FROM certificate_uses"""  # noqa: S608 - our own columns
_OWED = f"""
    SELECT cause, cause_id,
        {_HASH.format(amount="amount", shop="creditor_id", brand="debtor_id", id="cause_id", cause=_CAUSE)} AS h
    FROM dues WHERE cause IN (4, 5, 9, 10)"""  # noqa: S608 - our own columns

# Each redemption that took something off is owed once, each reversal of one takes away once, and nothing is owed
# besides; only what a till took offline beyond its limit is the shop's own loss. So with the parts of
# certificates that tills took and gave back.
DUES = differences(_CAUSED, _OWED, "a due is not what its sale, certificate or return took off")

# A closed statement is the sum of its dues, and begins where the one before it ends.
STATEMENTS = """
    SELECT s.id, 'a statement is not what its dues come to'
    FROM (SELECT *, lag(upto_due, 1, 0::bigint) OVER (PARTITION BY shop_id, brand_id ORDER BY number) AS before,
            row_number() OVER (PARTITION BY shop_id, brand_id ORDER BY number) AS place FROM statements) AS s
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE kind = 1 AND cause <> 9), 0) AS discounts,
            coalesce(sum(amount) FILTER (WHERE kind = 2 AND cause <> 10), 0) AS returned,
            coalesce(sum(amount) FILTER (WHERE cause = 9), 0) AS certificates,
            coalesce(sum(amount) FILTER (WHERE cause = 10), 0) AS certificates_returned
        FROM dues d WHERE d.creditor_id = s.shop_id AND d.debtor_id = s.brand_id
            AND d.id > s.after_due AND d.id <= s.upto_due) AS d
    WHERE (s.discounts, s.returned, s.certificates, s.certificates_returned, s.total, s.after_due, s.number)
        IS DISTINCT FROM (d.discounts, d.returned, d.certificates, d.certificates_returned,
            d.discounts - d.returned + d.certificates - d.certificates_returned, s.before, s.place)
"""

# What the rows of one sale say of each other: a sale is its lines, a redemption is the shares of them that count for it
# and belongs to a sale. No foreign keys hold them together (checkout/models.py).
SALES = """
    SELECT coalesce(s.id, l.sale_id), 'a sale is not what its lines come to' FROM sales s FULL JOIN (
        SELECT sale_id, sum(amount) AS amount, sum(discount) AS discount, sum(returned_amount) AS returned_amount
        FROM sale_lines GROUP BY sale_id) AS l ON l.sale_id = s.id
    WHERE (s.amount, s.discount, s.returned_amount) IS DISTINCT FROM (l.amount, l.discount, l.returned_amount)
    UNION ALL
    SELECT coalesce(r.id, h.redemption_id), 'a redemption is not what its shares come to' FROM redemptions r FULL JOIN (
        SELECT redemption_id, sum(base) AS base, sum(discount) AS discount
        FROM shares GROUP BY redemption_id) AS h ON h.redemption_id = r.id
    WHERE (r.base, r.discount) IS DISTINCT FROM (h.base, h.discount)
    UNION ALL
    SELECT r.id, 'a redemption has no sale' FROM redemptions r
    WHERE NOT EXISTS (SELECT FROM sales s WHERE s.id = r.sale_id)
"""
