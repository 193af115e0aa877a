-- Windows of made-up codes, each a row of its key, how many stop the account (null: it is an alarm only), and for how
-- many seconds those of a scan count (null: they count elsewhere). The account's own comes first.

-- For how many seconds made-up codes stop the account; null: they do not. Only the first four windows may stop it. A
-- network is shared: its counter stops only accounts that made codes up themselves, or a stranger behind the same
-- operator's address could stop everybody.
CREATE OR REPLACE FUNCTION scans_must_wait(p_windows jsonb) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    -- The usual answer: nobody made any codes up.
    IF NOT EXISTS (SELECT FROM counters WHERE ends_at > now() AND key = ANY (ARRAY[
            p_windows #>> '{0,0}', p_windows #>> '{1,0}', p_windows #>> '{2,0}', p_windows #>> '{3,0}'])) THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT max(ceil(extract(epoch FROM c.ends_at - now())))::int
        FROM jsonb_array_elements(p_windows) AS w
        -- OFFSET 0: four looks by the key; a plan for all at once would read the whole table.
        CROSS JOIN LATERAL (SELECT * FROM counters WHERE key = w ->> 0 OFFSET 0) AS c
        WHERE c.ends_at > now() AND c.count >= (w ->> 1)::int
            AND (c.key NOT LIKE 'wrong:network:%'
                OR EXISTS (SELECT FROM counters own WHERE own.key = p_windows -> 0 ->> 0 AND own.ends_at > now())));
END $$;

-- Lets an account scan so many: its scans of this minute are counted, and its lock is taken. What is refused is not
-- counted. SB012: the device or the account has ended. SB020: there were too many scans, or made-up codes stop it.
CREATE OR REPLACE FUNCTION scans_admit(
    p_account bigint, p_device bigint, p_per_minute int, p_windows jsonb, p_count int, OUT fault text, OUT wait int
) LANGUAGE plpgsql AS $$
DECLARE counted record;
BEGIN
    counted := limit_count('scans:' || p_account, 60, p_count);
    wait := CASE WHEN counted.total > p_per_minute THEN counted.wait ELSE scans_must_wait(p_windows) END;
    IF wait IS NOT NULL THEN
        fault := 'SB020';
    ELSE
        PERFORM pg_advisory_xact_lock(20311, (p_account % 2147483647)::int);
        fault := CASE WHEN NOT accounts_is_alive(p_account, p_device) THEN 'SB012' END;
    END IF;
    IF fault IS NOT NULL THEN
        PERFORM limit_count('scans:' || p_account, 60, -p_count);
    END IF;
END $$;

-- What the codes are that the process does not know yet; reads only. SB012, SB020: as scans_admit says, with the
-- seconds to wait.
CREATE OR REPLACE FUNCTION scans_look(p_account bigint, p_device bigint, p_windows jsonb, p_items jsonb) RETURNS TABLE (
    n int, cause int, cause_id bigint, reason text, brand_id bigint, programme_id bigint, rules_version bigint,
    product_id bigint, price bigint, first_serial bigint, last_serial bigint
) LANGUAGE plpgsql AS $$
DECLARE wait int := scans_must_wait(p_windows);
BEGIN
    PERFORM accounts_alive(p_account, p_device);
    IF wait IS NOT NULL THEN
        RAISE EXCEPTION 'too many made-up codes' USING ERRCODE = 'SB020', DETAIL = wait::text;
    END IF;
    RETURN QUERY SELECT * FROM packages_find(p_items);
END $$;

-- Records scans and pays for those that deserve it, calls of one or of several accounts in one transaction. `p_calls` has
-- each call's account, device and limits (see scans_admit), in the order of arrival; `p_items` the scans of all. A call
-- that may not go on gets its fault, the others go on. An id that was used before gives its first answer; `changed` says
-- that the body was another one then. SB010, SB011: others spent the budget or changed the rules; nothing was done.
-- 55P03: somebody holds a lock, and we do not wait long for one in a hurry.
--
-- Order of locks, so that no two such transactions wait for each other: of each account its counter and its lock, then all
-- items in the order of their keys, then wallets, budgets, and the counters of made-up codes. What several items earn, and
-- what is noted of them, is gathered and written at once, which costs half as much. It is not where an id comes twice: the
-- second finds the row of the first. Wallets are locked between keys then, which nobody waits for who lacks the account.
CREATE OR REPLACE FUNCTION scans_record(p_calls jsonb, p_items jsonb, p_hurry boolean) RETURNS TABLE (
    call int, fault text, wait int, place int, changed boolean, replayed boolean, kind text, status text, reason text,
    programme_id bigint, version_id bigint, product_id bigint, base bigint, gross bigint, amount bigint,
    matures_on date, expires_on date, receipt_id bigint
) LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    c record; i record; s scans; r ranges; won record; a accruals; admitted record; slice int;
    stopped int[] := '{}'; wrong int[] := '{}'; owed jsonb := '{}'; days jsonb := '{}'; made scans[]; earned accruals[];
    brands bigint[]; bodies jsonb[]; body jsonb; whose bigint[] := '{}'; account bigint; owners bigint[];
    is_gathered boolean := jsonb_array_length(p_items) > 1; are_new boolean := false; caps jsonb := '{}';
BEGIN
    IF p_hurry THEN
        PERFORM set_config('lock_timeout', '200ms', true);
    END IF;
    FOR c IN
        SELECT * FROM jsonb_to_recordset(p_calls)
            AS x (call int, account bigint, device bigint, per_minute int, windows jsonb, scans int)
        ORDER BY x.account % 2147483647, x.account, x.call
    LOOP
        admitted := scans_admit(c.account, c.device, c.per_minute, c.windows, c.scans);
        IF admitted.fault IS NULL THEN
            whose[c.call] := c.account; slice := c.account % 16;
        ELSE
            call := c.call; fault := admitted.fault; wait := admitted.wait; stopped := stopped || c.call;
            RETURN NEXT;
        END IF;
    END LOOP;
    fault := NULL; wait := NULL;
    IF is_gathered THEN
        SELECT count(*) = count(DISTINCT (whose[x.call], x.id, x.n)) INTO is_gathered
        FROM jsonb_to_recordset(p_items) AS x (call int, id uuid, n int) WHERE x.call <> ALL (stopped);
        -- Nobody writes scans of an account whose lock we hold.
        are_new := is_gathered AND NOT EXISTS (
            SELECT FROM jsonb_to_recordset(p_items) AS x (call int, id uuid, n int)
            JOIN scans o ON o.account_id = whose[x.call] AND o.id = x.id AND o.n = x.n);
    END IF;
    FOR i IN SELECT * FROM jsonb_to_recordset(p_items) AS x (
            call int, place int, id uuid, n int, digest text, kind text, status text, reason text,
            cause int, cause_id bigint, slot int, serial bigint, brand bigint, programme bigint, rules_version bigint,
            campaign bigint, version bigint, product bigint, base bigint, gross bigint, day_cap bigint,
            budgeted boolean, today date, matures_on date, expires_on date)
        WHERE x.call <> ALL (stopped)
        ORDER BY x.cause, x.cause_id, x.call, x.id, x.n, x.place
    LOOP
        a := NULL; changed := false; replayed := true; account := whose[i.call];
        IF NOT are_new THEN
            SELECT * INTO s FROM scans o WHERE o.account_id = account AND o.id = i.id AND o.n = i.n;
        END IF;
        IF NOT are_new AND FOUND THEN
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
                won := programmes_award(account, i.cause, i.cause_id, i.programme, i.campaign,
                    i.version, i.product, i.base, i.gross, i.day_cap, i.budgeted, owed, i.today, i.matures_on,
                    i.expires_on, is_gathered, caps);
                s.status := won.status; s.reason := won.reason; a := won.accrual; owed := won.owed;
                caps := won.caps;
                IF s.status IN ('credited', 'pending') THEN
                    body := jsonb_build_object('cause', i.cause, 'cause_id', i.cause_id, 'amount', a.amount);
                    IF is_gathered THEN
                        earned := earned || a; brands := brands || i.brand; bodies := bodies || body;
                        owners := owners || account;
                        IF (days ->> i.programme::text)::date >= i.today IS NOT TRUE THEN
                            days := days || jsonb_build_object(i.programme::text, i.today);
                        END IF;
                    ELSE
                        INSERT INTO events (brand_id, account_id, kind, body)
                        VALUES (i.brand, account, 'package.claimed', body);
                    END IF;
                END IF;
            ELSIF i.cause IS NOT NULL THEN
                -- Whoever claimed it while it was open keeps his answer.
                SELECT * INTO a FROM accruals o
                WHERE o.cause = i.cause AND o.cause_id = i.cause_id AND o.account_id = account;
                IF FOUND THEN
                    s.status := 'repeated'; s.reason := NULL;
                END IF;
            END IF;
            IF s.kind = 'package' AND s.reason = 'unknown_code' THEN
                wrong := wrong || i.call;
                IF i.cause IS NOT NULL THEN
                    -- It deciphers, and was never given out: a lucky guess, or somebody has the key.
                    INSERT INTO events (brand_id, account_id, kind, body) VALUES (
                        (SELECT o.brand_id FROM slots o WHERE o.slot = i.cause_id >> 37), account,
                        'package.unissued', jsonb_build_object('cause', i.cause, 'cause_id', i.cause_id));
                END IF;
            END IF;
            s.account_id := account; s.id := i.id; s.n := i.n; s.digest := decode(i.digest, 'hex'); s.at := now();
            IF is_gathered THEN
                made := made || s;
            ELSE
                INSERT INTO scans SELECT s.*;
            END IF;
        END IF;
        call := i.call; place := i.place; kind := s.kind; status := s.status; reason := s.reason;
        programme_id := a.programme_id; version_id := a.version_id; product_id := a.product_id; base := a.base;
        receipt_id := CASE WHEN s.cause = 9 THEN s.cause_id END;
        gross := a.gross; amount := a.amount; matures_on := a.matures_on; expires_on := a.expires_on;
        RETURN NEXT;
    END LOOP;
    IF is_gathered THEN
        PERFORM programmes_earn(earned, days, caps);
        INSERT INTO events (brand_id, account_id, kind, body)
        SELECT brand, account, 'package.claimed', body
        FROM unnest(brands, owners, bodies) AS x (brand, account, body);
        INSERT INTO scans SELECT * FROM unnest(made);
    END IF;
    IF owed <> '{}' THEN
        PERFORM budgets_pay(owed, slice);
    END IF;
    IF wrong <> '{}' THEN
        PERFORM limit_count(key, seconds, times) FROM (
            SELECT w ->> 0 AS key, max((w ->> 2)::int) AS seconds, count(*)::int AS times
            FROM unnest(wrong) AS x (call)
            JOIN jsonb_to_recordset(p_calls) AS c (call int, windows jsonb) USING (call)
            CROSS JOIN jsonb_array_elements(c.windows) AS w
            WHERE w ->> 2 IS NOT NULL GROUP BY 1 ORDER BY 1) AS counts;
    END IF;
END $$;
