-- The ledger's deeds. Each takes the locked wallet row and gives it back as it stands afterwards, so that a caller
-- may chain deeds in one transaction. Amounts are in minor units; places and kinds are those of payouts/models.py:
--   places 1 funding, 2 pending, 3 available, 4 held, 5 breakage, 6 payable, 7 loss
--   kinds  1 earn, 2 mature, 3 hold, 4 settle, 5 release, 6 expire, 7 claw-back, 8 write-off
-- Business faults are raised with SQLSTATE class SB and mapped in payouts/ledger.py.

-- Writes one movement and the wallet's new balances. The only place that does either.
CREATE OR REPLACE FUNCTION ledger_move(
    w wallets, p_kind int, p_from int, p_to int, p_amount bigint, p_cause int, p_cause_id bigint,
    p_leg int, p_lot bigint, p_reverses bigint
) RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
    w.pending := w.pending + CASE WHEN p_to = 2 THEN p_amount WHEN p_from = 2 THEN -p_amount ELSE 0 END;
    w.available := w.available + CASE WHEN p_to = 3 THEN p_amount WHEN p_from = 3 THEN -p_amount ELSE 0 END;
    w.held := w.held + CASE WHEN p_to = 4 THEN p_amount WHEN p_from = 4 THEN -p_amount ELSE 0 END;
    -- A claw-back may lower the floor; everything else leaves it or raises it, never lowers it.
    w.floor := CASE WHEN p_kind = 7 THEN least(w.floor, w.available) ELSE greatest(w.floor, least(0, w.available)) END;
    w.seq := w.seq + 1;
    UPDATE wallets SET pending = w.pending, available = w.available, held = w.held, floor = w.floor, seq = w.seq,
        matures_on = w.matures_on
    WHERE id = w.id;
    INSERT INTO movements (wallet_id, wallet_seq, amount, pending_after, available_after, held_after, cause_id,
        lot_id, reverses, kind, from_place, to_place, cause, leg)
    VALUES (w.id, w.seq, p_amount, w.pending, w.available, w.held, p_cause_id,
        p_lot, p_reverses, p_kind, p_from, p_to, p_cause, p_leg);
    RETURN w;
END $$;

-- The movement this transaction wrote last; the sequence's value is this session's own.
CREATE OR REPLACE FUNCTION ledger_last() RETURNS bigint LANGUAGE sql AS $$ SELECT currval('movements_id_seq') $$;

