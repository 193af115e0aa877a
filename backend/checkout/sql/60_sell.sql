-- Checkout: snapshots of codes, uses of codes, sales, reservations. Causes: 4 a redemption, 5 a reversal.
-- Order of locks: the shop's shared lock -> accounts -> the sale's key -> codes -> use counters -> wallets -> runs of codes
-- -> debts (28_debts.sql) -> budgets.

-- The open reservation that a till names by its id: the till's own, or else one of its shop's web tills, whose pages reserve
-- but cannot sell.
CREATE OR REPLACE FUNCTION checkout_reserved(p_till bigint, p_shop bigint, p_key text) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT r.id FROM tills t JOIN reservations r ON r.till_id = t.id AND r.key = p_key AND r.state = 'open'
    WHERE t.shop_id = p_shop AND (t.id = p_till OR t.kind = 'web') ORDER BY t.id = p_till DESC, r.id LIMIT 1
$$;

-- Reads the snapshots of requests: the codes of baskets, the products of their lines, the tills as they are now, and the
-- first responses to keys that were used before. A token that belongs to no till has no row. Reads only. One statement
-- serves several tills, at half the cost of a statement for each. From `stop_at` unknown codes of a till or of a visitor of its
-- pages on, no code is looked up, so neither the response nor its time reveals which codes exist.
CREATE OR REPLACE FUNCTION checkout_snapshot(p_asked jsonb) RETURNS TABLE (n int, found text)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    RETURN QUERY SELECT x.n, jsonb_build_object(
        'till', to_jsonb(t),
        'codes', coalesce(c.codes, '[]'),
        'products', (SELECT coalesce(jsonb_agg(jsonb_build_array(p.brand_id, p.sku, p.gtin, p.id)), '[]')
            FROM products p WHERE p.brand_id = ANY (c.brands) AND p.archived_at IS NULL
                AND (p.sku = ANY (x.skus) OR p.gtin = ANY (x.gtins))),
        'reserved', CASE WHEN x.reservation IS NOT NULL THEN (SELECT r.uses FROM reservations r
            WHERE r.id = checkout_reserved(t.till_id, t.shop_id, x.reservation)) END,
        'lapsed', EXISTS (SELECT FROM reservations r WHERE r.state = 'open' AND r.expires_at <= now()),
        'wrong', w.count, 'wrong_wait', ceil(extract(epoch FROM w.ends_at - now()))::int,
        'visitor', v.count, 'visitor_wait', ceil(extract(epoch FROM v.ends_at - now()))::int,
        'first', CASE WHEN x.key IS NOT NULL THEN (
            SELECT jsonb_build_object('digest', encode(s.digest, 'hex'), 'answer', s.answer) FROM sales s
            WHERE s.till_id = t.till_id AND s.key = x.key) END)::text
    FROM jsonb_to_recordset(p_asked) AS x (n int, token text, key text, reservation text, codes text[], skus text[],
        gtins text[], buyer text, at timestamptz, visitor text, stop_at bigint)
    CROSS JOIN shops_till(x.token) AS t
    LEFT JOIN counters w ON w.key = 'promo:till:' || t.till_id AND w.ends_at > now()
    LEFT JOIN counters v ON v.key = 'promo:visitor:' || x.visitor AND v.ends_at > now() AND t.origins <> '{}'
    CROSS JOIN LATERAL (
        SELECT array_agg(o.brand_id) AS brands, jsonb_agg(jsonb_build_object(
            'id', o.id, 'code', o.code, 'brand', o.brand_id, 'campaign', o.campaign_id, 'account', o.account_id,
            'used', o.used, 'closed', o.closed_at IS NOT NULL, 'word_since', o.word_since,
            'programme', k.programme_id,
            'rules_version', g.rules_version, 'currency', g.currency, 'today', (x.at AT TIME ZONE g.timezone)::date,
            'card', a.card_number,
            'here', b.id IS NOT NULL AND b.ended_at IS NULL AND NOT b.pending, 'debt_left', b.debt_most - b.owed,
            'remaining', (SELECT sum(s.remaining) FROM budget_slices s WHERE s.campaign_id = o.campaign_id),
            'counts', (SELECT coalesce(jsonb_object_agg(u.scope, u.used), '{}') FROM use_counts u
                WHERE u.campaign_id = o.campaign_id AND (u.scope, u.key, u.day) IN (
                    ('buyer', x.buyer, '9999-12-31'), ('agent', o.account_id::text, '9999-12-31'),
                    ('shop', t.shop_id::text, (x.at AT TIME ZONE g.timezone)::date))))) AS codes
        FROM promo_codes o JOIN campaigns k ON k.id = o.campaign_id JOIN programmes g ON g.id = k.programme_id
        LEFT JOIN accounts a ON a.id = o.account_id
        LEFT JOIN brand_shops b ON b.brand_id = o.brand_id AND b.shop_id = t.shop_id
        WHERE o.code = ANY (x.codes)
            AND coalesce(CASE WHEN t.origins = '{}' THEN w.count ELSE v.count END < x.stop_at, true)) AS c;
