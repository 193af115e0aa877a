"""Consistency check of gift cards, as a query like those of payouts/checks.py."""

# The balance plus the redeemed parts less returns is the face value; a discount is unused, or was used once and the
# rest has lapsed. The returned amount of each use is the sum of its returns.
GIFT_CARDS = """
    SELECT c.id, 'the balance of a gift card is not its face value less redeemed parts plus returns'
    FROM certificates c LEFT JOIN (
        SELECT certificate_id, sum(CASE kind WHEN 1 THEN amount ELSE -amount END) AS taken, count(*) AS uses,
            min(brand_id) AS one, max(brand_id) AS other
        FROM certificate_uses GROUP BY certificate_id
    ) u ON u.certificate_id = c.id
    WHERE CASE WHEN c.single AND u.uses > 0 THEN u.uses > 1 OR c.balance <> 0 OR u.taken > c.nominal
            ELSE c.balance + coalesce(u.taken, 0) <> c.nominal END
        OR u.one <> c.brand_id OR u.other <> c.brand_id
    UNION ALL
    SELECT coalesce(u.certificate_id, r.certificate_id),
        'the returned amount of a gift card use is not the sum of its returns'
    FROM (SELECT id, certificate_id, returned FROM certificate_uses WHERE kind = 1) u FULL JOIN (
        SELECT use_id, certificate_id, sum(amount) AS amount FROM certificate_uses WHERE kind = 2 GROUP BY 1, 2
    ) r ON r.use_id = u.id AND r.certificate_id = u.certificate_id
    WHERE u.returned IS DISTINCT FROM coalesce(r.amount, 0)
"""
