-- Checkout: what codes are, using them, selling, setting aside. Causes: 4 a redemption, 5 a reversal.
-- Order of locks: the shop's shared lock -> accounts -> the sale's key -> codes -> counters of use -> wallets -> budgets.

-- The open reservation that a till means by an id: its own, or else one of its shop's web tills, whose pages reserve and
-- cannot sell.
CREATE OR REPLACE FUNCTION checkout_reserved(p_till bigint, p_shop bigint, p_key text) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT r.id FROM tills t JOIN reservations r ON r.till_id = t.id AND r.key = p_key AND r.state = 'open'
    WHERE t.shop_id = p_shop AND (t.id = p_till OR t.kind = 'web') ORDER BY t.id = p_till DESC, r.id LIMIT 1
$$;

-- What the codes of a basket are and which products its lines are, and the first answer if the key was used before.
-- Reads only.
CREATE OR REPLACE FUNCTION checkout_look(
    p_till bigint, p_shop bigint, p_key text, p_reservation text, p_codes text[], p_skus text[], p_gtins text[],
    p_buyer text, p_at timestamptz
) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH found AS (
        SELECT c.id, c.code, c.brand_id AS brand, c.campaign_id AS campaign, c.account_id AS account, c.used,
            c.closed_at IS NOT NULL AS closed, k.programme_id AS programme, g.rules_version, g.currency,
            (p_at AT TIME ZONE g.timezone)::date AS today, a.card_number AS card,
            EXISTS (SELECT FROM brand_shops b
                WHERE b.brand_id = c.brand_id AND b.shop_id = p_shop AND b.ended_at IS NULL) AS here,
            (SELECT sum(s.remaining) FROM budget_slices s WHERE s.campaign_id = c.campaign_id) AS remaining,
            (SELECT coalesce(jsonb_object_agg(u.scope, u.used), '{}') FROM use_counts u
                WHERE u.campaign_id = c.campaign_id AND (u.scope, u.key, u.day) IN (
                    ('buyer', p_buyer, '9999-12-31'), ('agent', c.account_id::text, '9999-12-31'),
                    ('shop', p_shop::text, (p_at AT TIME ZONE g.timezone)::date))) AS counts
        FROM promo_codes c JOIN campaigns k ON k.id = c.campaign_id JOIN programmes g ON g.id = k.programme_id
        LEFT JOIN accounts a ON a.id = c.account_id
        WHERE c.code = ANY (p_codes)
    )
    SELECT jsonb_build_object(
        'codes', (SELECT coalesce(jsonb_agg(to_jsonb(f)), '[]') FROM found f),
        'products', (SELECT coalesce(jsonb_agg(jsonb_build_array(p.brand_id, p.sku, p.gtin, p.id)), '[]')
            FROM products p WHERE p.brand_id IN (SELECT f.brand FROM found f) AND p.archived_at IS NULL
                AND (p.sku = ANY (p_skus) OR p.gtin = ANY (p_gtins))),
        'reserved', (SELECT r.uses FROM reservations r WHERE r.id = checkout_reserved(p_till, p_shop, p_reservation)),
        'lapsed', EXISTS (SELECT FROM reservations r WHERE r.state = 'open' AND r.expires_at <= now()),
        'wrong', (SELECT w.count FROM counters w WHERE w.key = 'promo:till:' || p_till AND w.ends_at > now()),
        'first', (SELECT jsonb_build_object('digest', encode(s.digest, 'hex'), 'answer', s.answer) FROM sales s
            WHERE s.till_id = p_till AND s.key = p_key))
$$;

-- Takes uses of codes and gives others back, in one order of locks; each use names its code and the counters that a
-- rule limits. SB040 with the code and the limit that is full.
CREATE OR REPLACE FUNCTION checkout_take(p_takes jsonb, p_gives jsonb) RETURNS void LANGUAGE plpgsql AS $$
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

