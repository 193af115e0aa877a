"""Consistency check of corrections, as a query like those of payouts/checks.py."""

from backend.programmes.checks import difference_query

_HASH = "hashint8extended({amount}, hashint8extended({book}, hashint8extended({owner}, cause_id)))"
_DONE = f"""
    SELECT 11 AS cause, cause_id, {_HASH.format(amount="amount", book="programme_id", owner="account_id")} AS h
    FROM (SELECT id AS cause_id, amount, programme_id, account_id FROM corrections WHERE done_at IS NOT NULL) AS c
"""  # noqa: S608 - our own columns
_MOVED = f"""
    SELECT 11 AS cause, cause_id, {_HASH.format(amount="amount", book="book_id", owner="owner_id")} AS h
    FROM (SELECT m.cause_id, CASE m.kind WHEN 1 THEN m.amount ELSE -m.amount END AS amount, w.book_id, w.owner_id
        FROM movements m JOIN wallets w ON w.id = m.wallet_id WHERE m.cause = 11) AS m
"""  # noqa: S608
# Each approved correction has moved its amount, and nothing has moved by hand without one.
CORRECTIONS = difference_query(_DONE, _MOVED, "a correction is not what it moved")
