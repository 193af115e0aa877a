-- Windows of made-up codes, each a row of its key, how many stop the account (null: it is an alarm only), and for how
-- many seconds those of a scan count (null: they count elsewhere). The account's own comes first.

-- Whether made-up codes stop the account: SB020 with the seconds to wait. A network is shared: its counter stops only
-- accounts that made codes up themselves, or a stranger behind the same operator's address could stop everybody.
CREATE OR REPLACE FUNCTION scans_stopped(p_windows jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE waits int;
BEGIN
    SELECT max(ceil(extract(epoch FROM c.ends_at - now())))::int INTO waits
    FROM jsonb_array_elements(p_windows) AS w
    -- OFFSET 0: four looks by the key; a plan for all at once would read the whole table.
    CROSS JOIN LATERAL (SELECT * FROM counters WHERE key = w ->> 0 OFFSET 0) AS c
    WHERE c.ends_at > now() AND c.count >= (w ->> 1)::int
        AND (c.key NOT LIKE 'wrong:network:%'
            OR EXISTS (SELECT FROM counters own WHERE own.key = p_windows -> 0 ->> 0 AND own.ends_at > now()));
    IF waits IS NOT NULL THEN
        RAISE EXCEPTION 'too many made-up codes' USING ERRCODE = 'SB020', DETAIL = waits::text;
    END IF;
END $$;

-- What the codes are that the process does not know yet; reads only. Raises what the two above raise.
CREATE OR REPLACE FUNCTION scans_look(p_account bigint, p_device bigint, p_windows jsonb, p_items jsonb) RETURNS TABLE (
    n int, cause int, cause_id bigint, reason text, brand_id bigint, programme_id bigint, rules_version bigint,
    product_id bigint, price bigint, first_serial bigint, last_serial bigint
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM accounts_alive(p_account, p_device);
    PERFORM scans_stopped(p_windows);
    RETURN QUERY SELECT * FROM packages_find(p_items);
END $$;

-- Records scans and pays for those that deserve it, in one transaction. Order of locks, so that no two such
-- transactions wait for each other: the account, then each item in the order of its key, its wallets, then budgets,
-- then the counters of made-up codes. An id that was used before gives its first answer; `changed` says that
-- the body was another one then. The account's scans of this minute are counted, too; too many raise SB020 with the
-- seconds to wait. SB012: the device or the account has ended meanwhile.
--
-- What a queue earns, and what is noted of it, is gathered and written at once, which costs half as much. It is not where
-- the queue has an id twice: the second finds the row of the first.
CREATE OR REPLACE FUNCTION scans_record(
    p_account bigint, p_device bigint, p_per_minute int, p_windows jsonb, p_items jsonb
) RETURNS TABLE (
    place int, changed boolean, replayed boolean, kind text, status text, reason text,
    programme_id bigint, version_id bigint, product_id bigint, base bigint, gross bigint, amount bigint,
    matures_on date, expires_on date, receipt_id bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    i record; s scans; r ranges; won record; a accruals; counted record; wrong int := 0;
    owed jsonb := '{}'; days jsonb := '{}'; made scans[]; earned accruals[]; brands bigint[]; bodies jsonb[]; body jsonb;
    is_queue boolean := jsonb_array_length(p_items) > 1 AND (
        SELECT count(*) = count(DISTINCT (id, n)) FROM jsonb_to_recordset(p_items) AS x (id uuid, n int));
BEGIN
    SELECT * INTO counted FROM limit_count('scans:' || p_account, 60, jsonb_array_length(p_items));
    IF counted.total > p_per_minute THEN
        RAISE EXCEPTION 'too many scans' USING ERRCODE = 'SB020', DETAIL = counted.wait::text;
    END IF;
    PERFORM scans_stopped(p_windows);
    PERFORM pg_advisory_xact_lock(20311, (p_account % 2147483647)::int);
    PERFORM accounts_alive(p_account, p_device);
    FOR i IN SELECT * FROM jsonb_to_recordset(p_items) AS x (
            place int, id uuid, n int, digest text, kind text, status text, reason text, cause int, cause_id bigint, slot int,
            serial bigint, brand bigint, programme bigint, rules_version bigint, campaign bigint, version bigint,
            product bigint, base bigint, gross bigint, day_cap bigint, budgeted boolean, today date, matures_on date,
            expires_on date)
        ORDER BY x.cause, x.cause_id, x.id, x.n, x.place
    LOOP
        a := NULL; changed := false; replayed := true;
        SELECT * INTO s FROM scans o WHERE o.account_id = p_account AND o.id = i.id AND o.n = i.n;
        IF FOUND THEN
            changed := s.digest <> decode(i.digest, 'hex');
            IF s.status <> 'refused' THEN
                SELECT * INTO a FROM accruals o WHERE o.cause = s.cause AND o.cause_id = s.cause_id;
            END IF;
        ELSE
            replayed := false;
            s.kind := i.kind; s.status := coalesce(i.status, 'refused'); s.reason := i.reason;
            s.cause := i.cause; s.cause_id := i.cause_id;
            IF i.reason IS NULL AND i.status IS NULL THEN
                IF NOT EXISTS (SELECT FROM programmes o WHERE o.id = i.programme AND o.rules_version = i.rules_version)
                THEN
                    RAISE EXCEPTION 'the rules have changed' USING ERRCODE = 'SB011';
                END IF;
                IF i.slot IS NOT NULL THEN
                    r := packages_range(i.slot, i.serial);
                    s.reason := packages_reason(r.state, r.active_from);
                ELSIF i.cause IN (2, 3) THEN
                    SELECT packages_reason(b.state, NULL) INTO s.reason FROM batches b
                    WHERE b.id = (SELECT c.batch_id FROM imported_codes c WHERE i.cause = 2 AND c.id = i.cause_id
                        UNION ALL SELECT u.batch_id FROM marked_units u WHERE i.cause = 3 AND u.id = i.cause_id);
                END IF;
            END IF;
            IF i.status IS NOT NULL THEN
                NULL; -- A receipt: it waits in its own room.
            ELSIF s.reason IS NULL THEN
                SELECT * INTO won FROM programmes_award(p_account, i.cause, i.cause_id, i.programme, i.campaign,
                    i.version, i.product, i.base, i.gross, i.day_cap, i.budgeted, owed, i.today, i.matures_on,
                    i.expires_on, is_queue);
                s.status := won.status; s.reason := won.reason; a := won.accrual; owed := won.owed;
                IF s.status IN ('credited', 'pending') THEN
                    body := jsonb_build_object('cause', i.cause, 'cause_id', i.cause_id, 'amount', a.amount);
                    IF is_queue THEN
                        earned := earned || a; brands := brands || i.brand; bodies := bodies || body;
                        days := days || jsonb_build_object(i.programme::text, i.today);
                    ELSE
                        INSERT INTO events (brand_id, account_id, kind, body)
                        VALUES (i.brand, p_account, 'package.claimed', body);
                    END IF;
                END IF;
            ELSIF i.cause IS NOT NULL THEN
                -- Whoever claimed it while it was open keeps his answer.
                SELECT * INTO a FROM accruals o
                WHERE o.cause = i.cause AND o.cause_id = i.cause_id AND o.account_id = p_account;
                IF FOUND THEN
                    s.status := 'repeated'; s.reason := NULL;
                END IF;
            END IF;
            IF s.kind = 'package' AND s.reason = 'unknown_code' THEN
                wrong := wrong + 1;
                IF i.cause IS NOT NULL THEN
                    -- It deciphers, and was never given out: a lucky guess, or somebody has the key.
                    INSERT INTO events (brand_id, account_id, kind, body) VALUES (
                        (SELECT o.brand_id FROM slots o WHERE o.slot = i.cause_id >> 37), p_account,
                        'package.unissued', jsonb_build_object('cause', i.cause, 'cause_id', i.cause_id));
                END IF;
            END IF;
            s.account_id := p_account; s.id := i.id; s.n := i.n; s.digest := decode(i.digest, 'hex'); s.at := now();
            IF is_queue THEN
                made := made || s;
            ELSE
                INSERT INTO scans SELECT s.*;
            END IF;
        END IF;
        place := i.place; kind := s.kind; status := s.status; reason := s.reason;
        programme_id := a.programme_id; version_id := a.version_id; product_id := a.product_id; base := a.base;
        receipt_id := CASE WHEN s.cause = 9 THEN s.cause_id END;
        gross := a.gross; amount := a.amount; matures_on := a.matures_on; expires_on := a.expires_on;
        RETURN NEXT;
    END LOOP;
    IF is_queue THEN
        PERFORM programmes_earn(p_account, earned, days);
        INSERT INTO events (brand_id, account_id, kind, body)
        SELECT x.brand, p_account, 'package.claimed', x.body FROM unnest(brands, bodies) AS x (brand, body);
        INSERT INTO scans SELECT * FROM unnest(made);
    END IF;
    IF owed <> '{}' THEN
        PERFORM budgets_pay(owed, (p_account % 16)::int);
    END IF;
    IF wrong > 0 THEN
        PERFORM limit_count(w ->> 0, (w ->> 2)::int, wrong) FROM jsonb_array_elements(p_windows) AS w
        WHERE w ->> 2 IS NOT NULL;
    END IF;
END $$;
