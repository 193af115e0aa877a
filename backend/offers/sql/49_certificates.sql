-- Own certificates at tills. Causes: 9 a part that was taken, 10 a part that was given back; either is a due of the brand
-- to the shop. Order of locks: the shop's shared lock -> the certificate -> the use and the till's own id -> counters.

-- The certificate that a shop may see: those of brands that it does not serve are as if they were not there.
CREATE OR REPLACE FUNCTION certificates_seen(p_shop bigint, p_code bytea) RETURNS SETOF certificates
LANGUAGE sql STABLE AS $$
    SELECT c.* FROM certificates c WHERE c.digest = p_code AND EXISTS (
        SELECT FROM brand_shops l WHERE l.brand_id = c.brand_id AND l.shop_id = p_shop AND l.ended_at IS NULL)
$$;

-- What stops a certificate on a day: `unknown`, `ended`, or nothing. Its last day is still good.
CREATE OR REPLACE FUNCTION certificates_stop(c certificates, p_today date) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN c.id IS NULL THEN 'unknown'
        WHEN c.closed_at IS NOT NULL OR c.valid_until < p_today OR c.single AND c.balance = 0 THEN 'ended' END
$$;

-- Whether a till has given too many codes that nothing can be taken from; the answer says how long it has to wait.
CREATE OR REPLACE FUNCTION certificates_wait(p_till bigint, p_most int) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT greatest(1, ceil(extract(epoch FROM ends_at - now())))::int FROM counters
    WHERE key = 'certificate:till:' || p_till AND count >= p_most AND ends_at > now()
$$;

-- Counts a code that nothing can be taken from. What is not there and what has ended cost a till the same, also in time.
CREATE OR REPLACE FUNCTION certificates_wrong(p_till bigint, p_seconds int) RETURNS void LANGUAGE sql AS $$
    SELECT limit_count('certificate:till:' || p_till, p_seconds, 1)
$$;

