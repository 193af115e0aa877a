-- The base of the ledger: writing movements, maturing and expiring. Amounts are in minor units. Places and kinds are those
-- of payouts/models.py:
--   places 1 funding, 2 pending, 3 available, 4 held, 5 breakage, 6 payable, 7 loss
--   kinds  1 earn, 2 mature, 3 hold, 4 settle, 5 release, 6 expire, 7 clawback, 8 write-off, 9 correct
-- A function with a wallet parameter takes the locked row and returns the changed row, so operations can be chained in one
-- transaction. Order of locks: wallet -> lots.

-- Writes one movement and the wallet's new balances; ledger_earn_many and ledger_expire_many do it for many. The wallet is
-- locked or written first, so the transaction has a number before it draws the movement's id. Checkpoints rely on that.
CREATE OR REPLACE FUNCTION ledger_move(
    w wallets, p_kind int, p_from int, p_to int, p_amount bigint, p_cause int, p_cause_id bigint,
    p_leg int, p_lot bigint, p_reverses bigint
) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
    w.pending := w.pending + CASE WHEN p_to = 2 THEN p_amount WHEN p_from = 2 THEN -p_amount ELSE 0 END;
    w.available := w.available + CASE WHEN p_to = 3 THEN p_amount WHEN p_from = 3 THEN -p_amount ELSE 0 END;
    w.held := w.held + CASE WHEN p_to = 4 THEN p_amount WHEN p_from = 4 THEN -p_amount ELSE 0 END;
    -- A clawback may lower the floor; all other kinds keep or raise it.
    w.floor := CASE WHEN p_kind = 7 THEN least(w.floor, w.available) ELSE greatest(w.floor, least(0, w.available)) END;
    w.seq := w.seq + 1;
    UPDATE wallets SET pending = w.pending, available = w.available, held = w.held, floor = w.floor, seq = w.seq,
        due_on = w.due_on
    WHERE id = w.id;
    INSERT INTO movements (wallet_id, wallet_seq, amount, pending_after, available_after, held_after, cause_id,
        lot_id, reverses, kind, from_place, to_place, cause, leg)
    VALUES (w.id, w.seq, p_amount, w.pending, w.available, w.held, p_cause_id,
        p_lot, p_reverses, p_kind, p_from, p_to, p_cause, p_leg);
    RETURN w;
END $$;

-- The id of the last movement of this session; currval is per session.
CREATE OR REPLACE FUNCTION ledger_last() RETURNS bigint LANGUAGE sql AS $$ SELECT currval('movements_id_seq') $$;

