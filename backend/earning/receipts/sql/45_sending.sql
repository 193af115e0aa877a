-- Submission of receipts by agents. Cause 6 is a line of a receipt, 7 its return.

-- Whether a receipt was sent before with another total, operation or minute. Seconds do not count: not all tills print them.
CREATE OR REPLACE FUNCTION receipts_says_other(r receipts, p_at timestamp, p_total bigint, p_operation int) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT (date_trunc('minute', r.at), r.total, r.operation) IS DISTINCT FROM (date_trunc('minute', p_at), p_total, p_operation)
$$;

-- Whether the sender may still correct a receipt: it is undecided, or was refused only for its numbers, and is unclaimed.
CREATE OR REPLACE FUNCTION receipts_correctable(r receipts) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT (r.state IN ('pending', 'review') OR r.reason IN ('differs', 'not_genuine', 'bad_request'))
        AND NOT EXISTS (SELECT FROM receipt_claims c WHERE c.receipt_id = r.id)
$$;

-- How many undecided receipts an agent may have. An agent with a verified receipt may have more. A receipt that the tax
-- service does not know, or that used up all retries, lowers the limit by one for thirty days.
CREATE OR REPLACE FUNCTION receipts_credit(
    p_account bigint, p_new int, p_proven int, p_steps int, OUT credit int, OUT is_proven boolean
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    is_proven := EXISTS (SELECT FROM receipt_claims WHERE account_id = p_account);
    credit := CASE WHEN is_proven THEN p_proven ELSE p_new END;
    -- Only the latest rows: no limit is higher than 300.
    credit := greatest(1, credit - (SELECT count(*) FROM (
            SELECT * FROM receipts WHERE account_id = p_account ORDER BY id DESC LIMIT 300) AS r
        WHERE r.sent_at > now() - interval '30 days' AND r.state IN ('review', 'refused')
            AND (r.reason = 'not_genuine' OR r.tries >= p_steps)));
END $$;

-- Whether a receipt that was just inserted is above a limit: of the sender's undecided receipts, or of receipts of new
-- senders from one network in a day. The account's lock makes concurrent receipts count each other.
CREATE OR REPLACE FUNCTION receipts_are_too_many(p_account bigint, p_credit jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE c record; waiting int;
BEGIN
    PERFORM lock_account(p_account);
    c := receipts_credit(p_account, (p_credit ->> 'new')::int, (p_credit ->> 'proven')::int, (p_credit ->> 'steps')::int);
    SELECT count(*) INTO waiting FROM (
        SELECT * FROM receipts WHERE account_id = p_account ORDER BY id DESC LIMIT 300) AS r
    WHERE r.state IN ('pending', 'review');
    IF waiting > c.credit THEN
        RETURN true;
    END IF;
    RETURN NOT c.is_proven AND (limit_count(p_credit ->> 'network', 86400, 1)).total > (p_credit ->> 'most_of_network')::int;
END $$;

-- Inserts a receipt. An id that was used before returns its first result (`changed`: it was another receipt). So does a
-- receipt that this agent has sent under another id (`repeated`), unless its numbers are corrected: then it is verified
-- again under its first id. The check for another agent's claim is only a quick answer; the claim itself is decided after
-- the verification. A return that cannot be verified claws nothing back and must never pay. No id: the sender has too many
-- undecided receipts (see receipts_are_too_many), and nothing was stored.
CREATE OR REPLACE FUNCTION receipts_submit(
    p_account bigint, p_device bigint, p_key uuid, p_country text, p_identity text, p_fp bigint, p_canonical text,
    p_at timestamp, p_total bigint, p_operation int, p_decide_by timestamptz, p_waits boolean,
    p_credit jsonb DEFAULT NULL, p_scanned_at timestamptz DEFAULT NULL
) RETURNS TABLE (id bigint, state text, reason text, changed boolean, repeated boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE r receipts; taken boolean; waits boolean; new_state text; new_reason text;
BEGIN
    PERFORM accounts_alive(p_account, p_device);
    -- A document that is stored already needs no provider.
    waits := p_waits AND NOT EXISTS (SELECT FROM receipt_documents d WHERE d.country = p_country AND d.identity = p_identity);
    taken := EXISTS (SELECT FROM receipt_claims c WHERE c.country = p_country AND c.identity = p_identity
        AND c.account_id <> p_account);
    new_state := CASE WHEN taken OR waits AND p_operation = 2 THEN 'refused' WHEN waits THEN 'review' ELSE 'pending' END;
    new_reason := CASE WHEN taken THEN 'already_claimed' WHEN waits AND p_operation = 2 THEN 'is_return'
        WHEN waits THEN 'photo_needed' END;
    changed := false; repeated := false;
    INSERT INTO receipts AS o (account_id, key, country, identity, fp, canonical, at, total, operation, decide_by,
        state, reason, due_at, decided_at, scanned_at)
    VALUES (p_account, p_key, p_country, p_identity, p_fp, p_canonical, p_at, p_total, p_operation, p_decide_by,
        new_state, new_reason, CASE WHEN new_state = 'pending' THEN now() END, CASE WHEN new_state = 'refused' THEN now() END,
        p_scanned_at)
    ON CONFLICT DO NOTHING RETURNING * INTO r;
    IF FOUND AND new_state <> 'refused' AND p_credit IS NOT NULL AND receipts_are_too_many(p_account, p_credit) THEN
        DELETE FROM receipts o WHERE o.id = r.id;
        r := NULL;
    ELSIF r.id IS NULL THEN
        SELECT * INTO r FROM receipts o WHERE o.account_id = p_account AND o.key = p_key;
        IF FOUND THEN
            changed := (r.country, r.identity, r.fp) IS DISTINCT FROM (p_country, p_identity, p_fp)
                OR receipts_says_other(r, p_at, p_total, p_operation);
        ELSE
            SELECT * INTO r FROM receipts o WHERE o.account_id = p_account AND o.country = p_country
                AND o.identity = p_identity AND o.fp IS NOT DISTINCT FROM p_fp FOR UPDATE;
            repeated := NOT receipts_says_other(r, p_at, p_total, p_operation) OR NOT receipts_correctable(r);
            IF NOT repeated THEN
                -- The new due_at ends the worker's lease, so an answer about the wrong numbers is not applied.
                UPDATE receipts o SET canonical = p_canonical, at = p_at, total = p_total, operation = p_operation,
                    state = new_state, tries = 0, provider = 0, due_at = CASE WHEN new_state = 'pending' THEN now() END,
                    reason = CASE WHEN new_reason = 'photo_needed' AND o.photo IS NOT NULL THEN 'being_checked' ELSE new_reason END,
                    decide_by = CASE WHEN o.state = 'refused' THEN p_decide_by ELSE o.decide_by END,
                    decided_at = CASE WHEN new_state = 'refused' THEN now() END
                WHERE o.id = r.id RETURNING * INTO r;
            END IF;
        END IF;
    END IF;
    id := r.id; state := r.state; reason := r.reason;
    RETURN NEXT;
END $$;
