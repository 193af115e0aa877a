-- Gift cards at tills. Causes: 9 a redeemed part, 10 a returned part; either is a payable of the brand
-- to the shop. Order of locks: the shop's shared lock -> the certificate -> the use and the till's own id -> counters
-- -> debts (shops/sql/28_debts.sql).

-- The gift card of a code in a shop. For brands that the shop does not serve there is none.
CREATE OR REPLACE FUNCTION certificates_seen(p_shop bigint, p_code bytea) RETURNS SETOF certificates
LANGUAGE sql STABLE AS $$
    SELECT c.* FROM certificates c WHERE c.digest = p_code AND EXISTS (
        SELECT FROM brand_shops l WHERE l.brand_id = c.brand_id AND l.shop_id = p_shop AND l.ended_at IS NULL
            AND NOT l.pending)
$$;

-- Why a gift card cannot be redeemed on a day: `unknown`, `ended`, or null. The last day is included.
CREATE OR REPLACE FUNCTION certificates_stop(c certificates, p_today date) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN c.id IS NULL THEN 'unknown'
        WHEN c.closed_at IS NOT NULL OR c.valid_until < p_today OR c.single AND c.balance = 0 THEN 'ended' END
$$;

-- Today in the time zone of the gift card's programme, whatever the time zone of the till.
CREATE OR REPLACE FUNCTION certificates_today(c certificates) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT (now() AT TIME ZONE g.timezone)::date FROM orders o JOIN programmes g ON g.id = o.programme_id
    WHERE o.id = c.order_id
$$;

-- Seconds to wait if a till, or a visitor of a web shop's pages, has sent too many codes that cannot be redeemed; else
-- null.
CREATE OR REPLACE FUNCTION gift_cards_wait_seconds(p_window text, p_most int) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT greatest(1, ceil(extract(epoch FROM ends_at - now())))::int FROM counters
    WHERE key = p_window AND count >= p_most AND ends_at > now()
$$;

-- Counts a code that cannot be redeemed. Unknown and ended codes cost a till the same, also in time.
CREATE OR REPLACE FUNCTION gift_cards_count_failure(p_window text, p_seconds int) RETURNS void LANGUAGE sql AS $$
    SELECT limit_count(p_window, p_seconds, 1)
$$;

