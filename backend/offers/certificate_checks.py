"""What must be true of own certificates, as a query like those of payouts/checks.py."""

# What is left and what tills took, less what they gave back, is the nominal; a discount is whole, or was used once and
# the rest has lapsed. Each part gave back what its returns say.
CERTIFICATES = """
    SELECT c.id, 'a certificate is not its nominal less what tills took and gave back'
    FROM certificates c LEFT JOIN (
        SELECT certificate_id, sum(CASE kind WHEN 1 THEN amount ELSE -amount END) AS taken, count(*) AS uses,
            min(brand_id) AS one, max(brand_id) AS other
        FROM certificate_uses GROUP BY certificate_id
    ) u ON u.certificate_id = c.id
    WHERE CASE WHEN c.single AND u.uses > 0 THEN u.uses > 1 OR c.balance <> 0 OR u.taken > c.nominal
            ELSE c.balance + coalesce(u.taken, 0) <> c.nominal END
        OR u.one <> c.brand_id OR u.other <> c.brand_id
    UNION ALL
    SELECT coalesce(u.certificate_id, r.certificate_id), 'a part of a certificate gave back what no return says'
    FROM (SELECT id, certificate_id, returned FROM certificate_uses WHERE kind = 1) u FULL JOIN (
        SELECT use_id, certificate_id, sum(amount) AS amount FROM certificate_uses WHERE kind = 2 GROUP BY 1, 2
    ) r ON r.use_id = u.id AND r.certificate_id = u.certificate_id
    WHERE u.returned IS DISTINCT FROM coalesce(r.amount, 0)
"""