-- Sells: uses the codes, awards their agents, owes the shop, in one transaction. A key that was used before gives its
-- first answer; `changed` says that the body was another one then. `p_loss` is what a till without a network gave for codes
-- that could not be used. SB010, SB011: the budget or the rules have moved; SB042: the till's loss of 30 days is full.
CREATE OR REPLACE FUNCTION checkout_sell(
    p_till bigint, p_shop bigint, p_cashier bigint, p_key text, p_digest bytea, p_taken_at timestamptz,
    p_reservation text, p_lines jsonb, p_codes jsonb, p_signals jsonb, p_answer jsonb, p_loss int, p_loss_most bigint,
    p_fiscal jsonb
) RETURNS TABLE (answer jsonb, changed boolean, replayed boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE s sales; gives jsonb := '[]'; c record; awarded record; owed jsonb := '{}'; redemption bigint; earned bigint;
    why text; slice int := 0;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(20313, (p_shop % 2147483647)::int);
    PERFORM pg_advisory_xact_lock(20311, n) FROM (
        SELECT DISTINCT ((x ->> 'account')::bigint % 2147483647)::int AS n FROM jsonb_array_elements(p_codes) AS x
        WHERE x ->> 'account' IS NOT NULL ORDER BY 1) AS accounts;
    INSERT INTO sales AS o (till_id, key, digest, shop_id, cashier_id, taken_at, amount, discount, answer,
        fn, fd, fp, confirmed_at)
    SELECT p_till, p_key, p_digest, p_shop, p_cashier, p_taken_at, sum(x.amount), sum(x.discount), p_answer,
        p_fiscal ->> 'fn', p_fiscal ->> 'fd', p_fiscal ->> 'fp', CASE WHEN p_fiscal ? 'fn' THEN now() END
    FROM jsonb_to_recordset(p_lines) AS x (amount bigint, discount bigint)
    ON CONFLICT (till_id, key) DO NOTHING RETURNING * INTO s;
    IF NOT FOUND THEN
        SELECT * INTO s FROM sales o WHERE o.till_id = p_till AND o.key = p_key;
        answer := s.answer; changed := s.digest <> p_digest; replayed := true;
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO sale_lines (sale_id, line, product_id, quantity, amount, discount)
    SELECT s.id, x.line, x.product, x.quantity, x.amount, x.discount
    FROM jsonb_to_recordset(p_lines) AS x (line bigint, product bigint, quantity numeric, amount bigint, discount bigint);
    IF p_reservation IS NOT NULL THEN
        UPDATE reservations o SET state = 'sold'
        WHERE o.id = checkout_reserved(p_till, p_shop, p_reservation) AND o.state = 'open' RETURNING o.uses INTO gives;
        gives := coalesce(gives, '[]');
    END IF;
    PERFORM checkout_take((SELECT coalesce(jsonb_agg(x -> 'uses'), '[]') FROM jsonb_array_elements(p_codes) AS x
        WHERE jsonb_typeof(x -> 'uses') = 'object'), gives);
    IF p_loss > 0 AND (SELECT total FROM limit_count('offline:till:' || p_till, 2592000, p_loss)) > p_loss_most THEN
        RAISE EXCEPTION 'the till has given too much away' USING ERRCODE = 'SB042';
    END IF;
    -- All discounts first: they are promised, a bonus gets what they leave of a budget.
    SELECT coalesce(jsonb_object_agg(d.campaign, d.amount), '{}') INTO owed FROM (
        SELECT x.campaign, sum(x.discount)::bigint AS amount
        FROM jsonb_to_recordset(p_codes) AS x (campaign bigint, discount bigint, budgeted boolean, owes_discount boolean)
        WHERE x.budgeted AND x.owes_discount GROUP BY x.campaign) AS d;
    FOR c IN SELECT * FROM jsonb_to_recordset(p_codes) AS x (
            code bigint, run int, brand bigint, programme bigint, rules_version bigint, campaign bigint, version bigint,
            account bigint, base bigint, discount bigint, gross bigint, day_cap bigint, budgeted boolean,
            owes_discount boolean, today date, matures_on date, expires_on date, reason text, due bigint, lines jsonb,
            uses jsonb)
        ORDER BY x.account NULLS FIRST, x.code
    LOOP
        IF NOT EXISTS (SELECT FROM programmes o WHERE o.id = c.programme AND o.rules_version = c.rules_version) THEN
            RAISE EXCEPTION 'the rules have changed' USING ERRCODE = 'SB011';
        END IF;
        redemption := nextval('redemptions_id_seq');
        earned := 0; why := c.reason;
        IF c.gross > 0 AND EXISTS (SELECT FROM accounts o WHERE o.id = c.account AND o.closed_at IS NULL) THEN
            SELECT * INTO awarded FROM programmes_award(c.account, 4, redemption, c.programme, c.campaign, c.version,
                NULL, c.base, c.gross, c.day_cap, c.budgeted, owed, c.today, c.matures_on, c.expires_on);
            owed := awarded.owed; slice := (c.account % 16)::int;
            earned := coalesce((awarded.accrual).amount, 0); why := coalesce(why, awarded.reason);
        END IF;
        INSERT INTO redemptions (id, sale_id, code_id, run, brand_id, shop_id, campaign_id, version_id, account_id,
            base, discount, bonus, reason, budgeted, uses) OVERRIDING SYSTEM VALUE
        VALUES (redemption, s.id, c.code, c.run, c.brand, p_shop, c.campaign, c.version, c.account,
            c.base, c.discount, earned, why, c.budgeted, c.uses);
        INSERT INTO shares (redemption_id, line, base, discount)
        SELECT redemption, x.line, x.base, x.discount
        FROM jsonb_to_recordset(c.lines) AS x (line bigint, base bigint, discount bigint);
        IF c.due > 0 THEN
            INSERT INTO dues (creditor_id, debtor_id, kind, amount, cause, cause_id)
            VALUES (p_shop, c.brand, 1, c.due, 4, redemption);
        END IF;
        PERFORM promocodes_count(c.code, c.run, 1, c.base, earned, c.matures_on);
        IF p_signals <> '[]' THEN
            INSERT INTO fraud_signals (brand_id, redemption_id, rule, version, shadow, inputs)
            SELECT c.brand, redemption, x.rule, x.version, x.shadow, x.inputs
            FROM jsonb_to_recordset(p_signals) AS x (code bigint, rule text, version int, shadow boolean, inputs jsonb)
            WHERE x.code = c.code;
        END IF;
        INSERT INTO events (brand_id, account_id, kind, body) VALUES (c.brand, c.account, 'promo.redeemed',
            jsonb_build_object('redemption', redemption, 'code_id', c.code, 'run', c.run, 'shop_id', p_shop,
                'base', c.base, 'discount', c.discount, 'bonus', earned));
    END LOOP;
    IF owed <> '{}' THEN
        PERFORM budgets_pay(owed, slice);
    END IF;
    answer := p_answer; changed := false; replayed := false;
    RETURN NEXT;
END $$;

-- Sets uses of codes aside until a time, under the till's own id; again gives the first answer. SB043: the till keeps as
-- many as it may. It reserves one after another, or two could pass the bound; nobody waits for that who holds a code.
CREATE OR REPLACE FUNCTION checkout_reserve(
    p_till bigint, p_key text, p_digest bytea, p_seconds int, p_takes jsonb, p_answer jsonb, p_most int
) RETURNS TABLE (answer jsonb, changed boolean, state text, expires_at timestamptz) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE r reservations;
BEGIN
    PERFORM pg_advisory_xact_lock(20314, (p_till % 2147483647)::int);
    INSERT INTO reservations AS o (till_id, key, digest, expires_at, uses, answer)
    VALUES (p_till, p_key, p_digest, now() + p_seconds * interval '1 second', p_takes, p_answer)
    ON CONFLICT (till_id, key) DO NOTHING RETURNING * INTO r;
    IF FOUND THEN
        IF (SELECT count(*) FROM reservations o
                WHERE o.till_id = p_till AND o.state = 'open' AND o.expires_at > now()) > p_most THEN
            RAISE EXCEPTION 'the till keeps too many reservations' USING ERRCODE = 'SB043';
        END IF;
        PERFORM checkout_take(p_takes, '[]');
    ELSE
        SELECT * INTO r FROM reservations o WHERE o.till_id = p_till AND o.key = p_key;
    END IF;
    answer := r.answer; changed := r.digest <> p_digest; expires_at := r.expires_at;
    state := CASE WHEN r.state = 'open' AND r.expires_at <= now() THEN 'ended' ELSE r.state END;
    RETURN NEXT;
END $$;

-- Gives a reservation's uses back; one that was sold or has ended stays as it is.
CREATE OR REPLACE FUNCTION checkout_release(p_till bigint, p_key text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE gives jsonb;
BEGIN
    UPDATE reservations SET state = 'ended' WHERE till_id = p_till AND key = p_key AND state = 'open'
    RETURNING uses INTO gives;
    IF FOUND THEN
        PERFORM checkout_take('[]', gives);
    END IF;
END $$;

-- Ends reservations whose time is over and gives their uses back; how many.
CREATE OR REPLACE FUNCTION checkout_lapse(p_most int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE gives jsonb; ended int;
BEGIN
    WITH over AS (
        UPDATE reservations SET state = 'ended' WHERE id IN (
            SELECT id FROM reservations WHERE state = 'open' AND expires_at <= now()
            ORDER BY expires_at LIMIT p_most FOR UPDATE SKIP LOCKED)
        RETURNING uses)
    SELECT (SELECT coalesce(jsonb_agg(u), '[]') FROM over o, jsonb_array_elements(o.uses) AS u), count(*)
    INTO gives, ended FROM over;
    PERFORM checkout_take('[]', gives);
    RETURN ended;
END $$;
