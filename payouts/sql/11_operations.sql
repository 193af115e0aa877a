-- The operations of the ledger, on a wallet that ledger_open returned. Errors for the caller have SQLSTATE class SB, see
-- payouts/ledger.py. A repeated cause raises unique_violation, even if the operation would fail for another reason too.

-- Raises unique_violation if the cause was moved already. Called before another error is raised.
CREATE OR REPLACE FUNCTION ledger_refuse_repeat(p_kind int, p_cause int, p_cause_id bigint, p_leg int) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM movements
        WHERE cause = p_cause AND cause_id = p_cause_id AND kind = p_kind AND leg = p_leg)
    THEN
        RAISE EXCEPTION 'cause % of kind % has moved already', p_cause_id, p_cause USING ERRCODE = 'unique_violation';
    END IF;
END $$;

-- Earns into the lot of these two days; a debt is repaid first. An amount that matures later goes to pending.
CREATE OR REPLACE FUNCTION ledger_earn(
    w wallets, p_amount bigint, p_cause int, p_cause_id bigint, p_today date, p_matures_on date, p_expires_on date
) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE lot bigint; is_pending boolean; repaid bigint;
BEGIN
    INSERT INTO lots AS l (wallet_id, amount, remaining, matures_on, expires_on, pending)
    VALUES (w.id, p_amount, p_amount, p_matures_on, p_expires_on, p_matures_on > p_today)
    ON CONFLICT (wallet_id, expires_on, matures_on)
    DO UPDATE SET amount = l.amount + excluded.amount, remaining = l.remaining + excluded.remaining
    -- `pending` is the lot's: a transaction that began after midnight may have matured it already.
    RETURNING l.id, l.pending INTO lot, is_pending;
    repaid := CASE WHEN is_pending THEN 0 ELSE least(p_amount, greatest(0, -w.available)) END;
    w.due_on := least(w.due_on, CASE WHEN is_pending THEN p_matures_on ELSE nullif(p_expires_on, '9999-12-31') END);
    w := ledger_move(w, 1, 1, CASE WHEN is_pending THEN 2 ELSE 3 END, p_amount, p_cause, p_cause_id, 0, lot, NULL);
    IF repaid > 0 THEN
        PERFORM ledger_draw(ledger_last(), lot, repaid);
    END IF;
    RETURN w;
END $$;

-- Earns several amounts, each into one of some open wallets and under its own cause, with the result of ledger_earn for each:
-- one movement for each amount, and one write for each lot and each wallet.
CREATE OR REPLACE FUNCTION ledger_earn_many(
    p_wallets wallets[], p_into bigint[], p_amounts bigint[], p_causes smallint[], p_cause_ids bigint[], p_todays date[],
    p_matures_on date[], p_expires_on date[]
) RETURNS SETOF wallets LANGUAGE plpgsql AS $$
DECLARE w wallets; debtors bigint[] := '{}';
BEGIN
    FOREACH w IN ARRAY p_wallets LOOP
        CONTINUE WHEN w.available >= 0;
        FOR i IN 1 .. cardinality(p_into) LOOP -- a debt is repaid movement by movement
            IF p_into[i] = w.id THEN
                w := ledger_earn(w, p_amounts[i], p_causes[i], p_cause_ids[i], p_todays[i], p_matures_on[i], p_expires_on[i]);
            END IF;
        END LOOP;
        debtors := debtors || w.id;
        RETURN NEXT w;
    END LOOP;
    RETURN QUERY WITH earned AS MATERIALIZED (
        SELECT o.id AS wallet_id, o.seq + row_number() OVER (PARTITION BY o.id ORDER BY n) AS wallet_seq,
            o.pending AS was_pending, o.available, o.held, amount, cause, cause_id, today, x.matures_on, x.expires_on, n
        FROM unnest(p_into, p_amounts, p_causes, p_cause_ids, p_todays, p_matures_on, p_expires_on) WITH ORDINALITY
            AS x (wallet, amount, cause, cause_id, today, matures_on, expires_on, n)
        JOIN unnest(p_wallets) AS o ON o.id = x.wallet AND o.id <> ALL (debtors)
    ), stored_lots AS (
        INSERT INTO lots AS l (wallet_id, amount, remaining, matures_on, expires_on, pending)
        SELECT wallet_id, sum(amount), sum(amount), matures_on, expires_on, bool_or(matures_on > today)
        FROM earned GROUP BY wallet_id, matures_on, expires_on ORDER BY min(n)
        ON CONFLICT (wallet_id, expires_on, matures_on)
        DO UPDATE SET amount = l.amount + excluded.amount, remaining = l.remaining + excluded.remaining
        RETURNING l.id, l.wallet_id, l.matures_on, l.expires_on, l.pending
    ), moved AS (
        INSERT INTO movements (wallet_id, wallet_seq, amount, pending_after, available_after, held_after, cause_id,
            lot_id, reverses, kind, from_place, to_place, cause, leg)
        SELECT wallet_id, wallet_seq, amount, was_pending + coalesce(sum(amount) FILTER (WHERE pending) OVER o, 0),
            available + coalesce(sum(amount) FILTER (WHERE NOT pending) OVER o, 0), held, cause_id, id, NULL, 1, 1,
            CASE WHEN pending THEN 2 ELSE 3 END, cause, 0
        FROM earned JOIN stored_lots USING (wallet_id, matures_on, expires_on)
        WINDOW o AS (PARTITION BY wallet_id ORDER BY n) ORDER BY n
        RETURNING wallet_id, amount, to_place
    )
    UPDATE wallets o SET pending = o.pending + m.pending, available = o.available + m.available, seq = o.seq + m.rows,
        due_on = least(o.due_on, k.due_on)
    FROM (
        SELECT wallet_id, coalesce(sum(amount) FILTER (WHERE to_place = 2), 0) AS pending,
            coalesce(sum(amount) FILTER (WHERE to_place = 3), 0) AS available, count(*) AS rows FROM moved GROUP BY 1
    ) AS m JOIN (
        SELECT wallet_id, min(CASE WHEN pending THEN matures_on ELSE nullif(expires_on, '9999-12-31') END) AS due_on
        FROM stored_lots GROUP BY 1
    ) AS k USING (wallet_id)
    WHERE o.id = m.wallet_id RETURNING o.*;
