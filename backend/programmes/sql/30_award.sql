-- Awards, in three steps: award_headroom computes the amount that caps and budget leave, the accrual claims the cause (its
-- primary key awards a cause once), and programmes_earn writes to the ledger. programmes_award_v2 runs all three for a cause that
-- another account may have claimed; checkout_sell_v2 runs them for all its sales at once, whose causes are new.
-- The caller holds the account's advisory lock, so nothing else writes the account's rows (cap, wallet). The keys of a batch
-- come sorted. Budgets are paid once, after the last award, from the sums in `owed`: if a transaction held a budget slice while
-- it waited for the next key, two batches could deadlock.
-- Order of locks: account -> keys, for each its cap -> wallet -> lots; budget slices last. With p_later, caps and wallets are
-- written by programmes_earn behind all keys; until then `caps` is passed from award to award.

-- Consumes an amount of a campaign's budget: from the account's slice, or else from all slices in order. False: not enough.
CREATE OR REPLACE FUNCTION budget_take(p_campaign bigint, p_slice int, p_amount bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE s budget_slices; part bigint;
BEGIN
    UPDATE budget_slices SET remaining = remaining - p_amount
    WHERE campaign_id = p_campaign AND slice = p_slice AND remaining >= p_amount;
    IF FOUND THEN
        RETURN true;
    END IF;
    FOR s IN SELECT * FROM budget_slices WHERE campaign_id = p_campaign ORDER BY slice FOR UPDATE LOOP
        part := least(p_amount, s.remaining);
        UPDATE budget_slices SET remaining = remaining - part WHERE campaign_id = p_campaign AND slice = s.slice;
        p_amount := p_amount - part;
    END LOOP;
    RETURN p_amount = 0;
END $$;

-- Consumes the budgets of all awards of a transaction, in the order of the campaigns.
CREATE OR REPLACE FUNCTION budgets_pay(p_owed jsonb, p_slice int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE o record;
BEGIN
    FOR o IN SELECT key::bigint AS campaign, value::bigint AS amount FROM jsonb_each_text(p_owed) ORDER BY 1 LOOP
        IF NOT budget_take(o.campaign, p_slice, o.amount) THEN
            -- Another transaction consumed it since it was read: roll back, and the caller reads again.
            RAISE EXCEPTION 'budget spent' USING ERRCODE = 'SB010';
        END IF;
    END LOOP;
END $$;

-- The amount that counts against an agent's total cap in a campaign: the row of the last day, or the sum of the agent's
-- accruals in the campaign if the rule had no total cap before.
CREATE OR REPLACE FUNCTION programmes_total(p_account bigint, p_campaign bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT used FROM day_caps WHERE account_id = p_account AND campaign_id = p_campaign AND day = '9999-12-31'),
        (SELECT sum(a.amount)::bigint FROM accruals a JOIN campaign_versions v ON v.id = a.version_id
        WHERE a.account_id = p_account AND v.campaign_id = p_campaign), 0)
$$;

-- The amount that the agent's caps (total and per day) and the budget leave of an award. `caps` and `owed` hold the cap uses
-- and the budget consumption of this transaction; they are returned with this award added. Without an amount there is a
-- reason. `p_whole`: a cap leaves the whole amount or nothing; an amount above a whole cap is cut to it.
CREATE OR REPLACE FUNCTION award_headroom(
    p_account bigint, p_campaign bigint, p_gross bigint, p_day_cap bigint, p_budgeted boolean, p_today date,
    p_owed jsonb, p_caps jsonb, p_agent_cap bigint DEFAULT NULL, p_whole boolean DEFAULT false,
    OUT amount bigint, OUT reason text, OUT owed jsonb, OUT caps jsonb
) LANGUAGE plpgsql AS $$
DECLARE cap text; total_cap text; spent bigint; total bigint; owes bigint;
    needed bigint := CASE WHEN p_whole THEN least(p_gross, p_day_cap, p_agent_cap) ELSE 1 END;
BEGIN
    amount := p_gross; owed := p_owed; caps := p_caps;
    IF p_agent_cap IS NOT NULL THEN -- first, because this cap also holds on another day
        total_cap := concat_ws(' ', p_account, p_campaign, '9999-12-31');
        total := coalesce((caps ->> total_cap)::bigint, programmes_total(p_account, p_campaign));
        amount := least(amount, p_agent_cap - total);
        IF amount < needed THEN
            amount := NULL; reason := 'agent_cap';
            RETURN;
        END IF;
    END IF;
    IF p_day_cap IS NOT NULL THEN
        cap := concat_ws(' ', p_account, p_campaign, p_today);
        spent := (caps ->> cap)::bigint;
        IF spent IS NULL THEN
            spent := coalesce((SELECT used FROM day_caps
                WHERE account_id = p_account AND campaign_id = p_campaign AND day = p_today), 0);
        END IF;
        amount := least(amount, p_day_cap - spent);
        IF amount < needed THEN
            amount := NULL; reason := 'day_cap';
            RETURN;
        END IF;
    END IF;
    IF p_budgeted THEN
        owes := coalesce((owed ->> p_campaign::text)::bigint, 0) + amount;
        IF owes > (SELECT sum(remaining) FROM budget_slices WHERE campaign_id = p_campaign) THEN
            amount := NULL; reason := 'budget_spent';
            RETURN;
        END IF;
        owed := owed || jsonb_build_object(p_campaign::text, owes);
    END IF;
    IF cap IS NOT NULL THEN -- an award that the budget refuses does not count against caps
        caps := caps || jsonb_build_object(cap, spent + amount);
    END IF;
    IF total_cap IS NOT NULL THEN
        caps := caps || jsonb_build_object(total_cap, total + amount);
    END IF;
END $$;

-- Awards a cause. `p_later` leaves caps, wallet and budget to programmes_earn and budgets_pay. `p_whole`: see
-- award_headroom; for causes that can be claimed again. `p_today` is the day whose caps count, `p_booked_on` the day on which
-- the award is booked, if that is another.
CREATE OR REPLACE FUNCTION programmes_award_v2(
    p_account bigint, p_cause int, p_cause_id bigint, p_programme bigint, p_campaign bigint, p_version bigint,
    p_product bigint, p_base bigint, p_gross bigint, p_day_cap bigint, p_budgeted boolean,
    p_owed jsonb, p_today date, p_matures_on date, p_expires_on date, p_later boolean DEFAULT false,
    p_caps jsonb DEFAULT '{}', p_whole boolean DEFAULT false, p_booked_on date DEFAULT NULL,
    p_agent_cap bigint DEFAULT NULL,
    OUT status text, OUT reason text, OUT accrual accruals, OUT owed jsonb, OUT caps jsonb
) LANGUAGE plpgsql AS $$
DECLARE allowed record; booked_on date := coalesce(p_booked_on, p_today);
BEGIN
    allowed := award_headroom(p_account, p_campaign, p_gross, p_day_cap, p_budgeted, p_today, p_owed, p_caps, p_agent_cap,
        p_whole);
    owed := p_owed; caps := p_caps; reason := allowed.reason;
    IF allowed.amount IS NOT NULL THEN
        INSERT INTO accruals (cause, cause_id, account_id, programme_id, version_id, product_id, base, gross, amount,
            matures_on, expires_on)
        VALUES (p_cause, p_cause_id, p_account, p_programme, p_version, p_product, p_base, p_gross, allowed.amount,
            p_matures_on, p_expires_on)
        ON CONFLICT (cause, cause_id) DO NOTHING
        RETURNING * INTO accrual;
        IF FOUND THEN
            owed := allowed.owed; caps := allowed.caps;
            IF NOT p_later THEN
                PERFORM programmes_earn(ARRAY[accrual], jsonb_build_object(p_programme, booked_on), caps);
            END IF;
            status := CASE WHEN p_matures_on > booked_on THEN 'pending' ELSE 'credited' END;
            RETURN;
        END IF;
    END IF;
    -- That the cause is claimed already comes before a cap or budget as the reason.
    SELECT * INTO accrual FROM accruals WHERE cause = p_cause AND cause_id = p_cause_id;
    status := 'refused';
    IF accrual.account_id = p_account THEN
        status := 'repeated'; reason := NULL;
    ELSIF FOUND THEN
        reason := 'already_claimed'; accrual := NULL;
    END IF;
END $$;

-- Writes the accruals to the ledger, wallet by wallet. `p_days` maps programmes to today, `p_caps` holds the cap uses: written
-- once, because a row that every claim updates would have as many versions, and each read would pass them all.
CREATE OR REPLACE FUNCTION programmes_earn(p_claimed accruals[], p_days jsonb, p_caps jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE c record; opened wallets[] := '{}'; single accruals; today date;
BEGIN
    IF p_caps <> '{}' THEN
        INSERT INTO day_caps (account_id, campaign_id, day, used)
        SELECT split_part(key, ' ', 1)::bigint, split_part(key, ' ', 2)::bigint, split_part(key, ' ', 3)::date, value::bigint
        FROM jsonb_each_text(p_caps) ORDER BY 1, 2, 3
        ON CONFLICT (account_id, campaign_id, day) DO UPDATE SET used = excluded.used;
    END IF;
    IF cardinality(p_claimed) = 1 THEN -- costs a sixth less for a single accrual
        single := p_claimed[1]; today := (p_days ->> single.programme_id::text)::date;
        PERFORM ledger_earn(ledger_open(single.account_id, single.programme_id, today), single.amount, single.cause,
            single.cause_id, today, single.matures_on, single.expires_on);
        RETURN;
    END IF;
    FOR c IN SELECT account_id, programme_id FROM unnest(p_claimed) GROUP BY 1, 2 ORDER BY 1, 2 LOOP
        opened := opened || ledger_open(c.account_id, c.programme_id, (p_days ->> c.programme_id::text)::date);
    END LOOP;
    PERFORM ledger_earn_many(opened, array_agg(w.id ORDER BY i), array_agg(amount ORDER BY i), array_agg(cause ORDER BY i),
        array_agg(cause_id ORDER BY i), array_agg((p_days ->> programme_id::text)::date ORDER BY i),
        array_agg(matures_on ORDER BY i), array_agg(expires_on ORDER BY i))
    FROM (SELECT *, row_number() OVER () AS i FROM unnest(p_claimed)) AS a
    JOIN unnest(opened) AS w ON w.owner_id = a.account_id AND w.book_id = a.programme_id;
END $$;

-- Awards of campaigns that stack, on top of the main award of a cause. Each is an accrual of its own (cause 12), with the caps
-- and the budget of its campaign; where these leave nothing, it adds nothing.
CREATE OR REPLACE FUNCTION programmes_add(
    p_main accruals, p_additional jsonb, p_owed jsonb, p_caps jsonb, p_later boolean DEFAULT false,
    p_booked_on date DEFAULT NULL, OUT earned accruals[], OUT amount bigint, OUT owed jsonb, OUT caps jsonb
) LANGUAGE plpgsql AS $$
DECLARE x record; awarded record; award bigint;
BEGIN
    owed := p_owed; caps := p_caps; earned := '{}'; amount := 0;
    FOR x IN SELECT * FROM jsonb_to_recordset(p_additional) AS o (campaign bigint, version bigint, base bigint,
            gross bigint, day_cap bigint, agent_cap bigint, budgeted boolean, today date, matures_on date, expires_on date)
    LOOP
        award := nextval('additional_awards_id_seq');
        awarded := programmes_award_v2(p_main.account_id, 12, award, p_main.programme_id, x.campaign, x.version,
            p_main.product_id, x.base, x.gross, x.day_cap, x.budgeted, owed, x.today, x.matures_on, x.expires_on, p_later,
            caps, false, p_booked_on, x.agent_cap);
        owed := awarded.owed; caps := awarded.caps;
        IF awarded.status IN ('credited', 'pending') THEN
            INSERT INTO additional_awards (id, cause, cause_id, campaign_id, budgeted) OVERRIDING SYSTEM VALUE
            VALUES (award, p_main.cause, p_main.cause_id, x.campaign, x.budgeted);
            earned := earned || awarded.accrual; amount := amount + (awarded.accrual).amount;
        END IF;
    END LOOP;
END $$;

-- The additional awards of a cause as JSON; NULL if there are none.
CREATE OR REPLACE FUNCTION programmes_added(p_cause int, p_cause_id bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_agg(jsonb_build_object('campaign', x.campaign_id, 'version_id', a.version_id, 'base', a.base,
        'gross', a.gross, 'amount', a.amount, 'returned', x.returned, 'matures_on', a.matures_on,
        'expires_on', a.expires_on, 'waits', a.matures_on > (now() AT TIME ZONE g.timezone)::date) ORDER BY x.id)
    FROM additional_awards x JOIN accruals a ON a.cause = 12 AND a.cause_id = x.id
    JOIN programmes g ON g.id = a.programme_id
    WHERE x.cause = p_cause AND x.cause_id = p_cause_id
$$;
