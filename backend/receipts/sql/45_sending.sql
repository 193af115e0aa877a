-- Receipts: taking in what agents send, and asking providers in turn. Cause 6 is a line of a receipt, 7 its return.

-- Takes a receipt in. An id that was used before gives its first answer (`changed`: it was another receipt), and so
-- does a receipt that this agent has sent under another id (`repeated`). That somebody else has it already is a quick
-- answer only; who is first is decided when it is verified.
CREATE OR REPLACE FUNCTION receipts_send(
    p_account bigint, p_device bigint, p_key uuid, p_country text, p_identity text, p_fp bigint, p_canonical text,
    p_at timestamp, p_total bigint, p_operation int, p_decide_by timestamptz, p_waits boolean
) RETURNS TABLE (id bigint, state text, reason text, changed boolean, repeated boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE r receipts; taken boolean; waits boolean;
BEGIN
    PERFORM accounts_alive(p_account, p_device);
    -- What is known already needs nobody to be asked.
    waits := p_waits AND NOT EXISTS (SELECT FROM receipt_documents d WHERE d.country = p_country AND d.identity = p_identity);
    taken := EXISTS (SELECT FROM receipt_claims c WHERE c.country = p_country AND c.identity = p_identity
        AND c.account_id <> p_account);
    changed := false; repeated := false;
    INSERT INTO receipts AS o (account_id, key, country, identity, fp, canonical, at, total, operation, decide_by,
        state, reason, due_at, decided_at)
    VALUES (p_account, p_key, p_country, p_identity, p_fp, p_canonical, p_at, p_total, p_operation, p_decide_by,
        CASE WHEN taken THEN 'refused' WHEN waits THEN 'review' ELSE 'pending' END,
        CASE WHEN taken THEN 'already_claimed' WHEN waits THEN 'photo_needed' END,
        CASE WHEN NOT taken AND NOT waits THEN now() END, CASE WHEN taken THEN now() END)
    ON CONFLICT DO NOTHING RETURNING * INTO r;
    IF NOT FOUND THEN
        SELECT * INTO r FROM receipts o WHERE o.account_id = p_account AND o.key = p_key;
        IF FOUND THEN
            changed := (r.country, r.identity, r.fp) IS DISTINCT FROM (p_country, p_identity, p_fp);
        ELSE
            SELECT * INTO r FROM receipts o WHERE o.account_id = p_account AND o.country = p_country
                AND o.identity = p_identity AND o.fp IS NOT DISTINCT FROM p_fp;
            repeated := true;
        END IF;
    END IF;
    id := r.id; state := r.state; reason := r.reason;
    RETURN NEXT;
END $$;

-- A turn to ask a provider, over all workers: `wait` milliseconds from now it may be asked, once, within its rate
-- (p_gap milliseconds apart) and its day. No turn: `at` says when to come again.
CREATE OR REPLACE FUNCTION receipts_turn(p_name text, p_gap int, p_per_day int, p_most int, OUT wait int, OUT at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE p receipt_providers; gap interval := p_gap * interval '1 millisecond'; t timestamptz;
BEGIN
    INSERT INTO receipt_providers (name) VALUES (p_name) ON CONFLICT DO NOTHING;
    SELECT * INTO p FROM receipt_providers WHERE name = p_name FOR UPDATE;
    -- The clock is read when the row is ours: whoever waited for it must not be given the past.
    t := clock_timestamp();
    IF p.day <> t::date THEN
        p.used := 0;
    END IF;
    at := greatest(p.paused_until, p.next_at - p_most * interval '1 millisecond',
        CASE WHEN p.used >= p_per_day THEN date_trunc('day', t) + interval '1 day' END);
    IF at > t THEN
        RETURN;
    END IF;
    at := greatest(p.next_at, t);
    wait := ceil(extract(epoch FROM at - t) * 1000);
    UPDATE receipt_providers SET next_at = greatest(p.next_at, t) + gap, day = t::date, used = p.used + 1
    WHERE name = p_name;
END $$;

-- What came of asking. A provider that fails five times in a row is left in peace, each time twice as long, up to an
-- hour; one that speaks of its limit is left so from the first time on, and for as long as it says itself.
CREATE OR REPLACE FUNCTION receipts_asked(p_name text, p_failed boolean, p_limited boolean, p_pause int) RETURNS void
LANGUAGE sql AS $$
    UPDATE receipt_providers SET
        failures = CASE WHEN p_failed THEN least(failures + 1, 20) ELSE 0 END,
        paused_until = CASE
            WHEN NOT p_failed THEN NULL
            WHEN p_pause > 0 THEN greatest(paused_until, now() + p_pause * interval '1 second')
            WHEN p_limited THEN greatest(paused_until, now() + least(3600, 2 * 2 ^ failures) * interval '1 second')
            WHEN failures >= 4 THEN greatest(paused_until, now() + least(3600, 15 * 2 ^ (failures - 4)) * interval '1 second')
            ELSE paused_until END
    WHERE name = p_name
$$;