-- How a certificate stands; `why` says what stops it, or `wait` (`left` is seconds then).
CREATE OR REPLACE FUNCTION certificates_look(
    p_till bigint, p_shop bigint, p_code bytea, p_today date, p_most int, p_seconds int
) RETURNS TABLE (why text, "left" bigint, nominal bigint, valid_until date, single boolean, brand_id bigint, brand text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE c certificates; wait int := certificates_wait(p_till, p_most);
BEGIN
    SELECT * INTO c FROM certificates_seen(p_shop, p_code);
    why := CASE WHEN wait IS NOT NULL THEN 'wait' ELSE certificates_stop(c, p_today) END;
    IF why IN ('unknown', 'ended') THEN
        PERFORM certificates_wrong(p_till, p_seconds);
    END IF;
    "left" := CASE WHEN why = 'wait' THEN wait ELSE c.balance END;
    nominal := c.nominal; valid_until := c.valid_until; single := c.single; brand_id := c.brand_id;
    SELECT b.name INTO brand FROM brands b WHERE b.id = c.brand_id;
    RETURN NEXT;
END $$;

-- Takes a part of a certificate under the till's own id; an id that was used before gives its first answer (`changed`: it
-- had another body). Of a discount the rest lapses. `why` says what stopped it, and then nothing is taken: `unknown`,
-- `ended`, `poor`, `wait` (`left` is seconds then). A race of one id with two certificates breaks the unique key.
CREATE OR REPLACE FUNCTION certificates_take(
    p_till bigint, p_shop bigint, p_cashier bigint, p_key text, p_digest bytea, p_code bytea, p_amount bigint,
    p_today date, p_most int, p_seconds int
) RETURNS TABLE (why text, changed boolean, amount bigint, "left" bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE c certificates; u certificate_uses; wait int;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(20313, (p_shop % 2147483647)::int);
    SELECT * INTO c FROM certificates_seen(p_shop, p_code);
    IF certificates_stop(c, p_today) IS NULL THEN
        SELECT * INTO c FROM certificates x WHERE x.id = c.id FOR UPDATE;
    END IF;
    SELECT * INTO u FROM certificate_uses o WHERE o.till_id = p_till AND o.kind = 1 AND o.key = p_key;
    IF FOUND THEN
        changed := u.digest <> p_digest; amount := u.amount; "left" := u.balance_after;
        RETURN NEXT;
        RETURN;
    END IF;
    wait := certificates_wait(p_till, p_most);
    why := CASE WHEN wait IS NOT NULL THEN 'wait' ELSE certificates_stop(c, p_today) END;
    IF why IS NULL AND c.balance < p_amount THEN
        why := 'poor';
    END IF;
    IF why IN ('unknown', 'ended') THEN
        PERFORM certificates_wrong(p_till, p_seconds);
    END IF;
    changed := false; amount := p_amount; "left" := CASE WHEN why = 'wait' THEN wait ELSE c.balance END;
    IF why IS NULL THEN
        UPDATE certificates o SET balance = CASE WHEN o.single THEN 0 ELSE o.balance - p_amount END
        WHERE o.id = c.id AND o.balance >= p_amount RETURNING o.balance INTO STRICT "left";
        INSERT INTO certificate_uses AS o (certificate_id, brand_id, till_id, shop_id, cashier_id, kind, key, digest, amount,
            balance_after)
        VALUES (c.id, c.brand_id, p_till, p_shop, p_cashier, 1, p_key, p_digest, p_amount, "left") RETURNING * INTO u;
        INSERT INTO dues (creditor_id, debtor_id, kind, amount, cause, cause_id)
        VALUES (p_shop, c.brand_id, 1, p_amount, 9, u.id);
    END IF;
    RETURN NEXT;
END $$;

-- Gives a part of what a till took back to its certificate: never more than was taken, at any till of the shop. Ids are
-- the tills' own, so this till's goes before another's. A discount gets nothing back. `why`: `no_use`, `single`,
-- `too_much` (`left` is what may still come back).
CREATE OR REPLACE FUNCTION certificates_give_back(
    p_till bigint, p_shop bigint, p_cashier bigint, p_use text, p_key text, p_digest bytea, p_amount bigint
) RETURNS TABLE (why text, changed boolean, amount bigint, "left" bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE c certificates; u certificate_uses; r certificate_uses;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(20313, (p_shop % 2147483647)::int);
    SELECT o.* INTO u FROM tills t JOIN certificate_uses o ON o.till_id = t.id AND o.kind = 1 AND o.key = p_use
    WHERE t.shop_id = p_shop ORDER BY t.id = p_till DESC, o.id DESC LIMIT 1;
    SELECT * INTO c FROM certificates x WHERE x.id = u.certificate_id FOR UPDATE;
    SELECT * INTO r FROM certificate_uses o WHERE o.till_id = p_till AND o.kind = 2 AND o.key = p_key;
    IF FOUND THEN
        changed := r.digest <> p_digest; amount := r.amount; "left" := r.balance_after;
        RETURN NEXT;
        RETURN;
    END IF;
    changed := false; amount := p_amount;
    why := CASE WHEN u.id IS NULL THEN 'no_use' WHEN c.single THEN 'single' END;
    IF why IS NULL THEN
        UPDATE certificate_uses o SET returned = o.returned + p_amount
        WHERE o.id = u.id AND o.returned + p_amount <= o.amount;
        IF NOT FOUND THEN
            why := 'too_much';
            SELECT o.amount - o.returned INTO "left" FROM certificate_uses o WHERE o.id = u.id;
        END IF;
    END IF;
    IF why IS NULL THEN
        UPDATE certificates o SET balance = o.balance + p_amount WHERE o.id = c.id RETURNING o.balance INTO STRICT "left";
        INSERT INTO certificate_uses AS o (certificate_id, brand_id, till_id, shop_id, cashier_id, kind, key, digest, use_id,
            amount, balance_after)
        VALUES (c.id, u.brand_id, p_till, p_shop, p_cashier, 2, p_key, p_digest, u.id, p_amount, "left")
        RETURNING * INTO r;
        INSERT INTO dues (creditor_id, debtor_id, kind, amount, cause, cause_id)
        VALUES (p_shop, u.brand_id, 2, p_amount, 10, r.id);
    END IF;
    RETURN NEXT;
END $$;
