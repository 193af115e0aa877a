-- Checkout: uses of codes, and sales. Causes: 4 a redemption, 5 a reversal.
-- Order of locks: the shop's shared lock -> accounts -> the sale's key -> codes -> use counters -> wallets -> runs of codes
-- -> debts (28_debts.sql) -> budgets.

-- Consumes uses of codes and gives others back, in one order of locks. Each use names its code and the counters that its
-- rule limits. Raises SB040 with the code and the limit that is full.
CREATE OR REPLACE FUNCTION apply_promo_uses(p_takes jsonb, p_gives jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE u record;
BEGIN
    FOR u IN
        SELECT (x ->> 'code')::bigint AS code, sum(d)::int AS d, max((x ->> 'uses')::bigint) AS uses
        FROM (SELECT x, 1 AS d FROM jsonb_array_elements(p_takes) AS x
            UNION ALL SELECT x, -1 FROM jsonb_array_elements(p_gives) AS x) AS both_ways
        GROUP BY 1 HAVING sum(d) <> 0 ORDER BY 1
    LOOP
        UPDATE promo_codes SET used = used + u.d
        WHERE id = u.code AND (u.d < 0 OR closed_at IS NULL AND (u.uses IS NULL OR used + u.d <= u.uses));
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the code is spent' USING ERRCODE = 'SB040', DETAIL = u.code || ':spent';
        END IF;
    END LOOP;
    -- Most rules limit nothing but the code.
    IF NOT (p_takes @? '$[*].counts[*]' OR p_gives @? '$[*].counts[*]') THEN
        RETURN;
    END IF;
    FOR u IN
        SELECT (k ->> 'campaign')::bigint AS campaign, k ->> 'scope' AS scope, k ->> 'key' AS key,
            (k ->> 'day')::date AS day, max((k ->> 'most')::bigint) AS most, sum(d)::int AS d,
            max(x ->> 'code') AS code
        FROM (SELECT x, 1 AS d FROM jsonb_array_elements(p_takes) AS x
            UNION ALL SELECT x, -1 FROM jsonb_array_elements(p_gives) AS x) AS both_ways,
            jsonb_array_elements(x -> 'counts') AS k
        GROUP BY 1, 2, 3, 4 HAVING sum(d) <> 0 ORDER BY 1, 2, 3, 4
    LOOP
        IF u.d < 0 THEN
            UPDATE use_counts SET used = used + u.d
            WHERE campaign_id = u.campaign AND scope = u.scope AND key = u.key AND day = u.day;
            CONTINUE;
        END IF;
        INSERT INTO use_counts AS c (campaign_id, scope, key, day, used)
        SELECT u.campaign, u.scope, u.key, u.day, u.d WHERE u.d <= u.most
        ON CONFLICT (campaign_id, scope, key, day) DO UPDATE SET used = c.used + u.d WHERE c.used + u.d <= u.most;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the limit is reached' USING ERRCODE = 'SB040', DETAIL = u.code || ':' || u.scope || '_limit';
        END IF;
    END LOOP;
END $$;

-- The steps of checkout_sell_v2, in its order. Their input types are those of migration 0035, mirrored by
-- backend/checkout/sales/sale_record.py.

-- Locks the shops (shared) and accounts of sales, each in the order of its keys. The subquery sorts before the locks are taken.
CREATE OR REPLACE FUNCTION checkout_lock(p_sales sale_input[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(20313, key) FROM (
        SELECT DISTINCT (shop % 2147483647)::int AS key FROM unnest(p_sales) ORDER BY 1) AS shops;
    PERFORM pg_advisory_xact_lock(20311, key) FROM (
        SELECT DISTINCT (y.account % 2147483647)::int AS key FROM unnest(p_sales) AS x, unnest(x.codes) AS y
        WHERE y.account IS NOT NULL ORDER BY 1) AS accounts;
END $$;

-- Inserts sales with their lines. Returns those whose key is new, with their ids; if a key occurs twice in the list, the second
-- sale gets the response of the first.
CREATE OR REPLACE FUNCTION checkout_insert_sales(p_sales sale_input[], OUT new sale_input[]) LANGUAGE plpgsql AS $$
DECLARE ids bigint[];
BEGIN
    WITH requested AS MATERIALIZED (
        SELECT x AS input, x.sale, x.till, x.key FROM unnest(p_sales) AS x
    ), sold AS (
        INSERT INTO sales AS o (till_id, key, digest, shop_id, cashier_id, taken_at, amount, discount, answer,
            fn, fd, fp, confirmed_at)
        SELECT till, key, decode(digest, 'hex'), shop, cashier, taken_at, l.amount, l.discount, answer,
            fiscal ->> 'fn', fiscal ->> 'fd', fiscal ->> 'fp', CASE WHEN fiscal ? 'fn' THEN now() END
        FROM unnest(p_sales) AS x, LATERAL (
            SELECT sum(y.amount) AS amount, sum(y.discount) AS discount FROM unnest(x.lines) AS y) AS l
        ORDER BY till, key, sale -- a key that occurs twice is inserted for its first sale, as below
        ON CONFLICT (till_id, key) DO NOTHING RETURNING o.id, o.till_id, o.key
    ), first AS (
        SELECT DISTINCT ON (o.id) o.id, r.sale, r.input FROM sold o JOIN requested r ON r.till = o.till_id AND r.key = o.key
        ORDER BY o.id, r.sale
    ), lined AS (
        INSERT INTO sale_lines (sale_id, line, product_id, quantity, amount, discount)
        SELECT first.id, x.line, x.product, x.quantity, x.amount, x.discount FROM first, unnest((first.input).lines) AS x
    )
    SELECT array_agg(input ORDER BY sale), array_agg(id ORDER BY sale) INTO new, ids FROM first;
    FOR i IN 1 .. coalesce(cardinality(new), 0) LOOP
        new[i].id := ids[i];
    END LOOP;
END $$;

-- Consumes the codes' uses, and gives back those that the sales' reservations held.
CREATE OR REPLACE FUNCTION checkout_use_codes(p_sales sale_input[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE s record; gives jsonb := '[]'; held jsonb;
BEGIN
    FOR s IN SELECT till, shop, reservation FROM unnest(p_sales) WHERE reservation IS NOT NULL ORDER BY till, reservation LOOP
        UPDATE reservations o SET state = 'sold'
        WHERE o.id = checkout_reserved(s.till, s.shop, s.reservation) AND o.state = 'open' RETURNING o.uses INTO held;
        gives := gives || coalesce(held, '[]');
    END LOOP;
    PERFORM apply_promo_uses((SELECT coalesce(jsonb_agg(y.uses), '[]')
        FROM unnest(p_sales) AS x, unnest(x.codes) AS y WHERE y.uses IS NOT NULL), gives);
END $$;

-- Counts what offline tills gave for codes that could not be used. SB042: the 30-day loss limit of the till or of its shop is
-- exceeded; a shop may have any number of tills, so it has a limit, too.
CREATE OR REPLACE FUNCTION checkout_count_losses(p_sales sale_input[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE s record;
BEGIN
    FOR s IN SELECT till, shop, loss, loss_most, loss_most_of_shop FROM unnest(p_sales) WHERE loss > 0 ORDER BY till LOOP
        IF (limit_count('offline:till:' || s.till, 2592000, s.loss)).total > s.loss_most
            OR (limit_count('offline:shop:' || s.shop, 2592000, s.loss)).total > s.loss_most_of_shop
        THEN
            RAISE EXCEPTION 'the till has given too much away' USING ERRCODE = 'SB042';
        END IF;
    END LOOP;
END $$;

-- The redemptions of sales in the order in which agents are awarded, with their ids. SB011: the rules have changed.
CREATE OR REPLACE FUNCTION checkout_redemptions(p_sales sale_input[], OUT redemptions redemption_input[])
LANGUAGE plpgsql AS $$
DECLARE sale_ids bigint[];
BEGIN
    IF EXISTS (SELECT FROM unnest(p_sales) AS x, unnest(x.codes) AS y
        WHERE NOT EXISTS (SELECT FROM programmes o WHERE o.id = y.programme AND o.rules_version = y.rules_version))
    THEN
        RAISE EXCEPTION 'the rules have changed' USING ERRCODE = 'SB011';
    END IF;
    SELECT array_agg(r), array_agg(sale) INTO redemptions, sale_ids FROM (
        SELECT y AS r, x.id AS sale FROM unnest(p_sales) AS x, unnest(x.codes) AS y
        ORDER BY y.account NULLS FIRST, y.code, x.id) AS codes;
    FOR i IN 1 .. coalesce(cardinality(redemptions), 0) LOOP
        redemptions[i].sale_id := sale_ids[i];
        redemptions[i].id := nextval('redemptions_id_seq');
        redemptions[i].bonus := 0;
    END LOOP;
END $$;

-- The award of a redemption whose budget is too small for all of it: agents get what the discounts leave of a budget, in the
-- order of redemptions, and the last bonus is paid in part.
CREATE OR REPLACE FUNCTION checkout_last_bonus(
    r redemption_input, p_owed jsonb, p_caps jsonb, OUT amount bigint, OUT reason text, OUT owed jsonb, OUT caps jsonb
) LANGUAGE plpgsql AS $$
DECLARE h record; remaining bigint;
BEGIN
    owed := p_owed; caps := p_caps;
    remaining := (SELECT sum(s.remaining) FROM budget_slices s WHERE s.campaign_id = r.campaign)
        - coalesce((p_owed ->> r.campaign::text)::bigint, 0);
    IF remaining > 0 THEN
        h := award_headroom(r.account, r.campaign, remaining, r.day_cap, true, r.today, p_owed, p_caps, r.agent_cap);
        amount := h.amount; owed := h.owed; caps := h.caps;
    END IF;
    reason := 'budget_spent';
END $$;

-- Sets the bonus of each redemption and why it is less than its gross; returns the budgets' and caps' new uses. All discounts
-- come first: they were promised. Bonuses get what they leave of a budget. A closed account gets none.
CREATE OR REPLACE FUNCTION checkout_bonuses(
    p_redemptions redemption_input[], OUT redemptions redemption_input[], OUT owed jsonb, OUT caps jsonb, OUT slice int
) LANGUAGE plpgsql AS $$
DECLARE r redemption_input; h record; closed bigint[];
BEGIN
    SELECT coalesce(jsonb_object_agg(d.campaign, d.amount), '{}') INTO owed FROM (
        SELECT campaign, sum(discount)::bigint AS amount
        FROM unnest(p_redemptions) WHERE budgeted AND owes_discount GROUP BY campaign) AS d;
    closed := ARRAY(SELECT o.id FROM unnest(p_redemptions) AS x JOIN accounts o ON o.id = x.account
        WHERE o.closed_at IS NOT NULL);
    caps := '{}'; slice := 0;
    FOREACH r IN ARRAY p_redemptions LOOP
        IF r.gross > 0 AND r.account IS NOT NULL AND r.account <> ALL (closed) THEN
            h := award_headroom(r.account, r.campaign, r.gross, r.day_cap, r.budgeted, r.today, owed, caps, r.agent_cap);
            IF h.reason = 'budget_spent' THEN
                h := checkout_last_bonus(r, h.owed, h.caps);
            END IF;
            owed := h.owed; caps := h.caps; slice := (r.account % 16)::int;
            r.bonus := coalesce(h.amount, 0); r.reason := coalesce(r.reason, h.reason);
        END IF;
        redemptions := redemptions || r;
    END LOOP;
END $$;

-- Writes the accruals of redemptions with a bonus, and their wallets, lots and entries; counts all for the codes' runs.
CREATE OR REPLACE FUNCTION checkout_earn(p_redemptions redemption_input[], p_caps jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE earned accruals[]; a accruals; r redemption_input; days jsonb := '{}';
BEGIN
    FOREACH r IN ARRAY p_redemptions LOOP
        CONTINUE WHEN r.bonus = 0;
        a.cause := 4; a.cause_id := r.id; a.account_id := r.account; a.programme_id := r.programme; a.version_id := r.version;
        a.base := r.base; a.gross := r.gross; a.amount := r.bonus; a.matures_on := r.matures_on; a.expires_on := r.expires_on;
        a.at := now();
        earned := earned || a;
        days := days || jsonb_build_object(r.programme::text, greatest(r.today, (days ->> r.programme::text)::date));
    END LOOP;
    INSERT INTO accruals SELECT * FROM unnest(earned);
    PERFORM programmes_earn(earned, days, p_caps);
    PERFORM promocodes_count_many(
        array_agg(code), array_agg(run), array_agg(base), array_agg(bonus), array_agg(matures_on))
    FROM unnest(p_redemptions);
END $$;

-- Writes redemptions, the share of each line in them, and their events.
CREATE OR REPLACE FUNCTION checkout_insert_redemptions(p_redemptions redemption_input[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO redemptions (id, sale_id, code_id, run, brand_id, shop_id, campaign_id, version_id, account_id,
        base, discount, bonus, reason, budgeted, uses) OVERRIDING SYSTEM VALUE
    SELECT id, sale_id, code, run, brand, shop, campaign, version, account,
        base, discount, bonus, reason, budgeted, uses FROM unnest(p_redemptions);
    INSERT INTO shares (redemption_id, line, base, discount)
    SELECT x.id, y.line, y.base, y.discount FROM unnest(p_redemptions) AS x, unnest(x.lines) AS y;
    INSERT INTO events (brand_id, account_id, kind, body)
    SELECT brand, account, 'promo.redeemed', jsonb_build_object('redemption', id, 'code_id', code, 'run', run,
        'shop_id', shop, 'base', base, 'discount', discount, 'bonus', bonus) FROM unnest(p_redemptions);
END $$;

-- Writes what brands owe the shops. SB044: a brand's debt limit is exceeded; without p_guard it is owed nevertheless.
CREATE OR REPLACE FUNCTION checkout_insert_payables(p_redemptions redemption_input[], p_guard boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dues (creditor_id, debtor_id, kind, amount, cause, cause_id)
    SELECT shop, brand, 1, due, 4, id FROM unnest(p_redemptions) WHERE due > 0;
    PERFORM checkout_owe(array_agg(shop), array_agg(brand), array_agg(due), p_guard) FROM unnest(p_redemptions);
END $$;

-- Writes what the fraud rules found in sales.
CREATE OR REPLACE FUNCTION checkout_insert_signals(p_sales sale_input[], p_redemptions redemption_input[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO fraud_signals (brand_id, redemption_id, rule, version, shadow, inputs)
    SELECT r.brand, r.id, y.rule, y.version, y.shadow, y.inputs
    FROM unnest(p_sales) AS x, unnest(x.signals) AS y, unnest(p_redemptions) AS r
    WHERE r.sale_id = x.id AND r.code = y.code;
END $$;

-- Records the redemptions of new sales, awards their agents, writes the shops' payables.
CREATE OR REPLACE FUNCTION checkout_redeem(p_sales sale_input[], p_is_offline boolean, p_has_signals boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE redemptions redemption_input[] := checkout_redemptions(p_sales); b record;
BEGIN
    IF redemptions IS NULL THEN
        RETURN;
    END IF;
    b := checkout_bonuses(redemptions);
    PERFORM checkout_earn(b.redemptions, b.caps);
    PERFORM checkout_insert_redemptions(b.redemptions);
    -- The discounts of an offline sale are owed even above the debt limit.
    PERFORM checkout_insert_payables(b.redemptions, NOT p_is_offline);
    IF p_has_signals THEN
        PERFORM checkout_insert_signals(p_sales, b.redemptions);
    END IF;
    IF b.owed <> '{}' THEN
        PERFORM budgets_pay(b.owed, b.slice);
    END IF;
END $$;

-- Records sales of one or several tills in one transaction: uses the codes, awards their agents, writes the shops' payables.
-- For keys that were used before it returns the first responses; `changed` is set if the body was another one. A sale's `loss`
-- is what an offline till gave for codes that could not be used. Raises, with nothing sold: SB010, SB011: the budget or the
-- rules have changed; SB040: a code or a limit is exhausted; SB042: the 30-day loss limit of the till or of its shop is
-- exceeded; SB044: a brand's debt limit is exceeded; 55P03: another transaction holds a lock (with a lock timeout for batches).
CREATE OR REPLACE FUNCTION checkout_sell_v2(p_sales jsonb, p_fail_on_lock boolean)
RETURNS TABLE (sale int, answer jsonb, changed boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    requested sale_input[] := ARRAY(SELECT x FROM jsonb_populate_recordset(NULL::sale_input, p_sales) AS x);
    new sale_input[];
BEGIN
    IF p_fail_on_lock THEN
        PERFORM set_config('lock_timeout', '200ms', true);
    END IF;
    PERFORM checkout_lock(requested);
    new := checkout_insert_sales(requested);
    IF new IS NOT NULL THEN
        PERFORM checkout_use_codes(new);
        IF p_sales @? '$[*].loss ? (@ > 0)' THEN -- an expression costs a third of a query
            PERFORM checkout_count_losses(new);
        END IF;
        PERFORM checkout_redeem(
            new, p_sales @? '$[*].taken_at ? (@ != null)', p_sales @? '$[*].signals[*]');
    END IF;
    RETURN QUERY
        SELECT x.sale, o.answer, o.digest <> decode(x.digest, 'hex')
        FROM unnest(requested) AS x JOIN sales o ON o.till_id = x.till AND o.key = x.key
        WHERE NOT EXISTS (SELECT FROM unnest(new) AS n WHERE n.sale = x.sale);
END $$;
