"""Consistency checks of orders and yearly sums, as queries like those of payouts/checks.py."""

from backend.programmes.checks import difference_query
from backend.spending.accounting.tax import LIMIT_REASONS
from payouts.accounting_queries import TOTALS_CHECK

_HASH = (
    "hashint8extended({amount}, hashint8extended({book}, hashint8extended({owner}, hashint8extended({id}, {kind}))))"
)
_STATE = "CASE state WHEN 'done' THEN 4 ELSE 3 END"
_PLACED = f"""
    SELECT 8 AS cause, id AS cause_id,
        {_HASH.format(amount="price", book="programme_id", owner="account_id", id="id", kind=_STATE)} AS h
    FROM orders WHERE state <> 'refused'"""  # noqa: S608 - our own columns
# The amount that a settled hold paid, or that an open hold holds.
_SUM = "(CASE max(kind) WHEN 4 THEN sum(amount) FILTER (WHERE kind = 4) ELSE sum(amount) END)::bigint"
_MOVED = f"""
    SELECT 8 AS cause, cause_id,
        {_HASH.format(amount=_SUM, book="min(book_id)", owner="min(owner_id)", id="cause_id", kind="max(kind)")} AS h
    FROM movements m JOIN wallets w ON w.id = m.wallet_id WHERE cause = 8 AND kind IN (3, 4, 5)
    GROUP BY cause_id HAVING max(kind) < 5"""  # noqa: S608

# Each done order was settled from its own wallet at its price, each held order is held there, and nothing else was
# settled or is held for an order.
ORDERS = difference_query(_PLACED, _MOVED, "an order is not what its wallet holds or paid for it")

# A yearly sum is the sum of its orders, without refused ones and those that wait at a limit.
YEARLY_SUMS = f"""
    SELECT coalesce(y.account_id, o.account_id), 'a yearly sum is not that of its orders'
    FROM yearly_sums y FULL JOIN (
        SELECT r.account_id, r.brand_id, orders_year(r) AS year, f.tax, sum(r.nominal) AS amount
        FROM orders r JOIN offers f ON f.id = r.offer_id
        WHERE r.state = 'done' OR r.state = 'held' AND coalesce(r.reason, '') NOT IN {LIMIT_REASONS}
        GROUP BY 1, 2, 3, 4
    ) o ON (o.account_id, o.brand_id, o.year, o.tax) = (y.account_id, y.brand_id, y.year, y.tax)
    WHERE coalesce(y.amount, 0) <> coalesce(o.amount, 0)
"""  # noqa: S608

SPENDING = (ORDERS, YEARLY_SUMS, TOTALS_CHECK)