END $$;

-- Holds an amount for an order: available -> held, from the lots that expire first.
CREATE OR REPLACE FUNCTION ledger_hold(w wallets, p_amount bigint, p_cause int, p_cause_id bigint)
RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
    IF w.available < p_amount THEN
        PERFORM ledger_refuse_repeat(3, p_cause, p_cause_id, 0);
        RAISE EXCEPTION 'the wallet has %, not %', w.available, p_amount USING ERRCODE = 'SB001';
    END IF;
    w := ledger_move(w, 3, 3, 4, p_amount, p_cause, p_cause_id, 0, NULL, NULL);
    PERFORM ledger_draw_lots(w, ledger_last(), p_amount, false, NULL);
    RETURN w;
END $$;

-- The hold of this wallet for a cause; raises SB002 if less than the amount is neither settled nor released.
CREATE OR REPLACE FUNCTION ledger_held(
    w wallets, p_amount bigint, p_kind int, p_cause int, p_cause_id bigint, p_leg int
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE h movements; done bigint;
BEGIN
    SELECT * INTO h FROM movements WHERE cause = p_cause AND cause_id = p_cause_id AND kind = 3 AND wallet_id = w.id;
    SELECT coalesce(sum(amount), 0) INTO done FROM movements
    WHERE cause = p_cause AND cause_id = p_cause_id AND kind IN (4, 5);
    IF h.id IS NULL OR h.amount - done < p_amount THEN
        PERFORM ledger_refuse_repeat(p_kind, p_cause, p_cause_id, p_leg);
        RAISE EXCEPTION 'the hold has % left, not %', coalesce(h.amount - done, 0), p_amount USING ERRCODE = 'SB002';
    END IF;
    RETURN h.id;
END $$;

-- The order was fulfilled: held -> payable. A leg may settle a part.
CREATE OR REPLACE FUNCTION ledger_settle(w wallets, p_amount bigint, p_cause int, p_cause_id bigint, p_leg int)
RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE hold bigint := ledger_held(w, p_amount, 4, p_cause, p_cause_id, p_leg);
BEGIN
    RETURN ledger_move(w, 4, 4, 6, p_amount, p_cause, p_cause_id, p_leg, NULL, hold);
END $$;

-- The order was not fulfilled: held -> available, back into the lots it came from, last drawn first. A debt is repaid first,
-- so the lots get what it leaves.
CREATE OR REPLACE FUNCTION ledger_release(w wallets, p_amount bigint, p_cause int, p_cause_id bigint, p_leg int)
RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE
    hold bigint := ledger_held(w, p_amount, 5, p_cause, p_cause_id, p_leg);
    back bigint := p_amount - least(p_amount, greatest(0, -w.available));
    drawn record; part bigint;
BEGIN
    -- The lots may have expired meanwhile.
    SELECT least(w.due_on, min(nullif(l.expires_on, '9999-12-31'))) INTO w.due_on
    FROM lot_uses u JOIN lots l ON l.id = u.lot_id WHERE u.movement_id = hold;
    w := ledger_move(w, 5, 4, 3, p_amount, p_cause, p_cause_id, p_leg, NULL, hold);
    FOR drawn IN
        SELECT u.lot_id, -u.amount - coalesce((SELECT sum(r.amount) FROM movements m JOIN lot_uses r ON r.movement_id = m.id
            WHERE m.cause = p_cause AND m.cause_id = p_cause_id AND m.kind = 5 AND r.lot_id = u.lot_id), 0) AS amount
        FROM lot_uses u JOIN lots l ON l.id = u.lot_id
        WHERE u.movement_id = hold ORDER BY l.expires_on DESC, l.matures_on DESC, l.id DESC
    LOOP
        part := least(back, drawn.amount);
        IF part > 0 THEN
            PERFORM ledger_draw(ledger_last(), drawn.lot_id, -part);
            back := back - part;
        END IF;
    END LOOP;
    RETURN w;
END $$;

-- What a lot has lost: what expired of it, and what clawbacks of its earnings took from this or other lots.
CREATE OR REPLACE FUNCTION ledger_lost(l lots) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (SELECT coalesce(sum(amount), 0) FROM movements WHERE cause = 0 AND cause_id = l.id AND kind = 6)::bigint
        + (SELECT coalesce(sum(amount), 0) FROM movements WHERE wallet_id = l.wallet_id AND kind = 7 AND lot_id = l.id)::bigint
$$;

-- Claws back all or a part of what a cause earned, under a cause of its own: from the pending lot of that earning, or else
-- from the rest of its lot, then from other lots with the latest expiry first. What they do not have becomes a debt, which
-- the next earning repays. It takes no more than was earned, and of a lot no more than it has not lost to expiry, because
-- that amount is gone already. If nothing is left to take, nothing moves.
CREATE OR REPLACE FUNCTION ledger_claw_back(
    w wallets, p_earned_cause int, p_earned_id bigint, p_amount bigint, p_cause int, p_cause_id bigint
) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE earned movements; own lots; clawed_back bigint; part bigint; rest bigint := p_amount;
BEGIN
    SELECT * INTO earned FROM movements WHERE cause = p_earned_cause AND cause_id = p_earned_id AND kind = 1;
    SELECT coalesce(sum(amount), 0) INTO clawed_back FROM movements
    WHERE wallet_id = w.id AND kind = 7 AND reverses = earned.id;
    IF earned.wallet_id IS DISTINCT FROM w.id OR p_amount <= 0 OR clawed_back + p_amount > earned.amount THEN
        PERFORM ledger_refuse_repeat(7, p_cause, p_cause_id, 0);
        RAISE EXCEPTION 'earned %, taken back %, not % more', coalesce(earned.amount, 0), clawed_back, p_amount
            USING ERRCODE = 'SB003';
    END IF;
    SELECT * INTO own FROM lots WHERE id = earned.lot_id;
    IF own.pending THEN
        -- Only clawbacks draw from a pending lot, so it still has what this cause earned.
        w := ledger_move(w, 7, 2, 1, rest, p_cause, p_cause_id, 0, own.id, earned.id);
        PERFORM ledger_draw(ledger_last(), own.id, rest);
        RETURN w;
    END IF;
    IF own.remaining < rest THEN
        rest := least(rest, own.amount - ledger_lost(own));
        IF rest <= 0 THEN
            RETURN w;
        END IF;
    END IF;
    part := least(rest, own.remaining);
    w := ledger_move(w, 7, 3, 1, rest, p_cause, p_cause_id, 0, own.id, earned.id);
    IF part > 0 THEN
        PERFORM ledger_draw(ledger_last(), own.id, part);
        rest := rest - part;
    END IF;
    PERFORM ledger_draw_lots(w, ledger_last(), rest, true, own.id);
    RETURN w;
END $$;

-- An old debt becomes the programme's loss: loss -> available, up to zero.
CREATE OR REPLACE FUNCTION ledger_write_off(w wallets, p_amount bigint, p_cause int, p_cause_id bigint)
RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
    IF -w.available < p_amount THEN
        PERFORM ledger_refuse_repeat(8, p_cause, p_cause_id, 0);
        RAISE EXCEPTION 'the debt is %, not %', greatest(0, -w.available), p_amount USING ERRCODE = 'SB004';
    END IF;
    RETURN ledger_move(w, 8, 7, 3, p_amount, p_cause, p_cause_id, 0, NULL, NULL);
END $$;

-- A correction by staff: available -> funding, from the lots that expire first. It makes no debt; only a clawback does.
CREATE OR REPLACE FUNCTION ledger_correct(w wallets, p_amount bigint, p_cause int, p_cause_id bigint)
RETURNS wallets LANGUAGE plpgsql AS $$
BEGIN
    IF w.available < p_amount THEN
        PERFORM ledger_refuse_repeat(9, p_cause, p_cause_id, 0);
        RAISE EXCEPTION 'the wallet has %, not %', w.available, p_amount USING ERRCODE = 'SB001';
    END IF;
    w := ledger_move(w, 9, 3, 1, p_amount, p_cause, p_cause_id, 0, NULL, NULL);
    PERFORM ledger_draw_lots(w, ledger_last(), p_amount, false, NULL);
    RETURN w;
END $$;
