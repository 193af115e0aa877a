"""The programme's side of the ledger at a moment, as sums over movements. No request that moves an amount runs these.

All queries take `books`, the ids of programmes, and `upto`, the moment (excluded). Amounts are in minor units. Each
reads the movements of these programmes once and leaves out movements with a later `at`.
"""

from sqlalchemy import text

# Amounts by kind and places, before a moment `since` and from then to `upto`.
TURNOVER = text("""
    SELECT w.book_id, m.kind, m.from_place, m.to_place, count(*) FILTER (WHERE m.at >= :since) AS times,
        coalesce(sum(m.amount) FILTER (WHERE m.at >= :since), 0)::bigint AS amount,
        coalesce(sum(m.amount) FILTER (WHERE m.at < :since), 0)::bigint AS before
    FROM movements m JOIN wallets w ON w.id = m.wallet_id
    WHERE w.book_id = ANY(:books) AND m.at < :upto
    GROUP BY w.book_id, m.kind, m.from_place, m.to_place ORDER BY w.book_id, m.kind, m.from_place, m.to_place
""")

# What was earned into a lot, and how much of it is still pending.
_EARNED = """
    SELECT m.lot_id, coalesce(sum(m.amount) FILTER (WHERE m.kind = 1), 0) AS earned,
        coalesce(sum(m.amount) FILTER (WHERE m.to_place = 2), 0)
            - coalesce(sum(m.amount) FILTER (WHERE m.from_place = 2), 0) AS pending
    FROM movements m WHERE m.lot_id IS NOT NULL AND m.at < :upto GROUP BY m.lot_id
"""
# What movements drew from a lot.
_DRAWN = """
    SELECT u.lot_id, sum(u.amount) AS drawn FROM lot_uses u JOIN movements m ON m.id = u.movement_id
    WHERE m.at < :upto GROUP BY u.lot_id
"""
# Open holds: the part that was neither settled nor released. A settled part comes from the lots that expire first, so
# the rest is in the lots that expire last. What was released to a lot is not held.
_OPEN = """
    SELECT h.id, w.book_id, h.amount - coalesce(d.amount, 0) AS rest
    FROM movements h JOIN wallets w ON w.id = h.wallet_id LEFT JOIN (
        SELECT reverses, sum(amount) AS amount FROM movements WHERE kind IN (4, 5) AND at < :upto GROUP BY reverses
    ) d ON d.reverses = h.id
    WHERE h.kind = 3 AND w.book_id = ANY(:books) AND h.at < :upto AND h.amount > coalesce(d.amount, 0)
"""
_HELD = f"""
    SELECT lot_id, sum(greatest(0, least(held, rest - ahead))) AS held
    FROM (
        SELECT o.rest, u.lot_id, n.held, coalesce(sum(n.held) OVER (PARTITION BY o.id
            ORDER BY l.expires_on DESC, l.matures_on DESC, l.id DESC
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS ahead
        FROM ({_OPEN}) o JOIN lot_uses u ON u.movement_id = o.id JOIN lots l ON l.id = u.lot_id
        CROSS JOIN LATERAL (SELECT -u.amount - coalesce((
            SELECT sum(b.amount) FROM lot_uses b JOIN movements r ON r.id = b.movement_id
            WHERE b.lot_id = u.lot_id AND r.reverses = o.id AND r.kind = 5 AND r.at < :upto), 0) AS held) n
    ) parts GROUP BY lot_id
"""  # noqa: S608 - our own queries

# What programmes owe their agents, by the month of expiry; no month means no expiry.
OUTSTANDING = text(f"""
    SELECT w.book_id, CASE WHEN l.expires_on < '9999-12-31' THEN to_char(l.expires_on, 'YYYY-MM') END AS month,
        count(*) FILTER (WHERE s.earned + coalesce(d.drawn, 0) + coalesce(h.held, 0) > 0) AS lots,
        sum(s.pending)::bigint AS pending, sum(s.earned + coalesce(d.drawn, 0) - s.pending)::bigint AS available,
        coalesce(sum(h.held), 0)::bigint AS held
    FROM ({_EARNED}) s JOIN lots l ON l.id = s.lot_id JOIN wallets w ON w.id = l.wallet_id
    LEFT JOIN ({_DRAWN}) d ON d.lot_id = l.id LEFT JOIN ({_HELD}) h ON h.lot_id = l.id
    WHERE w.book_id = ANY(:books)
    GROUP BY 1, 2 HAVING sum(s.earned + coalesce(d.drawn, 0) + coalesce(h.held, 0)) > 0
    ORDER BY 1, 2 NULLS LAST
""")  # noqa: S608

