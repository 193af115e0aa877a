-- Takes a part of a paid line back, for a line of a return receipt (its key is used once) or because a person said so
-- (no key). Never more than is left, nor than the line of the return has not taken from other sales, so that it may be
-- run again, and be sent by several; the money goes in proportion to all that came back so far, so that many small
-- returns come to what one large one does. Returns what was taken, in minor units; null: this was done before.
CREATE OR REPLACE FUNCTION receipts_take_back(
    p_line bigint, p_quantity numeric, p_country text, p_identity text, p_n int
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE l receipt_lines; a accruals; v record; back receipt_line_returns; part numeric; taken numeric;
    due bigint; w wallets;
BEGIN
    SELECT o.account_id INTO v FROM receipt_lines k JOIN receipts o ON o.id = k.receipt_id WHERE k.id = p_line;
    PERFORM pg_advisory_xact_lock(20311, (v.account_id % 2147483647)::int);
    SELECT * INTO l FROM receipt_lines WHERE id = p_line FOR UPDATE;
    -- Behind the account and the line, and nothing of another account is waited for under it.
    PERFORM FROM receipt_documents WHERE country = p_country AND identity = p_identity FOR UPDATE;
    SELECT coalesce(sum(quantity), 0) INTO taken FROM receipt_line_returns
    WHERE country = p_country AND identity = p_identity AND n = p_n;
    part := least(round(p_quantity, 3) - taken, l.quantity - l.returned_quantity);
    IF part <= 0 THEN
        RETURN NULL;
    END IF;
    due := div(l.amount * (l.returned_quantity + part), l.quantity)::bigint - l.returned;
    INSERT INTO receipt_line_returns (line_id, country, identity, n, quantity, amount)
    VALUES (l.id, p_country, p_identity, p_n, part, due) ON CONFLICT DO NOTHING RETURNING * INTO back;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE receipt_lines SET returned_quantity = returned_quantity + part, returned = returned + due,
        state = CASE WHEN state = 'review' AND returned_quantity + part = quantity THEN 'refused' ELSE state END,
        reason = CASE WHEN state = 'review' AND returned_quantity + part = quantity THEN 'returned' ELSE reason END
    WHERE id = l.id;
    IF due > 0 THEN
        SELECT * INTO a FROM accruals WHERE cause = l.cause AND cause_id = l.cause_id;
        SELECT g.timezone, k.id AS campaign INTO v
        FROM campaign_versions x JOIN campaigns k ON k.id = x.campaign_id JOIN programmes g ON g.id = k.programme_id
        WHERE x.id = a.version_id;
        -- Who has gone has nothing left to take.
        IF EXISTS (SELECT FROM accounts o WHERE o.id = a.account_id AND o.closed_at IS NULL) THEN
            w := ledger_open(a.account_id, a.programme_id, (now() AT TIME ZONE v.timezone)::date);
            w := ledger_claw_back(w, l.cause, l.cause_id, due, 7, back.id);
            IF l.budgeted THEN
                UPDATE budget_slices SET remaining = remaining + due
                WHERE campaign_id = v.campaign AND slice = (a.account_id % 16)::int;
            END IF;
        END IF;
    END IF;
    INSERT INTO events (brand_id, account_id, kind, body)
    SELECT l.brand_id, r.account_id, 'receipt.returned',
        jsonb_build_object('receipt', r.id, 'line', l.n, 'quantity', part, 'amount', due)
    FROM receipts r WHERE r.id = l.receipt_id;
    IF l.state = 'review' THEN
        PERFORM receipts_conclude(l.receipt_id, 'returned', l.brand_id);
    END IF;
    RETURN due;
END $$;

-- A doubt about a line, paid or waiting: a signal in the agent's item of the brand's review queue.
CREATE OR REPLACE FUNCTION receipts_doubt(
    p_line bigint, p_rule text, p_points int, p_inputs jsonb, p_decide_by timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE l record; item bigint;
BEGIN
    SELECT k.brand_id, k.receipt_id, r.account_id INTO l FROM receipt_lines k JOIN receipts r ON r.id = k.receipt_id
    WHERE k.id = p_line;
    IF EXISTS (SELECT FROM receipt_signals s
            WHERE s.receipt_id = l.receipt_id AND s.brand_id = l.brand_id AND s.rule = p_rule) THEN
        RETURN;
    END IF;
    INSERT INTO reviews AS v (brand_id, account_id, points, decide_by) VALUES (l.brand_id, l.account_id, p_points, p_decide_by)
    ON CONFLICT (brand_id, account_id) WHERE decided_at IS NULL DO UPDATE SET points = v.points + excluded.points
    RETURNING v.id INTO item;
    INSERT INTO receipt_signals (brand_id, receipt_id, review_id, rule, version, shadow, points, inputs)
    VALUES (l.brand_id, l.receipt_id, item, p_rule, 1, false, p_points, p_inputs) ON CONFLICT DO NOTHING;
END $$;
