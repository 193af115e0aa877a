"""What must be true of the books, as queries: each returns ids and what is wrong with them, nothing when all is well.

Each reads its tables once and in parallel, also over a hundred million rows: no sorting, no window.
"""

# A wallet's state as a number. Summing the numbers of what movements left and taking away those of what they found
# leaves, of a chain, its two ends; a chain that breaks anywhere leaves something else (but for one time in 2^62).
# So that two of them can be subtracted within a bigint, two bits are given up.
_STATE = "hashint8extended({}, hashint8extended({}, hashint8extended({}, hashint8extended({}, wallet_id)))) >> 2"
_AFTER = _STATE.format("pending_after", "available_after", "held_after", "wallet_seq")
_BEFORE = _STATE.format(
    "pending_after - (to_place = 2)::int * amount + (from_place = 2)::int * amount",
    "available_after - (to_place = 3)::int * amount + (from_place = 3)::int * amount",
    "held_after - (to_place = 4)::int * amount + (from_place = 4)::int * amount",
    "wallet_seq - 1",
)
_NOW = _STATE.format("w.pending", "w.available", "w.held", "w.seq").replace("wallet_id", "w.id")
_EMPTY = _STATE.format(0, 0, 0, 0).replace("wallet_id", "w.id")

_MOVEMENTS = f"""
    SELECT coalesce(w.id, m.wallet_id), 'a wallet is not where its movements lead, or these do not join'
    FROM wallets w FULL JOIN (
        SELECT wallet_id, count(*) AS n, sum(({_AFTER}) - ({_BEFORE})) AS chain FROM movements GROUP BY wallet_id
    ) m ON m.wallet_id = w.id
    WHERE w.id IS NULL OR w.seq <> coalesce(m.n, 0) OR coalesce(m.chain, 0) <> ({_NOW}) - ({_EMPTY})
"""  # noqa: S608 - our own columns

_LOTS = """
    SELECT id, CASE WHEN sums THEN 'a wallet will miss the day on which a lot matures or expires'
        ELSE 'a wallet is not the sum of its lots' END
    FROM (
        SELECT coalesce(w.id, l.wallet_id) AS id, w.pending = coalesce(l.pending, 0)
            AND w.floor = least(0, w.available) AND w.available - w.floor = coalesce(l.available, 0) AS sums,
            l.due < coalesce(w.due_on, 'infinity') AS missed
        FROM wallets w FULL JOIN (
            SELECT wallet_id, sum(remaining) FILTER (WHERE pending) AS pending,
                sum(remaining) FILTER (WHERE NOT pending) AS available,
                min(CASE WHEN pending THEN matures_on
                    WHEN remaining > 0 AND expires_on < '9999-12-31' THEN expires_on END) AS due
            FROM lots GROUP BY wallet_id
        ) l ON l.wallet_id = w.id
    ) w
    WHERE sums IS NOT TRUE OR missed
"""

_EARNED = """
    SELECT coalesce(l.id, m.lot_id), 'a lot is not what was earned into it less what its uses took'
    FROM lots l FULL JOIN (
        SELECT lot_id, wallet_id, sum(amount) AS amount FROM movements WHERE kind = 1 GROUP BY lot_id, wallet_id
    ) m ON m.lot_id = l.id AND m.wallet_id = l.wallet_id
    LEFT JOIN (SELECT lot_id, sum(amount) AS amount FROM lot_uses GROUP BY lot_id) u ON u.lot_id = l.id
    WHERE l.id IS NULL OR l.amount <> coalesce(m.amount, 0) OR l.remaining <> l.amount + coalesce(u.amount, 0)
"""

# Lots hold what is pending, and what is available as far as it is above zero. So what a movement's uses took from
# lots or gave back is the change of these two, less what an earning put in.
_USES = """
    SELECT coalesce(m.id, u.movement_id), 'a movement did not take from lots, or give back, what it moved'
    FROM (
        SELECT id, wallet_id,
            (to_place = 2)::int * amount - (from_place = 2)::int * amount - (kind = 1)::int * amount
            + greatest(0, available_after) - greatest(0, available_after
                - (to_place = 3)::int * amount + (from_place = 3)::int * amount) AS uses
        FROM movements
    ) m FULL JOIN (
        SELECT u.movement_id, sum(u.amount) AS uses, min(l.wallet_id) AS one, max(l.wallet_id) AS other
        FROM lot_uses u LEFT JOIN lots l ON l.id = u.lot_id GROUP BY u.movement_id
    ) u ON u.movement_id = m.id
    WHERE m.id IS NULL OR m.uses <> coalesce(u.uses, 0) OR u.one <> m.wallet_id OR u.other <> m.wallet_id
"""

_REVERSALS = """
    SELECT coalesce(r.reverses, r.id), 'a hold was settled and released, or an earning taken back, beyond what it was'
    FROM (
        SELECT reverses, wallet_id, kind = 7 AS taken_back, sum(amount) AS amount, min(id) AS id,
            CASE WHEN kind <> 7 THEN cause END AS cause, CASE WHEN kind <> 7 THEN cause_id END AS cause_id
        FROM movements WHERE kind IN (4, 5, 7) OR reverses IS NOT NULL
        GROUP BY reverses, wallet_id, kind = 7, CASE WHEN kind <> 7 THEN cause END,
            CASE WHEN kind <> 7 THEN cause_id END
    ) r LEFT JOIN movements o ON o.id = r.reverses AND o.wallet_id = r.wallet_id
        AND o.kind = CASE WHEN r.taken_back THEN 1 ELSE 3 END
        AND (r.taken_back OR (o.cause = r.cause AND o.cause_id = r.cause_id))
    WHERE o.id IS NULL OR r.amount > o.amount
"""

CHECKS = (_MOVEMENTS, _USES, _EARNED, _LOTS, _REVERSALS)
