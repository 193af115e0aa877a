-- Receipts: taking in what agents send. Cause 6 is a line of a receipt, 7 its return.

-- Whether a receipt was sent with another sum, kind or minute before; seconds are printed, or they are not.
CREATE OR REPLACE FUNCTION receipts_says_other(r receipts, p_at timestamp, p_total bigint, p_operation int) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT (date_trunc('minute', r.at), r.total, r.operation) IS DISTINCT FROM (date_trunc('minute', p_at), p_total, p_operation)
$$;

-- Whether its sender may still put a receipt right: nothing is decided, or only that these numbers are not right.
CREATE OR REPLACE FUNCTION receipts_correctable(r receipts) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT (r.state IN ('pending', 'review') OR r.reason IN ('differs', 'not_genuine', 'bad_request'))
        AND NOT EXISTS (SELECT FROM receipt_claims c WHERE c.receipt_id = r.id)
$$;

-- Takes a receipt in. An id that was used before gives its first answer (`changed`: it was another receipt), and so
-- does a receipt that this agent has sent under another id (`repeated`), unless he has put right what was wrong with
-- it: then it is verified anew, under its first id. That somebody else has it already is a quick answer only; who is
-- first is decided when it is verified. A return that nobody can verify takes nothing back, and must never pay.
CREATE OR REPLACE FUNCTION receipts_send(
    p_account bigint, p_device bigint, p_key uuid, p_country text, p_identity text, p_fp bigint, p_canonical text,
    p_at timestamp, p_total bigint, p_operation int, p_decide_by timestamptz, p_waits boolean
) RETURNS TABLE (id bigint, state text, reason text, changed boolean, repeated boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE r receipts; taken boolean; waits boolean; stands text; because text;
BEGIN
    PERFORM accounts_alive(p_account, p_device);
    -- What is known already needs nobody to be asked.
    waits := p_waits AND NOT EXISTS (SELECT FROM receipt_documents d WHERE d.country = p_country AND d.identity = p_identity);
    taken := EXISTS (SELECT FROM receipt_claims c WHERE c.country = p_country AND c.identity = p_identity
        AND c.account_id <> p_account);
    stands := CASE WHEN taken OR waits AND p_operation = 2 THEN 'refused' WHEN waits THEN 'review' ELSE 'pending' END;
    because := CASE WHEN taken THEN 'already_claimed' WHEN waits AND p_operation = 2 THEN 'is_return'
        WHEN waits THEN 'photo_needed' END;
    changed := false; repeated := false;
    INSERT INTO receipts AS o (account_id, key, country, identity, fp, canonical, at, total, operation, decide_by,
        state, reason, due_at, decided_at)
    VALUES (p_account, p_key, p_country, p_identity, p_fp, p_canonical, p_at, p_total, p_operation, p_decide_by,
        stands, because, CASE WHEN stands = 'pending' THEN now() END, CASE WHEN stands = 'refused' THEN now() END)
    ON CONFLICT DO NOTHING RETURNING * INTO r;
    IF NOT FOUND THEN
        SELECT * INTO r FROM receipts o WHERE o.account_id = p_account AND o.key = p_key;
        IF FOUND THEN
            changed := (r.country, r.identity, r.fp) IS DISTINCT FROM (p_country, p_identity, p_fp)
                OR receipts_says_other(r, p_at, p_total, p_operation);
        ELSE
            SELECT * INTO r FROM receipts o WHERE o.account_id = p_account AND o.country = p_country
                AND o.identity = p_identity AND o.fp IS NOT DISTINCT FROM p_fp FOR UPDATE;
            repeated := NOT receipts_says_other(r, p_at, p_total, p_operation) OR NOT receipts_correctable(r);
            IF NOT repeated THEN
                -- Another time than its worker holds it by: what he was told of the wrong numbers counts no more.
                UPDATE receipts o SET canonical = p_canonical, at = p_at, total = p_total, operation = p_operation,
                    state = stands, tries = 0, provider = 0, due_at = CASE WHEN stands = 'pending' THEN now() END,
                    reason = CASE WHEN because = 'photo_needed' AND o.photo IS NOT NULL THEN 'being_checked' ELSE because END,
                    decide_by = CASE WHEN o.state = 'refused' THEN p_decide_by ELSE o.decide_by END,
                    decided_at = CASE WHEN stands = 'refused' THEN now() END
                WHERE o.id = r.id RETURNING * INTO r;
            END IF;
        END IF;
    END IF;
    id := r.id; state := r.state; reason := r.reason;
    RETURN NEXT;
END $$;