# The same by lot, from an id on. Lots of which nothing was left are included, with zeros.
LOTS = text("""
    SELECT l.id, w.book_id, w.owner_id, l.matures_on, l.expires_on, coalesce(s.pending, 0)::bigint AS pending,
        (coalesce(s.earned, 0) + coalesce(d.drawn, 0) - coalesce(s.pending, 0))::bigint AS available
    FROM (SELECT l.* FROM lots l JOIN wallets w ON w.id = l.wallet_id
        WHERE w.book_id = ANY(:books) AND l.id > :after ORDER BY l.id LIMIT :most) l
    JOIN wallets w ON w.id = l.wallet_id
    CROSS JOIN LATERAL (
        SELECT sum(m.amount) FILTER (WHERE m.kind = 1) AS earned,
            coalesce(sum(m.amount) FILTER (WHERE m.to_place = 2), 0)
                - coalesce(sum(m.amount) FILTER (WHERE m.from_place = 2), 0) AS pending
        FROM movements m WHERE m.wallet_id = l.wallet_id AND m.lot_id = l.id AND m.at < :upto) s
    CROSS JOIN LATERAL (
        SELECT sum(u.amount) AS drawn FROM lot_uses u JOIN movements m ON m.id = u.movement_id
        WHERE u.lot_id = l.id AND m.at < :upto) d
    ORDER BY l.id
""")

# What a debtor owed its creditors, in kopecks: before `since`, added since and paid since. Causes 9 and 10 are gift
# cards that were used at tills and their returns, all others are discounts.
PAYABLES = text("""
    SELECT d.creditor_id, CASE WHEN d.cause IN (9, 10) THEN 'certificate' ELSE 'discount' END AS what,
        coalesce(sum(CASE d.kind WHEN 1 THEN d.amount ELSE -d.amount END) FILTER (WHERE d.at < :since), 0)::bigint
            AS opening,
        coalesce(sum(d.amount) FILTER (WHERE d.at >= :since AND d.kind = 1), 0)::bigint AS added,
        coalesce(sum(d.amount) FILTER (WHERE d.at >= :since AND d.kind = 2), 0)::bigint AS taken
    FROM dues d WHERE d.debtor_id = :debtor AND d.at < :upto GROUP BY 1, 2 ORDER BY 1, 2
""")

# The movements of a programme add up to its wallets and lots. Returns rows like the queries of payouts/checks.py.
TOTALS_CHECK = """
    SELECT coalesce(m.book_id, w.book_id, l.book_id), 'the sums of a book are not those of its wallets and lots'
    FROM (
        SELECT w.book_id, sum(m.amount * ((m.to_place = 2)::int - (m.from_place = 2)::int)) AS pending,
            sum(m.amount * ((m.to_place = 3)::int - (m.from_place = 3)::int)) AS available,
            sum(m.amount * ((m.to_place = 4)::int - (m.from_place = 4)::int)) AS held
        FROM movements m JOIN wallets w ON w.id = m.wallet_id GROUP BY w.book_id) m
    FULL JOIN (
        SELECT book_id, sum(pending) AS pending, sum(available) AS available, sum(held) AS held,
            sum(greatest(0, available)) AS lots
        FROM wallets GROUP BY book_id) w ON w.book_id = m.book_id
    FULL JOIN (
        SELECT w.book_id, sum(l.remaining) FILTER (WHERE l.pending) AS pending,
            sum(l.remaining) FILTER (WHERE NOT l.pending) AS available
        FROM lots l JOIN wallets w ON w.id = l.wallet_id GROUP BY w.book_id) l ON l.book_id = w.book_id
    WHERE (coalesce(m.pending, 0), coalesce(m.available, 0), coalesce(m.held, 0))
            IS DISTINCT FROM (w.pending, w.available, w.held)
        OR (coalesce(l.pending, 0), coalesce(l.available, 0)) IS DISTINCT FROM (w.pending, w.lots)
"""
