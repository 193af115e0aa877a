"""Checks of payables and statements by the ledger audit, as queries like those of payouts/checks.py."""

from backend.programmes.checks import difference_query

_HASH = (
    "hashint8extended({amount}, hashint8extended({shop}, hashint8extended({brand}, hashint8extended({id}, {cause}))))"
)
# Sales and gift cards add (kind 1), their returns subtract (kind 2); any other combination matches nothing.
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

# Each redemption with a discount is owed once, each reversal is subtracted once, and nothing else is owed; only what an
# offline till gave beyond its limit is the shop's own loss. The same holds for the parts of gift cards that tills took
# and gave back.
PAYABLES = difference_query(_CAUSED, _OWED, "a due is not what its sale, certificate or return took off")

# A closed statement is the sum of its payables, and begins where the previous one ends.
STATEMENTS = """
    SELECT s.id, 'a statement is not what its dues come to'
    FROM (SELECT *, lag(upto_due, 1, 0::bigint) OVER (PARTITION BY shop_id, brand_id ORDER BY number) AS before,
            row_number() OVER (PARTITION BY shop_id, brand_id ORDER BY number) AS place FROM statements) AS s
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE kind = 1 AND cause <> 9), 0) AS discounts,
            coalesce(sum(amount) FILTER (WHERE kind = 2 AND cause <> 10), 0) AS returned,
            coalesce(sum(amount) FILTER (WHERE cause = 9), 0) AS certificates,
            coalesce(sum(amount) FILTER (WHERE cause = 10), 0) AS certificates_returned
        FROM checkout_statement_dues(s.shop_id, s.brand_id, s.number, 0) d) AS d
    WHERE (s.discounts, s.returned, s.certificates, s.certificates_returned, s.total, s.after_due, s.number)
        IS DISTINCT FROM (d.discounts, d.returned, d.certificates, d.certificates_returned,
            d.discounts - d.returned + d.certificates - d.certificates_returned, s.before, s.place)
"""

# Consistency of a sale's rows: a sale is the sum of its lines, a redemption is the sum of its shares and belongs to a
# sale. There are no foreign keys between them (checkout/models.py).
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