-- Draws from one lot on behalf of a movement.
CREATE OR REPLACE FUNCTION ledger_draw(p_movement bigint, p_lot bigint, p_amount bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE lots SET remaining = remaining - p_amount WHERE id = p_lot;
    INSERT INTO lot_uses (movement_id, lot_id, amount) VALUES (p_movement, p_lot, -p_amount);
END $$;

-- Locks an owner's wallet in a book, made on first use, and matures what is due: a stopped worker holds up nobody.
CREATE OR REPLACE FUNCTION ledger_open(p_owner bigint, p_book bigint, p_today date) RETURNS wallets
LANGUAGE plpgsql AS $$
DECLARE w wallets;
BEGIN
    SELECT * INTO w FROM wallets WHERE owner_id = p_owner AND book_id = p_book FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO wallets (owner_id, book_id) VALUES (p_owner, p_book) ON CONFLICT DO NOTHING;
        SELECT * INTO w FROM wallets WHERE owner_id = p_owner AND book_id = p_book FOR UPDATE;
    END IF;
    IF w.matures_on <= p_today THEN
        w := ledger_mature(w, p_today);
    END IF;
    RETURN w;
END $$;

-- What was pending until today becomes available; a debt is repaid from it first.
CREATE OR REPLACE FUNCTION ledger_mature(w wallets, p_today date) RETURNS wallets
LANGUAGE plpgsql AS $$
DECLARE l lots; repaid bigint;
BEGIN
    SELECT min(matures_on) INTO w.matures_on FROM lots
    WHERE wallet_id = w.id AND pending AND matures_on > p_today AND remaining > 0;
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
    UPDATE wallets SET matures_on = w.matures_on WHERE id = w.id;
    RETURN w;
END $$;

-- Earns into the lot of those two days; a debt is repaid first. Earning that must wait goes to pending.
CREATE OR REPLACE FUNCTION ledger_earn(
    w wallets, p_amount bigint, p_cause int, p_cause_id bigint, p_today date, p_matures_on date, p_expires_on date
) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
    waits boolean := p_matures_on > p_today;
    repaid bigint := CASE WHEN waits THEN 0 ELSE least(p_amount, greatest(0, -w.available)) END;
    lot bigint;
BEGIN
    INSERT INTO lots AS l (wallet_id, amount, remaining, matures_on, expires_on, pending)
    VALUES (w.id, p_amount, p_amount, p_matures_on, p_expires_on, waits)
    ON CONFLICT (wallet_id, expires_on, matures_on)
    DO UPDATE SET amount = l.amount + excluded.amount, remaining = l.remaining + excluded.remaining
    RETURNING id INTO lot;
    IF waits THEN
        w.matures_on := least(w.matures_on, p_matures_on);
    END IF;
    w := ledger_move(
        w, 1, 1, CASE WHEN waits THEN 2 ELSE 3 END, p_amount, p_cause, p_cause_id, 0, lot, NULL);
    IF repaid > 0 THEN
        PERFORM ledger_draw(ledger_last(), lot, repaid);
    END IF;
    RETURN w;
END $$;

-- Draws an amount from the available lots, in the order asked for; returns what the lots did not have.
CREATE OR REPLACE FUNCTION ledger_draw_lots(
    w wallets, p_movement bigint, p_amount bigint, p_latest_first boolean, p_except bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
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
    RETURN p_amount;
END $$;

-- Sets an amount aside for an order: available -> held, soonest expiry first.
CREATE OR REPLACE FUNCTION ledger_hold(w wallets, p_amount bigint, p_cause int, p_cause_id bigint, p_today date)
RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
    w := ledger_expire(w, p_today);
    IF w.available < p_amount THEN
        RAISE EXCEPTION 'the wallet has %, not %', w.available, p_amount USING ERRCODE = 'SB001';
    END IF;
    w := ledger_move(w, 3, 3, 4, p_amount, p_cause, p_cause_id, 0, NULL, NULL);
    PERFORM ledger_draw_lots(w, ledger_last(), p_amount, false, NULL);
    RETURN w;
END $$;

-- What of a hold is neither settled nor released yet.
CREATE OR REPLACE FUNCTION ledger_open_hold(p_cause int, p_cause_id bigint, OUT hold_id bigint, OUT rest bigint)
LANGUAGE sql AS $$
    SELECT h.id, h.amount - coalesce((SELECT sum(m.amount) FROM movements m
        WHERE m.cause = p_cause AND m.cause_id = p_cause_id AND m.kind IN (4, 5) AND m.reverses = h.id), 0)
    FROM movements h WHERE h.cause = p_cause AND h.cause_id = p_cause_id AND h.kind = 3
$$;

-- The order was fulfilled: held -> payable to the partner. A leg may settle a part.
CREATE OR REPLACE FUNCTION ledger_settle(w wallets, p_amount bigint, p_cause int, p_cause_id bigint, p_leg int)
RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE open record;
BEGIN
    SELECT * INTO open FROM ledger_open_hold(p_cause, p_cause_id);
    IF open.rest IS NULL OR open.rest < p_amount THEN
        RAISE EXCEPTION 'the hold has % left, not %', open.rest, p_amount USING ERRCODE = 'SB002';
    END IF;
    w := ledger_move(w, 4, 4, 6, p_amount, p_cause, p_cause_id, p_leg, NULL, open.hold_id);
    RETURN w;
END $$;

-- The order fell through: held -> available, back into the lots it came from, last drawn first. An older debt is
-- repaid by it, so a lot gets back only what the debt leaves.
CREATE OR REPLACE FUNCTION ledger_release(w wallets, p_amount bigint, p_cause int, p_cause_id bigint, p_leg int)
RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
    open record; drawn record; part bigint;
    back bigint := p_amount - least(p_amount, greatest(0, -w.available));
BEGIN
    SELECT * INTO open FROM ledger_open_hold(p_cause, p_cause_id);
    IF open.rest IS NULL OR open.rest < p_amount THEN
        RAISE EXCEPTION 'the hold has % left, not %', open.rest, p_amount USING ERRCODE = 'SB002';
    END IF;
    w := ledger_move(w, 5, 4, 3, p_amount, p_cause, p_cause_id, p_leg, NULL, open.hold_id);
    FOR drawn IN
        SELECT u.lot_id, -u.amount - coalesce((SELECT sum(r.amount) FROM lot_uses r JOIN movements m ON m.id = r.movement_id
            WHERE r.lot_id = u.lot_id AND m.reverses = open.hold_id AND m.kind = 5), 0) AS amount
        FROM lot_uses u JOIN lots l ON l.id = u.lot_id
        WHERE u.movement_id = open.hold_id ORDER BY l.expires_on DESC, l.matures_on DESC, l.id DESC
    LOOP
        part := least(back, drawn.amount);
        IF part > 0 THEN
            UPDATE lots SET remaining = remaining + part WHERE id = drawn.lot_id;
            INSERT INTO lot_uses (movement_id, lot_id, amount) VALUES (ledger_last(), drawn.lot_id, part);
            back := back - part;
        END IF;
    END LOOP;
    RETURN w;
END $$;

-- What has expired goes to breakage as a movement; a lot that was given something back may expire again.
CREATE OR REPLACE FUNCTION ledger_expire(w wallets, p_today date) RETURNS wallets
LANGUAGE plpgsql AS $$
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

-- Takes back what a deed earned, whole or in part, under a cause of its own: first what is still pending of the
-- deed's lot, then the rest of that lot, then other lots with the latest expiry first, and what is left becomes a
-- debt that the next earning repays. Never more than the deed earned.
CREATE OR REPLACE FUNCTION ledger_claw_back(
    w wallets, p_earned_cause int, p_earned_id bigint, p_amount bigint, p_cause int, p_cause_id bigint
) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE earned movements; own lots; taken bigint; part bigint; rest bigint := p_amount;
BEGIN
    SELECT * INTO earned FROM movements WHERE cause = p_earned_cause AND cause_id = p_earned_id AND kind = 1;
    SELECT coalesce(sum(amount), 0) INTO taken FROM movements
    WHERE wallet_id = w.id AND kind = 7 AND reverses = earned.id;
    IF earned.id IS NULL OR earned.wallet_id <> w.id OR taken + p_amount > earned.amount THEN
        RAISE EXCEPTION 'earned %, taken back %, not % more', earned.amount, taken, p_amount USING ERRCODE = 'SB003';
    END IF;
    SELECT * INTO own FROM lots WHERE id = earned.lot_id FOR UPDATE;
    IF own.pending THEN
        part := least(rest, own.remaining);
        IF part > 0 THEN
            w := ledger_move(w, 7, 2, 1, part, p_cause, p_cause_id, 0, own.id, earned.id);
            PERFORM ledger_draw(ledger_last(), own.id, part);
            rest := rest - part;
        END IF;
        own.remaining := 0;
    END IF;
    IF rest > 0 THEN
        w := ledger_move(w, 7, 3, 1, rest, p_cause, p_cause_id, 1, own.id, earned.id);
        part := least(rest, own.remaining);
        IF part > 0 THEN
            PERFORM ledger_draw(ledger_last(), own.id, part);
            rest := rest - part;
        END IF;
        PERFORM ledger_draw_lots(w, ledger_last(), rest, true, own.id);
    END IF;
    RETURN w;
END $$;

-- An old debt becomes the programme's loss: loss -> available, up to zero.
CREATE OR REPLACE FUNCTION ledger_write_off(w wallets, p_amount bigint, p_cause int, p_cause_id bigint)
RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
    IF -w.available < p_amount THEN
        RAISE EXCEPTION 'the debt is %, not %', greatest(0, -w.available), p_amount USING ERRCODE = 'SB004';
    END IF;
    w := ledger_move(w, 8, 7, 3, p_amount, p_cause, p_cause_id, 0, NULL, NULL);
    RETURN w;
END $$;
