-- Claws back from each award of a line, its own and additional ones, once p_back of the line is returned: the same share of
-- each, rounded down, less what was clawed back before. Returns the sum. The caller holds the account's lock; budgets are
-- locked last, by campaign. A closed account has no points to claw back; expired points are not taken again and do not return
-- to a budget.
CREATE OR REPLACE FUNCTION receipts_claw_back(l receipt_lines, p_back numeric, p_return bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE x record; due bigint; total bigint := 0; had bigint; w wallets; claw_back bigint; refunds jsonb := '[]';
BEGIN
    FOR x IN
        WITH awards AS (
            SELECT d.id AS award, 12 AS cause, d.id AS cause_id, d.returned, d.budgeted FROM additional_awards d
            WHERE d.cause = l.cause AND d.cause_id = l.cause_id)
        SELECT o.*, a.amount, a.account_id, a.programme_id, v.campaign_id, g.timezone, c.closed_at IS NULL AS is_open
        FROM (SELECT * FROM awards UNION ALL SELECT NULL, l.cause, l.cause_id,
            l.returned - coalesce((SELECT sum(d.returned) FROM awards d), 0)::bigint, l.budgeted) AS o
        JOIN accruals a ON a.cause = o.cause AND a.cause_id = o.cause_id JOIN campaign_versions v ON v.id = a.version_id
        JOIN programmes g ON g.id = a.programme_id JOIN accounts c ON c.id = a.account_id
        ORDER BY o.award NULLS FIRST
    LOOP
        due := div(x.amount * p_back, l.quantity)::bigint - x.returned;
        CONTINUE WHEN due <= 0;
        total := total + due; claw_back := p_return;
        IF x.award IS NOT NULL THEN
            UPDATE additional_awards SET returned = returned + due WHERE id = x.award;
            INSERT INTO additional_award_returns (award_id, line_return_id, amount) VALUES (x.award, p_return, due)
            RETURNING id INTO claw_back;
        END IF;
        IF x.is_open THEN
            w := ledger_open(x.account_id, x.programme_id, (now() AT TIME ZONE x.timezone)::date);
            had := w.pending + w.available;
            w := ledger_claw_back(w, x.cause, x.cause_id, due, CASE WHEN x.award IS NULL THEN 7 ELSE 13 END, claw_back);
            IF x.budgeted THEN
                refunds := refunds || jsonb_build_object('campaign', x.campaign_id, 'slice', x.account_id % 16,
                    'amount', had - w.pending - w.available);
            END IF;
        END IF;
    END LOOP;
    FOR x IN SELECT * FROM jsonb_to_recordset(refunds) AS r (campaign bigint, slice int, amount bigint) ORDER BY 1 LOOP
        UPDATE budget_slices SET remaining = remaining + x.amount WHERE campaign_id = x.campaign AND slice = x.slice;
    END LOOP;
    RETURN total;
END $$;

-- Claws back a part of a line, for a line of a return receipt (its key is used once) or for a reviewer's decision (no key).
-- The quantity is at most what is left of the line and of the return's line, so the call is idempotent and several agents
-- may send the same return. The amount is proportional to all returned so far, so many small returns come to the same as
-- one large return. Returns the amount in minor units; null if it was done before.
CREATE OR REPLACE FUNCTION receipts_take_back(
    p_line bigint, p_quantity numeric, p_country text, p_identity text, p_n int
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE l receipt_lines; v record; back receipt_line_returns; part numeric; taken numeric; due bigint;
BEGIN
    SELECT o.account_id INTO v FROM receipt_lines k JOIN receipts o ON o.id = k.receipt_id WHERE k.id = p_line;
    PERFORM pg_advisory_xact_lock(20311, (v.account_id % 2147483647)::int);
    SELECT * INTO l FROM receipt_lines WHERE id = p_line FOR UPDATE;
    -- Locked after the account and the line; no lock of another account is taken after it.
    PERFORM FROM receipt_documents WHERE country = p_country AND identity = p_identity FOR UPDATE;
    SELECT coalesce(sum(quantity), 0) INTO taken FROM receipt_line_returns
    WHERE country = p_country AND identity = p_identity AND n = p_n;
    part := least(round(p_quantity, 3) - taken, l.quantity - l.returned_quantity);
    IF part <= 0 THEN
        RETURN NULL;
    END IF;
    INSERT INTO receipt_line_returns (line_id, country, identity, n, quantity, amount)
    VALUES (l.id, p_country, p_identity, p_n, part, 0) ON CONFLICT DO NOTHING RETURNING * INTO back;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    due := receipts_claw_back(l, l.returned_quantity + part, back.id);
    UPDATE receipt_line_returns SET amount = due WHERE id = back.id;
    UPDATE receipt_lines SET returned_quantity = returned_quantity + part, returned = returned + due,
        state = CASE WHEN state = 'review' AND returned_quantity + part = quantity THEN 'refused' ELSE state END,
        reason = CASE WHEN state = 'review' AND returned_quantity + part = quantity THEN 'returned' ELSE reason END
    WHERE id = l.id;
    INSERT INTO events (brand_id, account_id, kind, body)
    SELECT l.brand_id, r.account_id, 'receipt.returned',
        jsonb_build_object('receipt', r.id, 'line', l.n, 'quantity', part, 'amount', due)
    FROM receipts r WHERE r.id = l.receipt_id;
    IF l.state = 'review' THEN
        PERFORM receipts_conclude(l.receipt_id, 'returned', l.brand_id);
    END IF;
    RETURN due;
END $$;

-- Flags a line, paid or in review: adds a signal to the agent's item in the brand's review queue.
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
