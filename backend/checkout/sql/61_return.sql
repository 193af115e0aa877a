-- The returned part of a redemption, by the lines that were returned so far. The returned amount of a line is split into
-- what the buyer paid and the discounts, so base and bonus follow what was paid: the bonus is clawed back by the returned
-- share of the base, rounded half up. A basket that cost nothing uses its lines' amounts.
CREATE OR REPLACE FUNCTION checkout_returned(r redemptions, OUT base bigint, OUT discount bigint, OUT bonus bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE part bigint; whole bigint := r.base; amount bigint;
BEGIN
    SELECT coalesce(sum(l.returned_amount - div((l.amount - h.base)::numeric * l.returned_amount, l.amount)), 0),
        coalesce(sum(div(h.discount::numeric * l.returned_amount, l.amount)), 0),
        coalesce(sum(l.returned_amount), 0), coalesce(sum(l.amount), 0)
    INTO base, discount, part, amount
    FROM shares h JOIN sale_lines l ON l.sale_id = r.sale_id AND l.line = h.line
    WHERE h.redemption_id = r.id AND l.amount > 0;
    IF whole = 0 THEN
        whole := amount;
    ELSE
        part := base;
    END IF;
    bonus := coalesce(div(2 * r.bonus::numeric * part + whole, nullif(2 * whole, 0)), 0);
END $$;

-- Returns lines of a sale, at most what was sold, with their part of each code's discount and bonus. Parts are computed from
-- everything that was returned so far, so the order of returns does not matter (docs/checkout.md).
-- Order of locks: the shop's shared lock -> accounts -> the sale -> codes -> use counters -> wallets and runs of codes ->
-- debts (28_debts.sql) -> budgets.
-- SB041: more than was sold, or no such line.
CREATE OR REPLACE FUNCTION checkout_return(
    p_sale bigint, p_key text, p_digest bytea, p_lines jsonb
) RETURNS TABLE (answer jsonb, changed boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE s sales; r sale_returns; c record; reversal bigint; now_base bigint; now_discount bigint; now_bonus bigint;
    d_base bigint; d_discount bigint; d_bonus bigint; had bigint; had_expired bigint; taken bigint; gives jsonb;
    refunds jsonb := '[]'; w wallets; response jsonb; lines int;
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
        PERFORM apply_promo_uses('[]', gives);
    END IF;
    SELECT sum(div(l.discount::numeric * l.returned_amount, nullif(l.amount, 0))) INTO taken
    FROM sale_lines l WHERE l.sale_id = s.id;
    SELECT coalesce(taken, 0) - coalesce(sum((o.answer ->> 'discount')::bigint), 0) INTO taken
    FROM sale_returns o WHERE o.sale_id = s.id;
    FOR c IN
        SELECT o AS redemption, o.*, k.programme_id, g.timezone,
            g.currency = 'RUB' AS owes_discount
        FROM redemptions o JOIN campaigns k ON k.id = o.campaign_id JOIN programmes g ON g.id = k.programme_id
        JOIN campaign_versions v ON v.id = o.version_id
        WHERE o.sale_id = s.id ORDER BY o.account_id NULLS FIRST, o.code_id
    LOOP
        SELECT b.base, b.discount, b.bonus INTO now_base, now_discount, now_bonus FROM checkout_returned(c.redemption) AS b;
        -- An earlier release computed returns by list prices and may have taken more already.
        now_base := greatest(now_base, c.returned_base); now_bonus := greatest(now_bonus, c.returned_bonus);
        IF NOT EXISTS (SELECT FROM accounts o WHERE o.id = c.account_id AND o.closed_at IS NULL) THEN
            -- A closed account has nothing left to claw back.
            now_bonus := c.returned_bonus;
        END IF;
        d_base := now_base - c.returned_base; d_discount := now_discount - c.returned_discount;
        d_bonus := now_bonus - c.returned_bonus;
        CONTINUE WHEN d_base = 0 AND d_discount = 0 AND d_bonus = 0;
        had_expired := 0;
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
            had := w.pending + w.available;
            w := ledger_claw_back(w, 4, c.id, d_bonus, 5, reversal);
            -- The part that has expired is not clawed back.
            had_expired := d_bonus - (had - w.pending - w.available);
            IF had_expired > 0 THEN
                UPDATE reversals o SET expired = had_expired WHERE o.id = reversal;
                UPDATE redemptions o SET returned_expired = o.returned_expired + had_expired WHERE o.id = c.id;
            END IF;
        END IF;
        IF c.budgeted THEN
            -- A budget gets back only what was paid out of it.
            refunds := refunds || jsonb_build_object('campaign', c.campaign_id, 'slice', coalesce(c.account_id, 0) % 16,
                'amount', d_bonus - had_expired + CASE WHEN c.owes_discount THEN d_discount ELSE 0 END);
        END IF;
        PERFORM promocodes_count(c.code_id, c.run, 0, -d_base, -d_bonus,
            (SELECT a.matures_on FROM accruals a WHERE a.cause = 4 AND a.cause_id = c.id));
        INSERT INTO events (brand_id, account_id, kind, body) VALUES (c.brand_id, c.account_id, 'promo.returned',
            jsonb_build_object('redemption', c.id, 'reversal', reversal, 'code_id', c.code_id, 'run', c.run,
                'shop_id', c.shop_id, 'base', d_base, 'discount', d_discount, 'bonus', d_bonus, 'expired', had_expired));
    END LOOP;
    PERFORM checkout_owe(array_agg(o.creditor_id), array_agg(o.debtor_id), array_agg(-o.amount), false)
    FROM dues o JOIN reversals v ON v.id = o.cause_id WHERE o.cause = 5 AND v.return_id = r.id;
    FOR c IN
        SELECT campaign, slice, sum(amount)::bigint AS amount
        FROM jsonb_to_recordset(refunds) AS x (campaign bigint, slice int, amount bigint) GROUP BY 1, 2 ORDER BY 1, 2
    LOOP
        UPDATE budget_slices o SET remaining = remaining + c.amount
        WHERE o.campaign_id = c.campaign AND o.slice = c.slice;
    END LOOP;
    SELECT jsonb_build_object('amount', sum(x.amount), 'discount', taken, 'refund', sum(x.amount) - taken) INTO response
    FROM jsonb_to_recordset(p_lines) AS x (amount bigint);
    UPDATE sale_returns o SET answer = response WHERE o.id = r.id;
    answer := response; changed := false;
    RETURN NEXT;
END $$;
