-- Windows of made-up codes. Each is an array: its key; how many stop the account (null: alarm only); for how many seconds
-- those of a scan count (null: counted elsewhere); how many stop an account younger than an hour (null: as many). The
-- account's own window comes first.

-- The number of made-up codes in a window that stops an account; null: no limit.
CREATE OR REPLACE FUNCTION scans_most(p_account bigint, p_window jsonb) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_window ->> 3 IS NOT NULL
            AND EXISTS (SELECT FROM accounts WHERE id = p_account AND created_at > now() - interval '1 hour')
        THEN (p_window ->> 3)::int ELSE (p_window ->> 1)::int END
$$;

-- For how many seconds made-up codes stop the account; null: not at all. Only the first four windows may stop it. A
-- network is shared: its counter stops only accounts that sent made-up codes themselves, so that one account cannot stop
-- all others behind the same operator's address.
CREATE OR REPLACE FUNCTION scans_wait_seconds(p_account bigint, p_windows jsonb) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    -- The usual case: no made-up codes.
    IF NOT EXISTS (SELECT FROM counters WHERE ends_at > now() AND key = ANY (ARRAY[
            p_windows #>> '{0,0}', p_windows #>> '{1,0}', p_windows #>> '{2,0}', p_windows #>> '{3,0}'])) THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT max(ceil(extract(epoch FROM c.ends_at - now())))::int
        FROM jsonb_array_elements(p_windows) AS w
        -- OFFSET 0: four reads by the key; a join of all would read the whole table.
        CROSS JOIN LATERAL (SELECT * FROM counters WHERE key = w ->> 0 OFFSET 0) AS c
        WHERE c.ends_at > now() AND c.count >= scans_most(p_account, w)
            AND (c.key NOT LIKE 'wrong:network:%'
                OR EXISTS (SELECT FROM counters own WHERE own.key = p_windows -> 0 ->> 0 AND own.ends_at > now())));
END $$;

-- How many more made-up codes, and how many more unknown texts, an account may send before it is limited.
-- A network limits no account before its first made-up code.
CREATE OR REPLACE FUNCTION scans_allowance(p_account bigint, p_windows jsonb, OUT wrong int, OUT missed int)
LANGUAGE sql STABLE AS $$
    WITH counted AS (
        SELECT w ->> 0 AS key, scans_most(p_account, w) - coalesce(c.count, 0) AS remaining, c.count IS NULL AS is_first
        FROM jsonb_array_elements(p_windows) AS w
        LEFT JOIN LATERAL (SELECT count FROM counters WHERE key = w ->> 0 AND ends_at > now() OFFSET 0) AS c ON true
        WHERE w ->> 1 IS NOT NULL)
    SELECT min(CASE WHEN key LIKE 'wrong:network:%' THEN greatest(remaining,
            (SELECT is_first::int FROM counted WHERE key LIKE 'wrong:account:%')) ELSE remaining END)
            FILTER (WHERE key LIKE 'wrong:%'),
        min(remaining) FILTER (WHERE key LIKE 'missed:%')
    FROM counted
$$;

-- The places in a queue (or among the codes of a picture) that get `too_many`, once the made-up codes before them fill a
-- window: as if each had been sent by itself. They include known codes, otherwise a queue would be two hundred guesses; but
-- not in a queue with at least as many known codes as made-up ones, which is not guessing.
CREATE OR REPLACE FUNCTION scans_barred(p_account bigint, p_windows jsonb, p_items jsonb) RETURNS int[]
LANGUAGE sql STABLE AS $$
    WITH items AS (
        SELECT place, x.kind = 'package' AND x.reason = 'unknown_code' AS is_wrong,
            coalesce(x.reason IN ('unknown', 'unlisted', 'serial_unclear'), false) AS is_missed, x.cause IS NOT NULL AS is_known
        FROM jsonb_to_recordset(p_items)
            AS x (place int, id uuid, n int, kind text, status text, reason text, cause int)
        WHERE x.status IS NULL AND x.kind <> 'receipt' AND NOT EXISTS (
            SELECT FROM scans o WHERE o.account_id = p_account AND o.id = x.id AND o.n = x.n)),
    walked AS (
        SELECT place, is_wrong, is_missed, is_known,
            count(*) FILTER (WHERE is_wrong) OVER before AS wrong_before,
            count(*) FILTER (WHERE is_missed) OVER before AS missed_before,
            count(*) FILTER (WHERE is_known) OVER () >= count(*) FILTER (WHERE is_wrong OR is_missed) OVER () AS is_honest
        FROM items WINDOW before AS (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
    SELECT coalesce(array_agg(place), '{}') FROM walked, scans_allowance(p_account, p_windows) AS a
    WHERE (wrong_before >= a.wrong OR missed_before >= a.missed)
        AND (is_wrong OR is_missed OR is_known AND NOT is_honest)
$$;

-- Admits the scans of an account: counts them in the window of a minute and locks the account. Refused scans are not
-- counted. SB012: the device or the account has ended. SB020: too many scans, or too many made-up codes.
CREATE OR REPLACE FUNCTION scans_admit(
    p_account bigint, p_device bigint, p_per_minute int, p_windows jsonb, p_count int, OUT fault text, OUT wait int
) LANGUAGE plpgsql AS $$
DECLARE counted record;
BEGIN
    counted := limit_count('scans:' || p_account, 60, p_count);
    wait := CASE WHEN counted.total > p_per_minute THEN counted.wait ELSE scans_wait_seconds(p_account, p_windows) END;
    IF wait IS NOT NULL THEN
        fault := 'SB020';
    ELSE
        PERFORM lock_account(p_account);
        fault := CASE WHEN NOT accounts_is_alive(p_account, p_device) THEN 'SB012' END;
    END IF;
    IF fault IS NOT NULL THEN
        PERFORM limit_count('scans:' || p_account, 60, -p_count);
    END IF;
END $$;

-- Finds codes that are not in the cache of the process; reads only. SB012, SB020: as in scans_admit, with the seconds to
-- wait.
CREATE OR REPLACE FUNCTION scans_look(p_account bigint, p_device bigint, p_windows jsonb, p_items jsonb) RETURNS TABLE (
    n int, cause int, cause_id bigint, reason text, brand_id bigint, programme_id bigint, rules_version bigint,
    product_id bigint, price bigint, first_serial bigint, last_serial bigint
) LANGUAGE plpgsql AS $$
DECLARE wait int := scans_wait_seconds(p_account, p_windows);
BEGIN
    PERFORM accounts_alive(p_account, p_device);
    IF wait IS NOT NULL THEN
        RAISE EXCEPTION 'too many made-up codes' USING ERRCODE = 'SB020', DETAIL = wait::text;
    END IF;
    -- An unknown text may be a promo code: reason `promo`.
    RETURN QUERY SELECT f.n, f.cause, f.cause_id,
        CASE WHEN f.reason = 'unknown_code' AND EXISTS (SELECT FROM promo_codes p WHERE p.code = x.word) THEN 'promo'
            ELSE f.reason END,
        f.brand_id, f.programme_id, f.rules_version, f.product_id, f.price, f.first_serial, f.last_serial
    FROM packages_find(p_items) AS f
    LEFT JOIN jsonb_to_recordset(p_items) AS x (n int, word text) ON x.n = f.n;
END $$;

-- Records scans and credits them, calls of one or several accounts in one transaction. `p_calls` has the account, device and
-- limits of each call (see scans_admit), in the order of arrival; `p_items` the scans of all calls. A call that is not
-- admitted gets its fault, the others continue. A repeated id gets its first outcome; `changed`: its body was another one.
-- SB010, SB011: a concurrent transaction spent the budget or changed the rules; nothing was written. 55P03: a lock was not
-- free within the short time-out of a batch (the boolean parameter).
--
-- Order of locks, to prevent deadlocks: of each account its counter and its lock, then all items in the order of their keys,
-- then wallets, budgets, and the counters of made-up codes. The rows of several items are gathered and written at once,
-- which costs half as much; but not if an id occurs twice, since the second must find the row of the first. Then wallets
-- are locked between keys, which is safe: only a transaction that holds the lock of the account waits for them.
CREATE OR REPLACE FUNCTION scans_record_v2(p_calls jsonb, p_items jsonb, p_hurry boolean) RETURNS TABLE (
    call int, fault text, wait int, place int, changed boolean, replayed boolean, kind text, status text, reason text,
    programme_id bigint, version_id bigint, product_id bigint, base bigint, gross bigint, amount bigint,
    matures_on date, expires_on date, receipt_id bigint, additional jsonb
) LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    c record; i record; s scans; r ranges; won record; added record; a accruals; admitted record; slice int;
    stopped int[] := '{}'; wrong int[] := '{}'; owed jsonb := '{}'; days jsonb := '{}'; made scans[]; earned accruals[];
    brands bigint[]; bodies jsonb[]; body jsonb; barred int[] := '{}'; whose bigint[] := '{}'; account bigint; owners bigint[];
    is_gathered boolean := jsonb_array_length(p_items) > 1; are_new boolean := false; caps jsonb := '{}';
BEGIN
    IF p_hurry THEN
        PERFORM set_config('lock_timeout', '200ms', true);
    END IF;
    FOR c IN
        SELECT * FROM jsonb_to_recordset(p_calls)
            AS x (call int, account bigint, device bigint, per_minute int, windows jsonb, scans int, made_up int)
        ORDER BY x.account % 2147483647, x.account, x.call
    LOOP
        admitted := scans_admit(c.account, c.device, c.per_minute, c.windows, c.scans);
        IF admitted.fault IS NULL THEN
            whose[c.call] := c.account; slice := c.account % 16;
            -- Only a queue or a picture has several codes, and is never batched with other calls.
            IF c.made_up > 0 AND c.scans > 1 THEN
                barred := scans_barred(c.account, c.windows, p_items);
            END IF;
        ELSE
            call := c.call; fault := admitted.fault; wait := admitted.wait; stopped := stopped || c.call;
            RETURN NEXT;
        END IF;
    END LOOP;
    fault := NULL; wait := NULL;
    IF is_gathered THEN
        SELECT count(*) = count(DISTINCT (whose[x.call], x.id, x.n)) INTO is_gathered
        FROM jsonb_to_recordset(p_items) AS x (call int, id uuid, n int) WHERE x.call <> ALL (stopped);
        -- The locks of the accounts exclude concurrent scans.
        are_new := is_gathered AND NOT EXISTS (
            SELECT FROM jsonb_to_recordset(p_items) AS x (call int, id uuid, n int)
            JOIN scans o ON o.account_id = whose[x.call] AND o.id = x.id AND o.n = x.n);
    END IF;
    FOR i IN SELECT * FROM jsonb_to_recordset(p_items) AS x (
            call int, place int, id uuid, n int, digest text, kind text, status text, reason text,
            cause int, cause_id bigint, slot int, serial bigint, brand bigint, programme bigint, rules_version bigint,
            campaign bigint, version bigint, product bigint, base bigint, gross bigint, day_cap bigint,
            agent_cap bigint, budgeted boolean, today date, booked_on date, matures_on date, expires_on date, signal jsonb,
            is_picture boolean, additional jsonb)
        WHERE x.call <> ALL (stopped)
        ORDER BY x.cause, x.cause_id, x.call, x.id, x.n, x.place
    LOOP
        a := NULL; additional := NULL; changed := false; replayed := true; account := whose[i.call];
        IF NOT are_new THEN
            SELECT * INTO s FROM scans o WHERE o.account_id = account AND o.id = i.id AND o.n = i.n;
        END IF;
        IF NOT are_new AND FOUND THEN
            changed := s.digest <> decode(i.digest, 'hex');
            IF s.status <> 'refused' THEN
                SELECT * INTO a FROM accruals o WHERE o.cause = s.cause AND o.cause_id = s.cause_id;
                additional := programmes_added(a.cause, a.cause_id);
            END IF;
        ELSIF i.place = ANY (barred) AND NOT i.is_picture IS TRUE THEN
            -- It is not recorded: the same id may be sent again when the window is over.
            call := i.call; place := i.place; replayed := false; kind := i.kind; status := 'refused';
            reason := 'too_many'; programme_id := NULL; version_id := NULL; product_id := NULL; base := NULL;
            gross := NULL; amount := NULL; matures_on := NULL; expires_on := NULL; receipt_id := NULL;
            RETURN NEXT;
            CONTINUE;
        ELSE
            replayed := false;
            IF i.place = ANY (barred) THEN
                i.reason := 'too_many'; i.cause := NULL; i.cause_id := NULL;
            END IF;
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
                NULL; -- A receipt: it is decided later, by its own functions.
            ELSIF s.reason IS NULL THEN
                won := programmes_award_v2(account, i.cause, i.cause_id, i.programme, i.campaign,
                    i.version, i.product, i.base, i.gross, i.day_cap, i.budgeted, owed, i.today, i.matures_on,
                    i.expires_on, is_gathered, caps, true, i.booked_on, i.agent_cap);
                s.status := won.status; s.reason := won.reason; a := won.accrual; owed := won.owed;
                caps := won.caps;
                IF s.status = 'repeated' THEN
                    additional := programmes_added(a.cause, a.cause_id);
                END IF;
                IF s.status IN ('credited', 'pending') THEN
                    IF i.signal IS NOT NULL THEN -- rare, so it is not gathered
                        INSERT INTO scan_signals (brand_id, account_id, cause, cause_id, rule, version, shadow, inputs)
                        VALUES (i.brand, account, i.cause, i.cause_id, i.signal ->> 'rule', (i.signal ->> 'version')::int,
                            (i.signal ->> 'shadow')::boolean, i.signal -> 'inputs');
                    END IF;
                    body := jsonb_build_object('cause', i.cause, 'cause_id', i.cause_id, 'amount', a.amount);
                    IF i.additional IS NOT NULL THEN
                        added := programmes_add(a, i.additional, owed, caps, is_gathered, i.booked_on);
                        owed := added.owed; caps := added.caps; earned := earned || added.earned;
                        additional := programmes_added(a.cause, a.cause_id);
                        body := body || jsonb_build_object('amount', a.amount + added.amount);
                    END IF;
                    IF is_gathered THEN
                        earned := earned || a; brands := brands || i.brand; bodies := bodies || body;
                        owners := owners || account;
                        IF (days ->> i.programme::text)::date >= coalesce(i.booked_on, i.today) IS NOT TRUE THEN
                            days := days || jsonb_build_object(i.programme::text, coalesce(i.booked_on, i.today));
                        END IF;
                    ELSE
                        INSERT INTO events (brand_id, account_id, kind, body)
                        VALUES (i.brand, account, 'package.claimed', body);
                    END IF;
                ELSIF s.reason = 'already_claimed' THEN
                    -- The code was credited before: the brand gets an event, and finds the attempt by the code.
                    INSERT INTO events (brand_id, account_id, kind, body) VALUES (i.brand, account,
                        'package.already_claimed', jsonb_build_object('cause', i.cause, 'cause_id', i.cause_id));
                END IF;
            ELSIF i.cause IS NOT NULL THEN
                -- An agent who claimed it while it was active still gets `repeated`.
                SELECT * INTO a FROM accruals o
                WHERE o.cause = i.cause AND o.cause_id = i.cause_id AND o.account_id = account;
                IF FOUND THEN
                    s.status := 'repeated'; s.reason := NULL; additional := programmes_added(a.cause, a.cause_id);
                END IF;
            END IF;
            IF s.kind = 'package' AND s.reason = 'unknown_code' THEN
                wrong := wrong || i.call;
                IF i.cause IS NOT NULL THEN
                    -- It deciphers, but was never issued: a lucky guess, or the key has leaked.
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