END $$;

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

-- Records sales of one or several tills in one transaction: uses the codes, awards their agents, writes the shops' payables.
-- For keys that were used before it returns the first responses; `changed` is set if the body was another one. A sale's `loss`
-- is what an offline till gave for codes that could not be used. Raises, with nothing sold: SB010, SB011: the budget or the
-- rules have changed; SB040: a code or a limit is exhausted; SB042: the 30-day loss limit of the till or of its shop is
-- exceeded; SB044: a brand's debt limit is exceeded; 55P03: another transaction holds a lock (with a lock timeout for batches).
CREATE OR REPLACE FUNCTION checkout_sell(p_sales jsonb, p_hurry boolean)
RETURNS TABLE (sale int, answer jsonb, changed boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    new jsonb; gives jsonb := '[]'; back jsonb; c record; r redemptions; owed jsonb; slice int := 0;
    made redemptions[]; dues bigint[]; parts jsonb[]; matures date[]; seen jsonb := '[]'; earned accruals[]; a accruals;
    allowance record; rest bigint; days jsonb := '{}'; caps jsonb := '{}'; gone bigint[];
BEGIN
    IF p_hurry THEN
        PERFORM set_config('lock_timeout', '200ms', true);
    END IF;
    PERFORM pg_advisory_xact_lock_shared(20313, n) FROM (
        SELECT DISTINCT ((x ->> 'shop')::bigint % 2147483647)::int AS n FROM jsonb_array_elements(p_sales) AS x
        ORDER BY 1) AS shops;
    PERFORM pg_advisory_xact_lock(20311, n) FROM (
        SELECT DISTINCT (account::bigint % 2147483647)::int AS n
        FROM jsonb_path_query(p_sales, '$[*].codes[*].account ? (@ != null)') AS account ORDER BY 1) AS accounts;
    WITH requested AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(p_sales) AS x (sale int, till bigint, shop bigint, cashier bigint, key text,
            digest text, taken_at timestamptz, lines jsonb, answer jsonb, fiscal jsonb)
    ), sold AS (
        INSERT INTO sales AS o (till_id, key, digest, shop_id, cashier_id, taken_at, amount, discount, answer,
            fn, fd, fp, confirmed_at)
        SELECT till, key, decode(digest, 'hex'), shop, cashier, taken_at, l.amount, l.discount, answer,
            fiscal ->> 'fn', fiscal ->> 'fd', fiscal ->> 'fp', CASE WHEN fiscal ? 'fn' THEN now() END
        FROM requested, LATERAL (SELECT sum(amount) AS amount, sum(discount) AS discount
            FROM jsonb_to_recordset(lines) AS x (amount bigint, discount bigint)) AS l
        ORDER BY till, key, sale -- a key that occurs twice is inserted for its first sale, as below
        ON CONFLICT (till_id, key) DO NOTHING RETURNING o.id, o.till_id, o.key
    ), first AS (
        -- If a key occurs twice in this list, the second sale gets the response of the first.
        SELECT DISTINCT ON (id) id, sale, lines FROM sold JOIN requested ON till = till_id AND requested.key = sold.key
        ORDER BY id, sale
    ), lined AS (
        INSERT INTO sale_lines (sale_id, line, product_id, quantity, amount, discount)
        SELECT id, x.line, x.product, x.quantity, x.amount, x.discount FROM first, jsonb_to_recordset(lines)
            AS x (line bigint, product bigint, quantity numeric, amount bigint, discount bigint)
    )
    SELECT coalesce(jsonb_object_agg(sale, id), '{}') INTO new FROM first;
    IF p_sales @? '$[*].reservation ? (@ != null)' THEN
        FOR c IN
            SELECT * FROM jsonb_to_recordset(p_sales) AS x (sale text, till bigint, shop bigint, reservation text)
            WHERE new ? x.sale AND reservation IS NOT NULL ORDER BY till, reservation
        LOOP
            UPDATE reservations o SET state = 'sold'
            WHERE o.id = checkout_reserved(c.till, c.shop, c.reservation) AND o.state = 'open' RETURNING o.uses INTO back;
            gives := gives || coalesce(back, '[]');
        END LOOP;
    END IF;
    PERFORM apply_promo_uses((SELECT coalesce(jsonb_agg(y -> 'uses'), '[]')
        FROM jsonb_array_elements(p_sales) AS x, jsonb_array_elements(x -> 'codes') AS y
        WHERE new ? (x ->> 'sale') AND jsonb_typeof(y -> 'uses') = 'object'), gives);
    IF p_sales @? '$[*].loss ? (@ > 0)' THEN
        FOR c IN
            SELECT * FROM jsonb_to_recordset(p_sales)
                AS x (sale text, till bigint, shop bigint, loss int, loss_most bigint, loss_most_of_shop bigint)
            WHERE new ? x.sale AND loss > 0 ORDER BY till
        LOOP
            IF (limit_count('offline:till:' || c.till, 2592000, c.loss)).total > c.loss_most
                -- A shop may have any number of tills, so the shop has a limit, too.
                OR (limit_count('offline:shop:' || c.shop, 2592000, c.loss)).total > c.loss_most_of_shop
            THEN
                RAISE EXCEPTION 'the till has given too much away' USING ERRCODE = 'SB042';
            END IF;
        END LOOP;
    END IF;
    -- All discounts come first: they were promised. Bonuses get what they leave of a budget.
    SELECT coalesce(jsonb_object_agg(d.campaign, d.amount), '{}') INTO owed FROM (
        SELECT y.campaign, sum(y.discount)::bigint AS amount
        FROM jsonb_array_elements(p_sales) AS x, jsonb_to_recordset(x -> 'codes')
            AS y (campaign bigint, discount bigint, budgeted boolean, owes_discount boolean)
        WHERE new ? (x ->> 'sale') AND y.budgeted AND y.owes_discount GROUP BY y.campaign) AS d;
    IF EXISTS (SELECT FROM jsonb_array_elements(p_sales) AS x, jsonb_to_recordset(x -> 'codes')
            AS y (programme bigint, rules_version bigint)
        WHERE new ? (x ->> 'sale') AND NOT EXISTS (
            SELECT FROM programmes o WHERE o.id = y.programme AND o.rules_version = y.rules_version))
    THEN
        RAISE EXCEPTION 'the rules have changed' USING ERRCODE = 'SB011';
    END IF;
    gone := ARRAY(SELECT o.id FROM jsonb_path_query(p_sales, '$[*].codes[*].account ? (@ != null)') AS account
        JOIN accounts o ON o.id = account::bigint WHERE o.closed_at IS NOT NULL);
    FOR c IN
        SELECT (new ->> x.sale)::bigint AS sale_id, x.shop, x.signals, y.*
        FROM jsonb_to_recordset(p_sales) AS x (sale text, shop bigint, codes jsonb, signals jsonb),
            jsonb_to_recordset(x.codes) AS y (
                code bigint, run int, brand bigint, programme bigint, campaign bigint,
                version bigint, account bigint, base bigint, discount bigint, gross bigint, day_cap bigint,
                agent_cap bigint, budgeted boolean, today date, matures_on date, expires_on date, reason text, due bigint, lines jsonb,
                uses jsonb)
        WHERE new ? x.sale ORDER BY y.account NULLS FIRST, y.code, sale_id
    LOOP
        r := NULL;
        r.id := nextval('redemptions_id_seq'); r.sale_id := c.sale_id; r.code_id := c.code; r.run := c.run;
        r.brand_id := c.brand; r.shop_id := c.shop; r.campaign_id := c.campaign; r.version_id := c.version;
        r.account_id := c.account; r.base := c.base; r.discount := c.discount; r.bonus := 0; r.reason := c.reason;
        r.budgeted := c.budgeted; r.uses := c.uses;
        IF c.gross > 0 AND c.account IS NOT NULL AND c.account <> ALL (gone) THEN
            allowance := award_headroom(c.account, c.campaign, c.gross, c.day_cap, c.budgeted, c.today, owed, caps,
                c.agent_cap);
            IF allowance.reason = 'budget_spent' THEN
                -- Agents get what the discounts leave of a budget, in this order; the last bonus is paid in part.
                rest := (SELECT sum(remaining) FROM budget_slices WHERE campaign_id = c.campaign)
                    - coalesce((owed ->> c.campaign::text)::bigint, 0);
                IF rest > 0 THEN
                    allowance := award_headroom(c.account, c.campaign, rest, c.day_cap, true, c.today, owed, caps,
                        c.agent_cap);
                    allowance.reason := 'budget_spent';
                END IF;
            END IF;
            owed := allowance.owed; caps := allowance.caps; slice := (c.account % 16)::int;
            r.bonus := coalesce(allowance.amount, 0); r.reason := coalesce(c.reason, allowance.reason);
            IF r.bonus > 0 THEN
                a.cause := 4; a.cause_id := r.id; a.account_id := c.account; a.programme_id := c.programme;
                a.version_id := c.version; a.base := c.base; a.gross := c.gross; a.amount := r.bonus;
                a.matures_on := c.matures_on; a.expires_on := c.expires_on; a.at := now();
                earned := earned || a; days := days || jsonb_build_object(c.programme::text,
                    greatest(c.today, (days ->> c.programme::text)::date));
            END IF;
        END IF;
        made := made || r; dues := dues || c.due; parts := parts || c.lines; matures := matures || c.matures_on;
        IF c.signals <> '[]' THEN
            seen := seen || (SELECT coalesce(jsonb_agg(x || jsonb_build_object('redemption', r.id, 'brand', c.brand)), '[]')
                FROM jsonb_array_elements(c.signals) AS x WHERE (x ->> 'code')::bigint = c.code);
        END IF;
    END LOOP;
    INSERT INTO accruals SELECT * FROM unnest(earned);
    PERFORM programmes_earn(earned, days, caps);
    PERFORM promocodes_count_many(array_agg(code_id), array_agg(run::int), array_agg(base), array_agg(bonus), matures)
    FROM unnest(made);
    INSERT INTO redemptions (id, sale_id, code_id, run, brand_id, shop_id, campaign_id, version_id, account_id,
        base, discount, bonus, reason, budgeted, uses) OVERRIDING SYSTEM VALUE
    SELECT id, sale_id, code_id, run, brand_id, shop_id, campaign_id, version_id, account_id,
        base, discount, bonus, reason, budgeted, uses FROM unnest(made);
    INSERT INTO shares (redemption_id, line, base, discount)
    SELECT x.redemption, y.line, y.base, y.discount
    FROM unnest(ARRAY(SELECT id FROM unnest(made)), parts) AS x (redemption, lines),
        jsonb_to_recordset(x.lines) AS y (line bigint, base bigint, discount bigint);
    INSERT INTO dues (creditor_id, debtor_id, kind, amount, cause, cause_id)
    SELECT m.shop_id, m.brand_id, 1, dues[ordinality], 4, m.id FROM unnest(made) WITH ORDINALITY AS m
    WHERE dues[ordinality] > 0;
    -- The discounts of an offline sale are owed even above the debt limit.
    IF cardinality(made) > 0 THEN
        PERFORM checkout_owe(array_agg(m.shop_id), array_agg(m.brand_id), dues,
            NOT p_sales @? '$[*].taken_at ? (@ != null)') FROM unnest(made) AS m;
    END IF;
    IF seen <> '[]' THEN
        INSERT INTO fraud_signals (brand_id, redemption_id, rule, version, shadow, inputs)
        SELECT brand, redemption, rule, version, shadow, inputs FROM jsonb_to_recordset(seen)
            AS x (brand bigint, redemption bigint, rule text, version int, shadow boolean, inputs jsonb);
    END IF;
    INSERT INTO events (brand_id, account_id, kind, body)
    SELECT brand_id, account_id, 'promo.redeemed', jsonb_build_object('redemption', id, 'code_id', code_id, 'run', run,
        'shop_id', shop_id, 'base', base, 'discount', discount, 'bonus', bonus) FROM unnest(made);
    IF owed <> '{}' THEN
        PERFORM budgets_pay(owed, slice);
    END IF;
    RETURN QUERY
        SELECT x.sale, o.answer, o.digest <> decode(x.digest, 'hex')
        FROM jsonb_to_recordset(p_sales) AS x (sale int, till bigint, key text, digest text)
        JOIN sales o ON o.till_id = x.till AND o.key = x.key WHERE NOT new ? x.sale::text;
