-- Reservations: uses of codes that a till keeps until a time.

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
    PERFORM lock_till(p_till);
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