-- The balance of a gift card; `why` is the reason why it cannot be redeemed, or `wait` (then `left` is in seconds).
-- For pages of a web shop, wrong codes count per visitor.
CREATE OR REPLACE FUNCTION gift_cards_find(
    p_till bigint, p_shop bigint, p_code bytea, p_most int, p_seconds int, p_visitor text
) RETURNS TABLE (why text, "left" bigint, nominal bigint, valid_until date, single boolean, brand_id bigint, brand text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    c certificates; window_key text := coalesce('certificate:visitor:' || p_visitor, 'certificate:till:' || p_till);
    wait int := gift_cards_wait_seconds(window_key, p_most);
BEGIN
    SELECT * INTO c FROM certificates_seen(p_shop, p_code);
    why := CASE WHEN wait IS NOT NULL THEN 'wait' ELSE certificates_stop(c, certificates_today(c)) END;
    IF why IN ('unknown', 'ended') THEN
        PERFORM gift_cards_count_failure(window_key, p_seconds);
    END IF;
    "left" := CASE WHEN why = 'wait' THEN wait ELSE c.balance END;
    nominal := c.nominal; valid_until := c.valid_until; single := c.single; brand_id := c.brand_id;
    SELECT b.name INTO brand FROM brands b WHERE b.id = c.brand_id;
    RETURN NEXT;
END $$;

-- Redeems a part of a gift card under the till's own id. An id that was used before returns its first result
-- (`changed`: it had another body). The rest of a discount lapses. With a reason in `why` nothing is redeemed:
-- `unknown`, `ended`, `poor`, `wait` (then `left` is in seconds). SB044: the brand would owe the shop too much. A race
-- of one id with two gift cards violates the unique key.
CREATE OR REPLACE FUNCTION certificates_take(
    p_till bigint, p_shop bigint, p_cashier bigint, p_key text, p_digest bytea, p_code bytea, p_amount bigint,
    p_today date, p_most int, p_seconds int
) RETURNS TABLE (why text, changed boolean, amount bigint, "left" bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE c certificates; u certificate_uses; wait int;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(20313, (p_shop % 2147483647)::int);
    SELECT * INTO c FROM certificates_seen(p_shop, p_code);
    IF certificates_stop(c, certificates_today(c)) IS NULL THEN
        SELECT * INTO c FROM certificates x WHERE x.id = c.id FOR UPDATE;
    END IF;
    SELECT * INTO u FROM certificate_uses o WHERE o.till_id = p_till AND o.kind = 1 AND o.key = p_key;
    IF FOUND THEN
        changed := u.digest <> p_digest; amount := u.amount; "left" := u.balance_after;
        RETURN NEXT;
        RETURN;
    END IF;
    wait := gift_cards_wait_seconds('certificate:till:' || p_till, p_most);
    why := CASE WHEN wait IS NOT NULL THEN 'wait' ELSE certificates_stop(c, certificates_today(c)) END;
    IF why IS NULL AND c.balance < p_amount THEN
        why := 'poor';
    END IF;
    IF why IN ('unknown', 'ended') THEN
        PERFORM gift_cards_count_failure('certificate:till:' || p_till, p_seconds);
    END IF;
    changed := false; amount := p_amount; "left" := CASE WHEN why = 'wait' THEN wait ELSE c.balance END;
    IF why IS NULL THEN
        UPDATE certificates o SET balance = CASE WHEN o.single THEN 0 ELSE o.balance - p_amount END
        WHERE o.id = c.id AND o.balance >= p_amount RETURNING o.balance INTO STRICT "left";
        INSERT INTO certificate_uses AS o (certificate_id, brand_id, till_id, shop_id, cashier_id, kind, key, digest,
        amount,
            balance_after)
        VALUES (c.id, c.brand_id, p_till, p_shop, p_cashier, 1, p_key, p_digest, p_amount, "left") RETURNING * INTO u;
        INSERT INTO dues (creditor_id, debtor_id, kind, amount, cause, cause_id)
        VALUES (p_shop, c.brand_id, 1, p_amount, 9, u.id);
        PERFORM checkout_owe(ARRAY[p_shop], ARRAY[c.brand_id], ARRAY[p_amount], true);
    END IF;
    RETURN NEXT;
END $$;

-- Returns a part of a use to its gift card: at most what was redeemed, at any till of the shop. Ids are the tills' own:
-- if several tills of the shop redeemed a part under one id, `p_named` names the till. A discount cannot be returned.
-- `why`: `no_use`, `ambiguous`, `single`, `too_much` (`left` is what can still be returned).
CREATE OR REPLACE FUNCTION gift_cards_refund(
    p_till bigint, p_shop bigint, p_cashier bigint, p_use text, p_key text, p_digest bytea, p_amount bigint,
    p_named text DEFAULT NULL
) RETURNS TABLE (why text, changed boolean, amount bigint, "left" bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE c certificates; u certificate_uses; r certificate_uses; uses certificate_uses[];
BEGIN
    PERFORM pg_advisory_xact_lock_shared(20313, (p_shop % 2147483647)::int);
    uses := ARRAY(SELECT o FROM tills t JOIN certificate_uses o ON o.till_id = t.id AND o.kind = 1 AND o.key = p_use
        WHERE t.shop_id = p_shop AND (p_named IS NULL OR t.key = p_named));
    u := uses[1];
    SELECT * INTO c FROM certificates x WHERE x.id = u.certificate_id FOR UPDATE;
    SELECT * INTO r FROM certificate_uses o WHERE o.till_id = p_till AND o.kind = 2 AND o.key = p_key;
    IF FOUND THEN
        changed := r.digest <> p_digest; amount := r.amount; "left" := r.balance_after;
        RETURN NEXT;
        RETURN;
    END IF;
    changed := false; amount := p_amount;
    why := CASE WHEN u.id IS NULL THEN 'no_use' WHEN cardinality(uses) > 1 THEN 'ambiguous'
        WHEN c.single THEN 'single' END;
    IF why IS NULL THEN
        UPDATE certificate_uses o SET returned = o.returned + p_amount
        WHERE o.id = u.id AND o.returned + p_amount <= o.amount;
        IF NOT FOUND THEN
            why := 'too_much';
            SELECT o.amount - o.returned INTO "left" FROM certificate_uses o WHERE o.id = u.id;
        END IF;
    END IF;
    IF why IS NULL THEN
        UPDATE certificates o SET balance = o.balance + p_amount WHERE o.id = c.id RETURNING o.balance INTO STRICT
        "left"; INSERT INTO certificate_uses AS o (certificate_id, brand_id, till_id, shop_id, cashier_id, kind, key,
        digest, use_id,
            amount, balance_after)
        VALUES (c.id, u.brand_id, p_till, p_shop, p_cashier, 2, p_key, p_digest, u.id, p_amount, "left")
        RETURNING * INTO r;
        INSERT INTO dues (creditor_id, debtor_id, kind, amount, cause, cause_id)
        VALUES (p_shop, u.brand_id, 2, p_amount, 10, r.id);
        PERFORM checkout_owe(ARRAY[p_shop], ARRAY[u.brand_id], ARRAY[-p_amount], false);
    END IF;
    RETURN NEXT;
END $$;
