-- Takes lines of a sale back: never more than was sold, and of each code's discount and bonus the part that belongs to
-- them. Parts are taken of the whole that has come back so far, so many small returns come to what one large one does.
-- Order of locks: the shop's shared lock -> accounts -> the sale -> codes -> counters of use -> wallets and runs of codes ->
-- budgets.
-- SB041: more than was sold, or no such line.
CREATE OR REPLACE FUNCTION checkout_return(
    p_sale bigint, p_key text, p_digest bytea, p_lines jsonb
) RETURNS TABLE (answer jsonb, changed boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE s sales; r sale_returns; c record; reversal bigint; now_base bigint; now_discount bigint; now_bonus bigint;
    d_base bigint; d_discount bigint; d_bonus bigint; taken bigint := 0; gives jsonb; refunds jsonb := '[]'; w wallets; told jsonb; lines int;
BEGIN
    SELECT * INTO s FROM sales o WHERE o.id = p_sale;
    PERFORM pg_advisory_xact_lock_shared(20313, (s.shop_id % 2147483647)::int);
    PERFORM pg_advisory_xact_lock(20311, n) FROM (
        SELECT DISTINCT (o.account_id % 2147483647)::int AS n FROM redemptions o
        WHERE o.sale_id = s.id AND o.account_id IS NOT NULL ORDER BY 1) AS accounts;
    SELECT * INTO s FROM sales o WHERE o.id = s.id FOR UPDATE;
    SELECT * INTO r FROM sale_returns o WHERE o.sale_id = s.id AND o.key = p_key;
    IF FOUND THEN
        answer := r.answer; changed := r.digest <> p_digest;
        RETURN NEXT;
        RETURN;
    END IF;
    UPDATE sale_lines o SET returned_quantity = o.returned_quantity + x.quantity,
        returned_amount = o.returned_amount + x.amount
    FROM jsonb_to_recordset(p_lines) AS x (line bigint, quantity numeric, amount bigint)
    WHERE o.sale_id = s.id AND o.line = x.line
        AND o.returned_quantity + x.quantity <= o.quantity AND o.returned_amount + x.amount <= o.amount;
    GET DIAGNOSTICS lines = ROW_COUNT;
    IF lines <> jsonb_array_length(p_lines) THEN
        RAISE EXCEPTION 'more than was sold' USING ERRCODE = 'SB041';
    END IF;
    UPDATE sales o SET returned_amount = (SELECT sum(l.returned_amount) FROM sale_lines l WHERE l.sale_id = s.id)
    WHERE o.id = s.id RETURNING * INTO s;
    INSERT INTO sale_returns AS o (sale_id, key, digest, answer) VALUES (s.id, p_key, p_digest, '{}') RETURNING * INTO r;
    IF s.returned_amount = s.amount THEN
        WITH given AS (
            UPDATE redemptions o SET use_given_back = true FROM campaign_versions v
            WHERE o.sale_id = s.id AND v.id = o.version_id AND o.uses IS NOT NULL AND NOT o.use_given_back
                AND coalesce(v.rule -> 'promo' ->> 'gives_use_back', 'true') <> 'false'
            RETURNING o.uses)
        SELECT coalesce(jsonb_agg(uses), '[]') INTO gives FROM given;
        PERFORM checkout_take('[]', gives);
    END IF;
    FOR c IN
        SELECT o.*, k.programme_id, g.timezone,
            g.currency = 'RUB' AS owes_discount
        FROM redemptions o JOIN campaigns k ON k.id = o.campaign_id JOIN programmes g ON g.id = k.programme_id
        JOIN campaign_versions v ON v.id = o.version_id
        WHERE o.sale_id = s.id ORDER BY o.account_id NULLS FIRST, o.code_id
    LOOP
        SELECT coalesce(sum(div(h.base::numeric * l.returned_amount, nullif(l.amount, 0))), 0),
            coalesce(sum(div(h.discount::numeric * l.returned_amount, nullif(l.amount, 0))), 0),
            coalesce(div(c.bonus * sum(l.returned_amount), nullif(sum(l.amount), 0)), 0)
        INTO now_base, now_discount, now_bonus
        FROM shares h JOIN sale_lines l ON l.sale_id = s.id AND l.line = h.line WHERE h.redemption_id = c.id;
        IF NOT EXISTS (SELECT FROM accounts o WHERE o.id = c.account_id AND o.closed_at IS NULL) THEN
            -- Who has gone has nothing left to take.
            now_bonus := c.returned_bonus;
        END IF;
        d_base := now_base - c.returned_base; d_discount := now_discount - c.returned_discount;
        d_bonus := now_bonus - c.returned_bonus;
        CONTINUE WHEN d_base = 0 AND d_discount = 0 AND d_bonus = 0;
        taken := taken + d_discount;
        INSERT INTO reversals AS o (return_id, redemption_id, base, discount, bonus)
        VALUES (r.id, c.id, d_base, d_discount, d_bonus) RETURNING o.id INTO reversal;
        UPDATE redemptions o SET returned_base = now_base, returned_discount = now_discount, returned_bonus = now_bonus
        WHERE o.id = c.id;
        IF d_discount > 0 AND EXISTS (SELECT FROM dues o WHERE o.cause = 4 AND o.cause_id = c.id AND o.kind = 1) THEN
            INSERT INTO dues (creditor_id, debtor_id, kind, amount, cause, cause_id)
            VALUES (c.shop_id, c.brand_id, 2, d_discount, 5, reversal);
        END IF;
        IF d_bonus > 0 THEN
            w := ledger_open(c.account_id, c.programme_id, (now() AT TIME ZONE c.timezone)::date);
            w := ledger_claw_back(w, 4, c.id, d_bonus, 5, reversal);
        END IF;
        IF c.budgeted THEN
            -- A brand pays only for what happened, and a budget gets back only what came out of one.
            refunds := refunds || jsonb_build_object('campaign', c.campaign_id, 'slice', coalesce(c.account_id, 0) % 16,
                'amount', d_bonus + CASE WHEN c.owes_discount THEN d_discount ELSE 0 END);
        END IF;
        PERFORM promocodes_count(c.code_id, c.run, 0, -d_base, -d_bonus,
            (SELECT a.matures_on FROM accruals a WHERE a.cause = 4 AND a.cause_id = c.id));
        INSERT INTO events (brand_id, account_id, kind, body) VALUES (c.brand_id, c.account_id, 'promo.returned',
            jsonb_build_object('redemption', c.id, 'reversal', reversal, 'code_id', c.code_id, 'run', c.run,
                'shop_id', c.shop_id, 'base', d_base, 'discount', d_discount, 'bonus', d_bonus));
    END LOOP;
    FOR c IN
        SELECT campaign, slice, sum(amount)::bigint AS amount
        FROM jsonb_to_recordset(refunds) AS x (campaign bigint, slice int, amount bigint) GROUP BY 1, 2 ORDER BY 1, 2
    LOOP
        UPDATE budget_slices o SET remaining = remaining + c.amount
        WHERE o.campaign_id = c.campaign AND o.slice = c.slice;
    END LOOP;
    SELECT jsonb_build_object('amount', sum(x.amount), 'discount', taken, 'refund', sum(x.amount) - taken) INTO told
    FROM jsonb_to_recordset(p_lines) AS x (amount bigint);
    UPDATE sale_returns o SET answer = told WHERE o.id = r.id;
    answer := told; changed := false;
    RETURN NEXT;
END $$;
