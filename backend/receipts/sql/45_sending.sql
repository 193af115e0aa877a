-- Receipts: taking in what agents send. Cause 6 is a line of a receipt, 7 its return.

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
