-- Decisions of a brand's reviewers. Each function is a whole transaction.
-- Order of locks: the account -> its receipts by id -> reviews -> units -> wallets -> budgets, as in receipts_settle.
-- Receipts are locked with NO KEY UPDATE: receipts_doubt holds the review and reads the receipt by its foreign key.

-- Claws back what was returned of a line while it was in review. The line is priced as a whole, so later returns come to
-- the same as if it had been paid at once.
CREATE OR REPLACE FUNCTION receipts_take_late(p_line bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE l receipt_lines; due bigint; back bigint;
BEGIN
    SELECT * INTO l FROM receipt_lines WHERE id = p_line;
    IF l.state <> 'paid' THEN
        RETURN;
    END IF;
    SELECT max(id) INTO back FROM receipt_line_returns WHERE line_id = l.id;
    due := receipts_claw_back(l, l.returned_quantity, back);
    UPDATE receipt_line_returns SET amount = due WHERE id = back;
    UPDATE receipt_lines SET returned = due WHERE id = l.id;
END $$;

-- The maximum that a priced line pays, with additional awards.
CREATE OR REPLACE FUNCTION receipts_gross(p_line jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce((p_line ->> 'gross')::bigint, 0) + coalesce((SELECT sum((y ->> 'gross')::bigint)::bigint
        FROM jsonb_array_elements(nullif(p_line -> 'additional', 'null')) AS y), 0)
$$;

-- Pays lines in review as they were priced (`state` and `reason` if there is no award), or refuses all of them if the
-- account is closed. The caller holds the account's lock and refreshes the receipts' state.
CREATE OR REPLACE FUNCTION receipts_pay_waiting(p_account bigint, p_lines jsonb, p_staff bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE i bigint; gone boolean := NOT EXISTS (SELECT FROM accounts o WHERE o.id = p_account AND o.closed_at IS NULL);
BEGIN
    UPDATE receipt_lines l SET state = 'refused', reason = CASE WHEN gone THEN 'account_closed' ELSE x.reason END,
        product_id = coalesce(x.product, l.product_id), staff_id = p_staff
    FROM jsonb_to_recordset(p_lines) AS x (line bigint, state text, reason text, product bigint)
    WHERE l.id = x.line AND l.state = 'review' AND (gone OR x.state = 'refused');
    IF gone THEN
        RETURN;
    END IF;
    PERFORM receipts_award(p_account, (SELECT coalesce(jsonb_agg(x), '[]') FROM jsonb_array_elements(p_lines) AS x
        WHERE coalesce(x ->> 'state', 'paid') = 'paid'), p_staff);
    FOR i IN SELECT x.line FROM jsonb_to_recordset(p_lines) AS x (line bigint)
            JOIN receipt_lines l ON l.id = x.line WHERE l.returned_quantity > 0 ORDER BY 1 LOOP
        PERFORM receipts_take_late(i);
    END LOOP;
END $$;

-- Decides an item of the queue. Returns `decided`, `frozen`, `proposed` (a second person is needed), `same_person`,
-- `repeated`, `other` (it was decided differently), `unknown`, or `changed`: the lines in review are not those that were
-- priced, so price them again. Raises SB010, SB011 as receipts_settle.
CREATE OR REPLACE FUNCTION reviews_decide(
    p_brand bigint, p_review bigint, p_staff bigint, p_action text, p_rule text, p_note text, p_lines jsonb, p_above bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v reviews; step review_steps; waiting bigint[]; named bigint[]; touched bigint[]; i bigint; value bigint;
    pays boolean := p_action IN ('release', 'rule_wrong'); before bigint; after bigint;
BEGIN
    SELECT * INTO v FROM reviews WHERE id = p_review AND brand_id = p_brand;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    PERFORM pg_advisory_xact_lock(20311, (v.account_id % 2147483647)::int);
    SELECT coalesce(array_agg(DISTINCT s.receipt_id), '{}') INTO named FROM receipt_signals s
    WHERE s.review_id = v.id AND s.brand_id = p_brand;
    SELECT coalesce(array_agg(l.id ORDER BY l.id) FILTER (WHERE l.state = 'review'), '{}'),
        coalesce(array_agg(DISTINCT l.receipt_id), '{}'), coalesce(sum(l.amount - l.returned), 0)
    INTO waiting, touched, before FROM receipt_lines l JOIN receipts r ON r.id = l.receipt_id
    WHERE r.account_id = v.account_id AND l.brand_id = p_brand
        AND (l.state = 'review' AND l.reason = 'checked'
            OR p_action = 'claw_back' AND l.receipt_id = ANY (named) AND l.state IN ('paid', 'review'));
    PERFORM FROM receipts WHERE id = ANY (touched) ORDER BY id FOR NO KEY UPDATE;
    SELECT * INTO v FROM reviews WHERE id = p_review FOR NO KEY UPDATE;
    IF v.decided_at IS NOT NULL THEN
        SELECT * INTO step FROM review_steps WHERE review_id = v.id AND final;
        RETURN CASE WHEN v.decision = p_action AND (p_action <> 'rule_wrong' OR step.rule IS NOT DISTINCT FROM p_rule)
            THEN 'repeated' ELSE 'other' END;
    END IF;
    IF p_action = 'freeze' THEN
        INSERT INTO freezes (brand_id, account_id, staff_id) VALUES (p_brand, v.account_id, p_staff) ON CONFLICT DO NOTHING;
        IF FOUND THEN
            INSERT INTO review_steps (brand_id, review_id, staff_id, action, note, final)
            VALUES (p_brand, v.id, p_staff, p_action, p_note, false);
            INSERT INTO events (brand_id, account_id, staff_id, kind, body)
            VALUES (p_brand, v.account_id, p_staff, 'review.frozen', jsonb_build_object('review', v.id));
        END IF;
        RETURN 'frozen';
    END IF;
    IF pays THEN
        IF waiting <> ARRAY(SELECT (x ->> 'line')::bigint FROM jsonb_array_elements(p_lines) AS x ORDER BY 1) THEN
            RETURN 'changed';
        END IF;
        SELECT coalesce(sum(receipts_gross(x)), 0) INTO value FROM jsonb_array_elements(p_lines) AS x;
        IF value > p_above THEN
            -- The latest proposal to pay: a second person confirms the same action, for no more than its amount.
            SELECT * INTO step FROM review_steps WHERE review_id = v.id AND action IN ('release', 'rule_wrong')
            ORDER BY id DESC LIMIT 1;
            IF NOT FOUND OR (step.action, step.rule) IS DISTINCT FROM (p_action, p_rule) OR step.amount < value THEN
                INSERT INTO review_steps (brand_id, review_id, staff_id, action, rule, note, amount, final)
                VALUES (p_brand, v.id, p_staff, p_action, p_rule, p_note, value, false);
                INSERT INTO events (brand_id, account_id, staff_id, kind, body) VALUES (p_brand, v.account_id, p_staff,
                    'review.proposed', jsonb_build_object('review', v.id, 'action', p_action, 'amount', value));
                RETURN 'proposed';
            ELSIF step.staff_id = p_staff THEN
                RETURN 'same_person';
            END IF;
        END IF;
    END IF;
    UPDATE reviews SET decided_at = now(), decision = p_action, note = p_note, staff_id = p_staff
    WHERE id = v.id AND decided_at IS NULL;
    INSERT INTO review_steps (brand_id, review_id, staff_id, action, rule, note, amount, final)
    VALUES (p_brand, v.id, p_staff, p_action, p_rule, p_note, coalesce(value, 0), true);
    IF pays THEN
        PERFORM receipts_pay_waiting(v.account_id, p_lines, p_staff);
    ELSE
        -- Lines in review first: a clawback must not refresh the state of a receipt whose lines are about to be refused.
        UPDATE receipt_lines SET state = 'refused', reason = 'clawed_back', staff_id = p_staff WHERE id = ANY (waiting);
        FOR i IN SELECT id FROM receipt_lines WHERE receipt_id = ANY (named) AND brand_id = p_brand AND state = 'paid'
                AND returned_quantity < quantity ORDER BY id LOOP
            PERFORM receipts_take_back(i, 1e9, NULL, NULL, NULL);
            UPDATE receipt_lines SET reason = 'clawed_back', staff_id = p_staff WHERE id = i;
        END LOOP;
    END IF;
    FOREACH i IN ARRAY touched LOOP
        PERFORM receipts_conclude(i, 'no_products', p_brand);
    END LOOP;
    SELECT coalesce(sum(amount - returned), 0) INTO after FROM receipt_lines
    WHERE receipt_id = ANY (touched) AND brand_id = p_brand AND (id = ANY (waiting) OR p_action = 'claw_back');
    INSERT INTO events (brand_id, account_id, staff_id, kind, body) VALUES (p_brand, v.account_id, p_staff, 'review.decided',
        jsonb_build_object('review', v.id, 'action', p_action, 'rule', p_rule, 'points', v.points,
            'amount', after - CASE WHEN p_action = 'claw_back' THEN before ELSE 0 END));
    RETURN 'decided';
END $$;

-- Decides the lines of one receipt after a reviewer's decision about their wording: pays them as they were priced, or
-- refuses them. Lines of an agent with an open item or a freeze stay in review with their product. Returns the number of
-- lines changed; lines that were decided meanwhile are not changed.
CREATE OR REPLACE FUNCTION receipts_name_lines(
    p_brand bigint, p_receipt bigint, p_lines jsonb, p_staff bigint, p_decide_by timestamptz, p_above bigint
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE r receipts; named bigint[]; held boolean; frozen boolean; large boolean; wanted jsonb; pays bigint;
BEGIN
    SELECT * INTO r FROM receipts WHERE id = p_receipt;
    PERFORM pg_advisory_xact_lock(20311, (r.account_id % 2147483647)::int);
    PERFORM FROM receipts WHERE id = p_receipt FOR NO KEY UPDATE;
    SELECT coalesce(jsonb_agg(x), '[]'), coalesce(array_agg(l.id), '{}') INTO wanted, named
    FROM jsonb_array_elements(p_lines) AS x JOIN receipt_lines l ON l.id = (x ->> 'line')::bigint
    WHERE l.receipt_id = r.id AND l.brand_id = p_brand AND l.state = 'review' AND l.reason = 'doubtful';
    IF named = '{}' THEN
        RETURN 0;
    END IF;
    frozen := EXISTS (SELECT FROM freezes f WHERE f.brand_id = p_brand AND f.account_id = r.account_id);
    SELECT coalesce(sum(receipts_gross(x)), 0) INTO pays FROM jsonb_array_elements(wanted) AS x
    WHERE x ->> 'state' = 'paid';
    -- A decision of one person does not pay more than one person may release.
    large := pays > p_above;
    held := frozen OR large OR EXISTS (SELECT FROM receipt_signals s JOIN reviews v ON v.id = s.review_id
        WHERE s.receipt_id = r.id AND s.brand_id = p_brand AND v.decided_at IS NULL);
    IF held AND wanted @> '[{"state": "paid"}]' THEN
        IF large THEN
            PERFORM receipts_doubt(named[1], 'large_by_hand', 20, jsonb_build_object('amount', pays, 'above', p_above),
                p_decide_by);
        END IF;
        IF frozen OR large THEN
            INSERT INTO reviews (brand_id, account_id, decide_by) VALUES (p_brand, r.account_id, p_decide_by)
            ON CONFLICT (brand_id, account_id) WHERE decided_at IS NULL DO NOTHING;
        END IF;
        UPDATE receipt_lines l SET reason = 'checked', product_id = x.product, how = 'alias', staff_id = p_staff
        FROM jsonb_to_recordset(wanted) AS x (line bigint, state text, product bigint)
        WHERE l.id = x.line AND x.state = 'paid';
        wanted := (SELECT coalesce(jsonb_agg(x), '[]') FROM jsonb_array_elements(wanted) AS x WHERE x ->> 'state' <> 'paid');
    END IF;
    PERFORM receipts_pay_waiting(r.account_id, wanted, p_staff);
    UPDATE receipt_lines SET how = 'alias' WHERE id = ANY (named) AND state = 'paid';
    PERFORM receipts_conclude(r.id, 'no_products', p_brand);
    RETURN cardinality(named);
END $$;
