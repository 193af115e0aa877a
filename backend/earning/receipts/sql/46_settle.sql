-- The steps of the settlement of a verified receipt, which are one transaction (awards/receipt_claims.py): its claim, and the payment
-- of its lines. Order of locks: the account -> the receipt -> the claim's key -> reviews -> units -> wallets -> budgets.

-- Pays lines in review by their awards; a line that cannot be paid is refused with its reason. A marked unit is paid under
-- its own number (cause 3), so it pays once, whichever way it came.
CREATE OR REPLACE FUNCTION receipts_award(p_account bigint, p_lines jsonb, p_staff bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE i record; awarded record; added record; owed jsonb := '{}'; units jsonb; extra bigint;
BEGIN
    SELECT coalesce(jsonb_object_agg(u.n, u.id), '{}') INTO units FROM packages_units((
        SELECT coalesce(jsonb_agg(jsonb_build_object('n', l.n, 'gtin', l.gtin, 'unit', l.serial)), '[]')
        FROM jsonb_to_recordset(p_lines) AS x (line bigint) JOIN receipt_lines l ON l.id = x.line
        WHERE l.serial IS NOT NULL AND l.gtin IS NOT NULL)) AS u;
    FOR i IN
        SELECT x.*, l.brand_id, CASE WHEN units ? l.n::text THEN 3 ELSE 6 END AS cause,
            coalesce((units ->> l.n::text)::bigint, l.receipt_id * 10000 + l.n) AS cause_id
        FROM jsonb_to_recordset(p_lines) AS x (line bigint, product bigint, programme bigint, rules_version bigint,
            campaign bigint, version bigint, base bigint, gross bigint, day_cap bigint, agent_cap bigint, budgeted boolean,
            today date, matures_on date, expires_on date, additional jsonb)
        JOIN receipt_lines l ON l.id = x.line AND l.state = 'review'
        ORDER BY cause, cause_id, x.line
    LOOP
        IF NOT EXISTS (SELECT FROM programmes o WHERE o.id = i.programme AND o.rules_version = i.rules_version) THEN
            RAISE EXCEPTION 'the rules have changed' USING ERRCODE = 'SB011';
        END IF;
        SELECT * INTO awarded FROM programmes_award_v2(p_account, i.cause, i.cause_id, i.programme, i.campaign, i.version,
            i.product, i.base, i.gross, i.day_cap, i.budgeted, owed, i.today, i.matures_on, i.expires_on,
            p_agent_cap => i.agent_cap);
        owed := awarded.owed;
        IF awarded.status IN ('credited', 'pending') THEN
            extra := 0;
            IF i.additional IS NOT NULL THEN
                added := programmes_add(awarded.accrual, i.additional, owed, '{}');
                owed := added.owed; extra := added.amount;
            END IF;
            UPDATE receipt_lines SET state = 'paid', reason = NULL, product_id = i.product, cause = i.cause,
                cause_id = i.cause_id, amount = (awarded.accrual).amount + extra, budgeted = i.budgeted, staff_id = p_staff
            WHERE id = i.line;
        ELSE
            UPDATE receipt_lines SET state = 'refused', reason = coalesce(awarded.reason, 'already_claimed'),
                product_id = i.product, staff_id = p_staff
            WHERE id = i.line;
        END IF;
    END LOOP;
    IF owed <> '{}' THEN
        PERFORM budgets_pay(owed, (p_account % 16)::int);
    END IF;
END $$;

-- Sets the state of a receipt by its lines, and writes an event for p_brand, or for each brand with lines if it is null.
CREATE OR REPLACE FUNCTION receipts_conclude(p_receipt bigint, p_otherwise text, p_brand bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE r receipts; s record;
BEGIN
    SELECT count(*) FILTER (WHERE state = 'paid') AS paid, count(*) FILTER (WHERE state = 'review') AS waiting,
        (array_agg(reason ORDER BY CASE WHEN state = 'review' THEN 0 ELSE 1 END, n) FILTER (WHERE state <> 'paid'))[1] AS reason
    INTO s FROM receipt_lines WHERE receipt_id = p_receipt;
    UPDATE receipts SET due_at = NULL,
        state = CASE WHEN s.paid > 0 THEN 'credited' WHEN s.waiting > 0 THEN 'review' ELSE 'refused' END,
        reason = CASE WHEN s.paid = 0 THEN coalesce(s.reason, p_otherwise) END,
        decided_at = CASE WHEN s.waiting = 0 THEN coalesce(decided_at, now()) END
    WHERE id = p_receipt RETURNING * INTO r;
    INSERT INTO events (brand_id, account_id, kind, body)
    SELECT l.brand_id, r.account_id, 'receipt.' || CASE WHEN sum(l.amount) > 0 THEN 'credited'
            WHEN bool_or(l.state = 'review') THEN 'review' ELSE 'refused' END,
        jsonb_build_object('receipt', p_receipt, 'lines', count(*) FILTER (WHERE l.state = 'paid'), 'amount', sum(l.amount))
    FROM receipt_lines l WHERE l.receipt_id = p_receipt AND (p_brand IS NULL OR l.brand_id = p_brand) GROUP BY l.brand_id;
END $$;

-- Refuses a receipt, unless it is decided or claimed.
CREATE OR REPLACE FUNCTION receipts_refuse(p_receipt bigint, p_reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Waits for a concurrent settlement: an UPDATE that waits by itself would not see the claim made meanwhile.
    PERFORM FROM receipts WHERE id = p_receipt FOR UPDATE;
    UPDATE receipts r SET state = 'refused', reason = p_reason, due_at = NULL, decided_at = now()
    WHERE r.id = p_receipt AND r.state IN ('pending', 'review')
        AND NOT EXISTS (SELECT FROM receipt_claims c WHERE c.receipt_id = r.id);
END $$;

-- Sends a receipt to review, because no provider is left. A return is refused: what it would claw back is unknown, and it
-- must never pay.
CREATE OR REPLACE FUNCTION receipts_for_people(p_receipt bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE receipts SET due_at = NULL, state = CASE WHEN operation = 2 THEN 'refused' ELSE 'review' END,
        reason = CASE WHEN operation = 2 THEN 'is_return' WHEN photo IS NULL THEN 'photo_needed' ELSE 'being_checked' END,
        decided_at = CASE WHEN operation = 2 THEN now() END
    WHERE id = p_receipt AND state = 'pending'
$$;

-- Claims a verified receipt for its sender, once in the world. Returns the account; null if the receipt is decided already,
-- or is refused now: the account is closed, or another one has claimed it.
CREATE OR REPLACE FUNCTION receipts_claim(p_receipt bigint, p_claim jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r receipts;
BEGIN
    SELECT * INTO r FROM receipts WHERE id = p_receipt;
    PERFORM lock_account(r.account_id);
    SELECT * INTO r FROM receipts WHERE id = p_receipt FOR UPDATE;
    IF r.state NOT IN ('pending', 'review') OR EXISTS (SELECT FROM receipt_claims o WHERE o.receipt_id = r.id) THEN
        RETURN NULL;
    END IF;
    IF NOT EXISTS (SELECT FROM accounts o WHERE o.id = r.account_id AND o.closed_at IS NULL) THEN
        PERFORM receipts_refuse(r.id, 'account_closed');
        RETURN NULL;
    END IF;
    INSERT INTO receipt_claims (country, identity, receipt_id, account_id, seller_inn, till, region, bought_at, number, quick)
    SELECT r.country, r.identity, r.id, r.account_id, x.seller_inn, x.till, x.region, x.bought_at, x.number, x.quick
    FROM jsonb_to_record(p_claim) AS x (seller_inn text, till text, region text, bought_at timestamp, number bigint, quick boolean)
    ON CONFLICT (country, identity) DO NOTHING;
    IF NOT FOUND THEN
        PERFORM receipts_refuse(r.id, 'already_claimed');
        RETURN NULL;
    END IF;
    RETURN r.account_id;
END $$;

-- Stores the lines of a claimed receipt and pays those with an award; lines of the brands in p_held go to review instead.
-- Raises SB010, SB011 if the budget or the rules have changed: price the lines again.
CREATE OR REPLACE FUNCTION receipts_pay_lines(p_receipt bigint, p_lines jsonb, p_held bigint[], p_decide_by timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE ready jsonb;
BEGIN
    INSERT INTO receipt_lines (receipt_id, brand_id, n, name, quantity, sum, gtin, serial, product_id, how, score, candidates,
        state, reason)
    SELECT p_receipt, x.brand, x.n, x.name, x.quantity, x.sum, x.gtin, x.serial, x.product, x.how, x.score,
        coalesce(x.candidates, '[]'), CASE WHEN x.state = 'paid' THEN 'review' ELSE x.state END,
        CASE WHEN x.state = 'paid' AND x.brand = ANY (p_held) THEN 'checked' ELSE x.reason END
    FROM jsonb_to_recordset(p_lines) AS x (brand bigint, n int, name text, quantity numeric, sum bigint, gtin text,
        serial text, product bigint, how text, score float8, candidates jsonb, state text, reason text);
    SELECT coalesce(jsonb_agg(x || jsonb_build_object('line', l.id)), '[]') INTO ready
    FROM jsonb_array_elements(p_lines) AS x
    JOIN receipt_lines l ON l.receipt_id = p_receipt AND l.brand_id = (x ->> 'brand')::bigint AND l.n = (x ->> 'n')::int
    WHERE x ->> 'state' = 'paid' AND NOT (x ->> 'brand')::bigint = ANY (p_held);
    PERFORM receipts_award((SELECT account_id FROM receipts WHERE id = p_receipt), ready, NULL);
    UPDATE receipts SET decide_by = p_decide_by WHERE id = p_receipt;
    PERFORM receipts_conclude(p_receipt, 'no_products', NULL);
END $$;