END $$;

-- Reserves uses of codes until a time, under the till's own id; a repeat gets the first response. SB043: the till's limit of
-- open reservations is reached, or that of a page's visitor (a keyed hash; null: the shop's own till). A lock serializes the
-- reservations of a till, so that two cannot exceed the limit; it comes before any lock of a code.
CREATE OR REPLACE FUNCTION checkout_reserve_v2(
    p_till bigint, p_key text, p_digest bytea, p_seconds int, p_takes jsonb, p_answer jsonb, p_most int,
    p_visitor text DEFAULT NULL, p_visitor_most int DEFAULT NULL
) RETURNS TABLE (answer jsonb, changed boolean, state text, expires_at timestamptz) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE r reservations; reserved record;
BEGIN
    PERFORM pg_advisory_xact_lock(20314, (p_till % 2147483647)::int);
    INSERT INTO reservations AS o (till_id, key, digest, expires_at, uses, answer, visitor)
    VALUES (p_till, p_key, p_digest, now() + p_seconds * interval '1 second', p_takes, p_answer, p_visitor)
    ON CONFLICT (till_id, key) DO NOTHING RETURNING * INTO r;
    IF FOUND THEN
        SELECT count(*) AS all_of, count(*) FILTER (WHERE o.visitor = p_visitor) AS mine INTO reserved FROM reservations o
        WHERE o.till_id = p_till AND o.state = 'open' AND o.expires_at > now();
        IF reserved.all_of > p_most OR reserved.mine > p_visitor_most THEN
            RAISE EXCEPTION 'there are too many reservations' USING ERRCODE = 'SB043';
        END IF;
        PERFORM apply_promo_uses(p_takes, '[]');
    ELSE
        SELECT * INTO r FROM reservations o WHERE o.till_id = p_till AND o.key = p_key;
    END IF;
    answer := r.answer; changed := r.digest <> p_digest; expires_at := r.expires_at;
    state := CASE WHEN r.state = 'open' AND r.expires_at <= now() THEN 'ended' ELSE r.state END;
    RETURN NEXT;
END $$;

-- Gives a reservation's uses back. A reservation that was sold or has ended stays as it is.
CREATE OR REPLACE FUNCTION checkout_release(p_till bigint, p_key text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE gives jsonb;
BEGIN
    UPDATE reservations SET state = 'ended' WHERE till_id = p_till AND key = p_key AND state = 'open'
    RETURNING uses INTO gives;
    IF FOUND THEN
        PERFORM apply_promo_uses('[]', gives);
    END IF;
END $$;

-- Ends expired reservations and gives their uses back. Returns how many.
CREATE OR REPLACE FUNCTION expire_reservations(p_most int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE gives jsonb; ended int;
BEGIN
    WITH over AS (
        UPDATE reservations SET state = 'ended' WHERE id IN (
            SELECT id FROM reservations WHERE state = 'open' AND expires_at <= now()
            ORDER BY expires_at LIMIT p_most FOR UPDATE SKIP LOCKED)
        RETURNING uses)
    SELECT (SELECT coalesce(jsonb_agg(u), '[]') FROM over o, jsonb_array_elements(o.uses) AS u), count(*)
    INTO gives, ended FROM over;
    PERFORM apply_promo_uses('[]', gives);
    RETURN ended;
END $$;
