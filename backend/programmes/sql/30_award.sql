-- The one door to money, in three steps: programmes_room says how much, the accrual is the claim - its primary key pays a
-- cause once in the world - and programmes_earn pays. programmes_award takes all three for a claim that others may have made;
-- checkout_sell takes them for all its sales at once, whose causes are new.
-- The caller holds the account's advisory lock, so an account's own rows (cap, wallet) are never fought over; keys of
-- a batch come sorted. What budgets owe is gathered in `owed` and paid once, after the last award: a slice that is
-- held while the next key is waited for would let two batches block each other.
-- Order of locks: account -> keys, and of each its cap -> wallet -> lots; budget slices last. What is earned later (p_later,
-- programmes_earn) has its caps and wallets behind all keys; until then `caps` is handed on from award to award.

-- Takes an amount from a campaign's budget: from the wallet's own slice, or else from several in order. False: spent.
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

-- Takes what several awards of one transaction owe, campaign by campaign.
CREATE OR REPLACE FUNCTION budgets_pay(p_owed jsonb, p_slice int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE o record;
BEGIN
    FOR o IN SELECT key::bigint AS campaign, value::bigint AS amount FROM jsonb_each_text(p_owed) ORDER BY 1 LOOP
        IF NOT budget_take(o.campaign, p_slice, o.amount) THEN
            -- Others took the last of it since we looked: undo everything, the caller looks again.
            RAISE EXCEPTION 'budget spent' USING ERRCODE = 'SB010';
        END IF;
    END LOOP;
END $$;

-- What a day's cap and a budget leave of a bonus beside what this transaction has earned by now: `caps` says what counts
-- against days, `owed` what budgets owe, both with this bonus in the answer. No amount: there is a reason.
CREATE OR REPLACE FUNCTION programmes_room(
    p_account bigint, p_campaign bigint, p_gross bigint, p_day_cap bigint, p_budgeted boolean, p_today date,
    p_owed jsonb, p_caps jsonb, OUT amount bigint, OUT reason text, OUT owed jsonb, OUT caps jsonb
) LANGUAGE plpgsql AS $$
DECLARE cap text; spent bigint; owes bigint;
BEGIN
    amount := p_gross; owed := p_owed; caps := p_caps;
    IF p_day_cap IS NOT NULL THEN
        cap := concat_ws(' ', p_account, p_campaign, p_today);
        spent := (caps ->> cap)::bigint;
        IF spent IS NULL THEN
            spent := coalesce((SELECT used FROM day_caps
                WHERE account_id = p_account AND campaign_id = p_campaign AND day = p_today), 0);
        END IF;
        amount := least(p_gross, p_day_cap - spent);
        IF amount <= 0 THEN
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
    IF cap IS NOT NULL THEN -- what a budget refuses counts against no day
        caps := caps || jsonb_build_object(cap, spent + amount);
    END IF;
END $$;

-- Pays a cause: `p_later` leaves caps, wallet and budget to programmes_earn and budgets_pay.
CREATE OR REPLACE FUNCTION programmes_award(
    p_account bigint, p_cause int, p_cause_id bigint, p_programme bigint, p_campaign bigint, p_version bigint,
    p_product bigint, p_base bigint, p_gross bigint, p_day_cap bigint, p_budgeted boolean,
    p_owed jsonb, p_today date, p_matures_on date, p_expires_on date, p_later boolean DEFAULT false,
    p_caps jsonb DEFAULT '{}',
    OUT status text, OUT reason text, OUT accrual accruals, OUT owed jsonb, OUT caps jsonb
) LANGUAGE plpgsql AS $$
DECLARE room record;
BEGIN
    room := programmes_room(p_account, p_campaign, p_gross, p_day_cap, p_budgeted, p_today, p_owed, p_caps);
    owed := p_owed; caps := p_caps; reason := room.reason;
    IF room.amount IS NOT NULL THEN
        INSERT INTO accruals (cause, cause_id, account_id, programme_id, version_id, product_id, base, gross, amount,
            matures_on, expires_on)
        VALUES (p_cause, p_cause_id, p_account, p_programme, p_version, p_product, p_base, p_gross, room.amount,
            p_matures_on, p_expires_on)
        ON CONFLICT (cause, cause_id) DO NOTHING
        RETURNING * INTO accrual;
        IF FOUND THEN
            owed := room.owed; caps := room.caps;
            IF NOT p_later THEN
                PERFORM programmes_earn(ARRAY[accrual], jsonb_build_object(p_programme, p_today), caps);
            END IF;
            status := CASE WHEN p_matures_on > p_today THEN 'pending' ELSE 'credited' END;
            RETURN;
        END IF;
    END IF;
    -- Whose it is already says more than what there is no room for.
    SELECT * INTO accrual FROM accruals WHERE cause = p_cause AND cause_id = p_cause_id;
    status := 'refused';
    IF accrual.account_id = p_account THEN
        status := 'repeated'; reason := NULL;
    ELSIF FOUND THEN
        reason := 'already_claimed'; accrual := NULL;
    END IF;
END $$;

-- Earns what was claimed, wallet by wallet; `p_days` tells today by the programme, `p_caps` what counts against an agent's
-- day by then: one row would have as many versions as claims, and each look would pass them all.
CREATE OR REPLACE FUNCTION programmes_earn(p_claimed accruals[], p_days jsonb, p_caps jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE c record; opened wallets[] := '{}'; one accruals; today date;
BEGIN
    IF p_caps <> '{}' THEN
        INSERT INTO day_caps (account_id, campaign_id, day, used)
        SELECT split_part(key, ' ', 1)::bigint, split_part(key, ' ', 2)::bigint, split_part(key, ' ', 3)::date, value::bigint
        FROM jsonb_each_text(p_caps) ORDER BY 1, 2, 3
        ON CONFLICT (account_id, campaign_id, day) DO UPDATE SET used = excluded.used;
    END IF;
    IF cardinality(p_claimed) = 1 THEN -- a single claim costs a sixth less so
        one := p_claimed[1]; today := (p_days ->> one.programme_id::text)::date;
        PERFORM ledger_earn(ledger_open(one.account_id, one.programme_id, today), one.amount, one.cause, one.cause_id,
            today, one.matures_on, one.expires_on);
        RETURN;
    END IF;
    FOR c IN SELECT account_id, programme_id FROM unnest(p_claimed) GROUP BY 1, 2 ORDER BY 1, 2 LOOP
        opened := opened || ledger_open(c.account_id, c.programme_id, (p_days ->> c.programme_id::text)::date);
    END LOOP;
    PERFORM ledger_earn_many(opened, array_agg(w.id ORDER BY n), array_agg(amount ORDER BY n), array_agg(cause ORDER BY n),
        array_agg(cause_id ORDER BY n), array_agg((p_days ->> programme_id::text)::date ORDER BY n),
        array_agg(matures_on ORDER BY n), array_agg(expires_on ORDER BY n))
    FROM (SELECT *, row_number() OVER () AS n FROM unnest(p_claimed)) AS a
    JOIN unnest(opened) AS w ON w.owner_id = a.account_id AND w.book_id = a.programme_id;
END $$;