-- Draws an amount from one lot for a movement; a negative amount gives it back.
CREATE OR REPLACE FUNCTION ledger_draw(p_movement bigint, p_lot bigint, p_amount bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lots SET remaining = remaining - p_amount WHERE id = p_lot;
    INSERT INTO lot_uses (movement_id, lot_id, amount) VALUES (p_movement, p_lot, -p_amount);
END $$;

-- Draws an amount from the available lots in the given order. What they do not have is the wallet's debt.
CREATE OR REPLACE FUNCTION ledger_draw_lots(
    w wallets, p_movement bigint, p_amount bigint, p_latest_first boolean, p_except bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE l lots; part bigint;
BEGIN
    FOR l IN
        SELECT * FROM lots
        WHERE wallet_id = w.id AND remaining > 0 AND NOT pending AND id IS DISTINCT FROM p_except
        ORDER BY CASE WHEN p_latest_first THEN '9999-12-31'::date - expires_on ELSE expires_on - '0001-01-01'::date END,
            matures_on, id
    LOOP
        EXIT WHEN p_amount = 0;
        part := least(p_amount, l.remaining);
        PERFORM ledger_draw(p_movement, l.id, part);
        p_amount := p_amount - part;
    END LOOP;
END $$;

-- Locks an owner's wallet, creates it on first use, and advances it to today. So no operation depends on the worker.
CREATE OR REPLACE FUNCTION ledger_open(p_owner bigint, p_book bigint, p_today date) RETURNS wallets
LANGUAGE plpgsql AS $$
DECLARE w wallets;
BEGIN
    SELECT * INTO w FROM wallets WHERE owner_id = p_owner AND book_id = p_book FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO wallets (owner_id, book_id) VALUES (p_owner, p_book) ON CONFLICT DO NOTHING;
        SELECT * INTO w FROM wallets WHERE owner_id = p_owner AND book_id = p_book FOR UPDATE;
    END IF;
    IF w.due_on <= p_today THEN
        w := wallet_advance_to(w, p_today);
    END IF;
    RETURN w;
END $$;

-- Advances a wallet to today: matures and expires the lots that are due, and stores the next day on which one will be.
CREATE OR REPLACE FUNCTION wallet_advance_to(w wallets, p_today date) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
    w := ledger_mature(w, p_today);
    w := ledger_expire(w, p_today);
    SELECT min(CASE WHEN pending THEN matures_on ELSE expires_on END) INTO w.due_on FROM lots
    WHERE wallet_id = w.id AND (pending OR remaining > 0 AND expires_on < '9999-12-31');
    UPDATE wallets SET due_on = w.due_on WHERE id = w.id;
    RETURN w;
END $$;

-- Moves lots that mature by today from pending to available; a debt is repaid first.
CREATE OR REPLACE FUNCTION ledger_mature(w wallets, p_today date) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE l lots; repaid bigint;
BEGIN
    FOR l IN SELECT * FROM lots WHERE wallet_id = w.id AND pending AND matures_on <= p_today ORDER BY matures_on, id
    LOOP
        UPDATE lots SET pending = false WHERE id = l.id;
        IF l.remaining > 0 THEN
            repaid := least(l.remaining, greatest(0, -w.available));
            w := ledger_move(w, 2, 2, 3, l.remaining, 0, l.id, 0, l.id, NULL);
            IF repaid > 0 THEN
                PERFORM ledger_draw(ledger_last(), l.id, repaid);
            END IF;
        END IF;
    END LOOP;
    RETURN w;
END $$;

-- Moves expired lots to breakage. A lot that got something back by a release may expire again, so `leg` counts.
CREATE OR REPLACE FUNCTION ledger_expire(w wallets, p_today date) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE l lots; times int;
BEGIN
    FOR l IN
        SELECT * FROM lots WHERE wallet_id = w.id AND remaining > 0 AND NOT pending AND expires_on <= p_today
        ORDER BY expires_on, id
    LOOP
        SELECT count(*) INTO times FROM movements WHERE cause = 0 AND cause_id = l.id AND kind = 6;
        w := ledger_move(w, 6, 3, 5, l.remaining, 0, l.id, times, l.id, NULL);
        PERFORM ledger_draw(ledger_last(), l.id, l.remaining);
    END LOOP;
    RETURN w;
END $$;

-- Expires lots of many wallets in one statement, as ledger_expire does for one, and stores each wallet's next due day. The
-- caller holds the locks of the wallets and has matured them.
CREATE OR REPLACE FUNCTION ledger_expire_many(p_wallets bigint[], p_today date) RETURNS void LANGUAGE sql AS $$
    WITH due AS MATERIALIZED (
        SELECT l.id, l.wallet_id, l.remaining, w.seq, w.pending, w.available, w.held, row_number() OVER o AS position,
            sum(l.remaining) OVER o AS running_total,
            (SELECT count(*) FROM movements m WHERE m.cause = 0 AND m.cause_id = l.id AND m.kind = 6) AS times
        FROM lots l JOIN wallets w ON w.id = l.wallet_id
        WHERE l.wallet_id = ANY(p_wallets) AND l.remaining > 0 AND NOT l.pending AND l.expires_on <= p_today
        WINDOW o AS (PARTITION BY l.wallet_id ORDER BY l.expires_on, l.id ROWS UNBOUNDED PRECEDING)
    ), drawn AS (
        UPDATE lots l SET remaining = 0 FROM due WHERE l.id = due.id
    ), moved AS (
        INSERT INTO movements (wallet_id, wallet_seq, amount, pending_after, available_after, held_after, cause_id,
            lot_id, reverses, kind, from_place, to_place, cause, leg)
        SELECT wallet_id, seq + position, remaining, pending, available - running_total, held, id, id, NULL, 6, 3, 5, 0,
            times
        FROM due ORDER BY wallet_id, position
        RETURNING id, lot_id, amount
    ), used AS (
        INSERT INTO lot_uses (movement_id, lot_id, amount) SELECT id, lot_id, -amount FROM moved
    ), expired AS (
        SELECT wallet_id, sum(remaining) AS amount, count(*) AS lots FROM due GROUP BY wallet_id
    )
    UPDATE wallets w SET available = w.available - coalesce(expired.amount, 0), seq = w.seq + coalesce(expired.lots, 0),
        floor = CASE WHEN expired.amount IS NULL THEN w.floor
            ELSE greatest(w.floor, least(0, w.available - expired.amount)) END,
        due_on = (SELECT min(CASE WHEN l.pending THEN l.matures_on ELSE l.expires_on END) FROM lots l
            WHERE l.wallet_id = w.id
                AND (l.pending OR l.remaining > 0 AND l.expires_on > p_today AND l.expires_on < '9999-12-31'))
    FROM unnest(p_wallets) AS x (id) LEFT JOIN expired ON expired.wallet_id = x.id WHERE w.id = x.id
$$;

-- Advances wallets of some programmes to today, at most p_most of them and for little longer than p_milliseconds, and returns
-- their number. It works in pieces, the first of a single wallet, so that other transactions hardly wait for a lock. Locked
-- wallets are skipped: the transaction that locked one has advanced it.
CREATE OR REPLACE FUNCTION ledger_catch_up(p_books bigint[], p_today date, p_most int, p_milliseconds int)
RETURNS int LANGUAGE plpgsql AS $$
DECLARE w wallets; ids bigint[]; advanced int := 0; piece int := 1;
BEGIN
    LOOP
        SELECT array_agg(id) INTO ids FROM (
            SELECT id FROM wallets WHERE due_on <= p_today AND book_id = ANY(p_books)
            ORDER BY due_on LIMIT least(p_most - advanced, piece) FOR UPDATE SKIP LOCKED) AS due;
        EXIT WHEN ids IS NULL;
        FOR w IN
            SELECT * FROM wallets WHERE id = ANY(ids) AND EXISTS (
                SELECT FROM lots l WHERE l.wallet_id = wallets.id AND l.pending AND l.matures_on <= p_today)
        LOOP
            PERFORM ledger_mature(w, p_today);
        END LOOP;
        PERFORM ledger_expire_many(ids, p_today);
        advanced := advanced + cardinality(ids);
        piece := 50;
        EXIT WHEN advanced >= p_most
            OR clock_timestamp() > statement_timestamp() + p_milliseconds * interval '1 millisecond';
    END LOOP;
    RETURN advanced;
END $$;
