"""Invariants of the ledger, as queries that read each table once, in parallel and without sorting.

SUM_CHECK compares sums over whole tables for three families of invariants. If a family fails, its query in ROW_CHECKS
finds the rows. DIRECT_CHECKS are cheap enough to run on rows at once. Both return the id of a row and its fault.
"""

# The hash of a wallet's state. The sum of the hashes after all movements less the hashes before them telescopes to the
# two ends of the chain. A chain that breaks anywhere gives another sum, except for one time in 2^62.
# Two bits are given up, so that two hashes can be subtracted within a bigint.
_STATE = "hashint8extended({}, hashint8extended({}, hashint8extended({}, hashint8extended({}, {wallet})))) >> 2"
_AFTER = _STATE.format("pending_after", "available_after", "held_after", "wallet_seq", wallet="wallet_id")
_BEFORE = _STATE.format(
    "pending_after - (to_place = 2)::int * amount + (from_place = 2)::int * amount",
    "available_after - (to_place = 3)::int * amount + (from_place = 3)::int * amount",
    "held_after - (to_place = 4)::int * amount + (from_place = 4)::int * amount",
    "wallet_seq - 1",
    wallet="wallet_id",
)
_NOW = _STATE.format("w.pending", "w.available", "w.held", "w.seq", wallet="w.id")
_EMPTY = _STATE.format(0, 0, 0, 0, wallet="w.id")

# The sum of a wallet's lots is pending plus the part of available above zero. So the lot uses of a movement add up to
# the change of these two, less what an earning put in.
_LOTS_GAINED = """(to_place = 2)::int * amount - (from_place = 2)::int * amount - (kind = 1)::int * amount
    + greatest(0, available_after)
    - greatest(0, available_after - (to_place = 3)::int * amount + (from_place = 3)::int * amount)"""

# A weight of twenty bits for each pair, so that an amount cannot move from one row to another unnoticed. Amounts up to
# 8 * 10^12 still fit into a bigint.
_WEIGHT = "((hashint8extended({}, {}) & 1048575) + 1)"

SUM_CHECK = f"""
    SELECT coalesce(m.chain, 0) = coalesce(w.chain, 0) AND coalesce(m.total, 0) = coalesce(w.total, 0) AS joined,
        coalesce(m.uses, 0) = coalesce(u.uses, 0) AS used,
        coalesce(m.earned, 0) = coalesce(l.earned, 0) AND coalesce(u.drawn, 0) + coalesce(l.drawn, 0) = 0 AS earned
    FROM (
        SELECT count(*) AS total, sum(({_AFTER}) - ({_BEFORE})) AS chain,
            sum({_WEIGHT.format("id", "wallet_id")} * ({_LOTS_GAINED})) AS uses,
            sum(CASE WHEN kind = 1 THEN {_WEIGHT.format("lot_id", "wallet_id")} * amount END) AS earned
        FROM movements) AS m,
        (SELECT sum(seq) AS total, sum(({_NOW}) - ({_EMPTY})) AS chain FROM wallets w) AS w,
        (SELECT sum({_WEIGHT.format("u.movement_id", "coalesce(l.wallet_id, 0)")} * u.amount) AS uses,
            sum({_WEIGHT.format("u.lot_id", "1")} * u.amount) AS drawn
        FROM lot_uses u LEFT JOIN lots l ON l.id = u.lot_id) AS u,
        (SELECT sum({_WEIGHT.format("id", "wallet_id")} * amount) AS earned,
            sum({_WEIGHT.format("id", "1")} * (amount - remaining)) AS drawn
        FROM lots) AS l
"""  # noqa: S608 - our own columns

_JOINED = f"""
    SELECT coalesce(w.id, m.wallet_id), 'a wallet is not where its movements lead, or these do not join'
    FROM wallets w FULL JOIN (
        SELECT wallet_id, count(*) AS total, sum(({_AFTER}) - ({_BEFORE})) AS chain FROM movements GROUP BY wallet_id
    ) m ON m.wallet_id = w.id
    WHERE w.id IS NULL OR w.seq <> coalesce(m.total, 0) OR coalesce(m.chain, 0) <> ({_NOW}) - ({_EMPTY})
"""  # noqa: S608

_USED = f"""
    SELECT coalesce(m.id, u.movement_id), 'a movement did not take from lots, or give back, what it moved'
    FROM (SELECT id, wallet_id, {_LOTS_GAINED} AS uses FROM movements) m FULL JOIN (
        SELECT u.movement_id, sum(u.amount) AS uses, min(l.wallet_id) AS first_wallet, max(l.wallet_id) AS last_wallet
        FROM lot_uses u LEFT JOIN lots l ON l.id = u.lot_id GROUP BY u.movement_id
    ) u ON u.movement_id = m.id
    WHERE m.id IS NULL OR m.uses <> coalesce(u.uses, 0) OR u.first_wallet <> m.wallet_id
        OR u.last_wallet <> m.wallet_id
"""  # noqa: S608

_EARNED = """
    SELECT coalesce(l.id, m.lot_id), 'a lot is not what was earned into it less what its uses took'
    FROM lots l FULL JOIN (
        SELECT lot_id, wallet_id, sum(amount) AS amount FROM movements WHERE kind = 1 GROUP BY lot_id, wallet_id
    ) m ON m.lot_id = l.id AND m.wallet_id = l.wallet_id
    LEFT JOIN (SELECT lot_id, sum(amount) AS amount FROM lot_uses GROUP BY lot_id) u ON u.lot_id = l.id
    WHERE l.id IS NULL OR l.amount <> coalesce(m.amount, 0) OR l.remaining <> l.amount + coalesce(u.amount, 0)
"""

ROW_CHECKS = {"joined": _JOINED, "used": _USED, "earned": _EARNED}

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

_REVERSALS = """
    SELECT coalesce(r.reverses, r.id), 'a hold was settled and released, or an earning taken back, beyond what it was'
    FROM (
        SELECT reverses, min(id) AS id, sum(amount) AS amount, bool_or(kind = 7) AS back,
            bool_and(kind = 7) AS only_back, min(wallet_id) AS wallet, max(wallet_id) AS last_wallet,
            min(cause) AS cause, max(cause) AS last_cause,
            min(cause_id) AS cause_id, max(cause_id) AS last_cause_id
        FROM movements WHERE kind IN (4, 5, 7) GROUP BY reverses
    ) r LEFT JOIN movements o ON o.id = r.reverses
    WHERE o.id IS NULL OR r.amount > o.amount OR r.back <> r.only_back OR o.kind <> CASE WHEN back THEN 1 ELSE 3 END
        OR (r.wallet, r.last_wallet) <> (o.wallet_id, o.wallet_id) OR (NOT back AND
            (r.cause, r.last_cause, r.cause_id, r.last_cause_id) <> (o.cause, o.cause, o.cause_id, o.cause_id))
"""

DIRECT_CHECKS = (_REVERSALS, _LOTS)
