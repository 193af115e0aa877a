-- The one door to money. Pays a cause once in the world: the accrual's primary key is the claim itself.
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

CREATE OR REPLACE FUNCTION programmes_award(
    p_account bigint, p_cause int, p_cause_id bigint, p_programme bigint, p_campaign bigint, p_version bigint,
    p_product bigint, p_base bigint, p_gross bigint, p_day_cap bigint, p_budgeted boolean,
    p_owed jsonb, p_today date, p_matures_on date, p_expires_on date, p_later boolean DEFAULT false,
    p_caps jsonb DEFAULT '{}',
    OUT status text, OUT reason text, OUT accrual accruals, OUT owed jsonb, OUT caps jsonb
) LANGUAGE plpgsql AS $$
DECLARE cap text; w wallets; capped bigint := p_gross; spent bigint; owes bigint := coalesce((p_owed ->> p_campaign::text)::bigint, 0);
BEGIN
    owed := p_owed; caps := p_caps;
    IF p_day_cap IS NOT NULL THEN
        cap := concat_ws(' ', p_account, p_campaign, p_today);
        spent := (caps ->> cap)::bigint;
        IF spent IS NULL THEN
            SELECT used INTO spent FROM day_caps
            WHERE account_id = p_account AND campaign_id = p_campaign AND day = p_today;
        END IF;
        capped := least(p_gross, p_day_cap - coalesce(spent, 0));
    END IF;
    IF capped <= 0 THEN
        reason := 'day_cap';
    ELSIF p_budgeted AND owes + capped > (SELECT sum(remaining) FROM budget_slices WHERE campaign_id = p_campaign) THEN
        reason := 'budget_spent';
    ELSE
        INSERT INTO accruals (cause, cause_id, account_id, programme_id, version_id, product_id, base, gross, amount,
            matures_on, expires_on)
        VALUES (p_cause, p_cause_id, p_account, p_programme, p_version, p_product, p_base, p_gross, capped,
            p_matures_on, p_expires_on)
        ON CONFLICT (cause, cause_id) DO NOTHING
        RETURNING * INTO accrual;
        IF FOUND THEN
            IF p_day_cap IS NOT NULL AND p_later THEN
                caps := caps || jsonb_build_object(cap, coalesce(spent, 0) + capped);
            ELSIF p_day_cap IS NOT NULL THEN
                INSERT INTO day_caps AS d (account_id, campaign_id, day, used)
                VALUES (p_account, p_campaign, p_today, capped)
                ON CONFLICT (account_id, campaign_id, day) DO UPDATE SET used = d.used + excluded.used;
            END IF;
            IF p_budgeted THEN
                owed := p_owed || jsonb_build_object(p_campaign::text, owes + capped);
            END IF;
            IF NOT p_later THEN
                w := ledger_earn(ledger_open(p_account, p_programme, p_today), capped, p_cause, p_cause_id, p_today,
                    p_matures_on, p_expires_on);
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

-- Earns what was claimed to be earned later, wallet by wallet; `p_days` tells today by the programme, `p_caps` what counts
-- against an agent's day by then: one row would have as many versions as claims, and each look would pass them all.
CREATE OR REPLACE FUNCTION programmes_earn(p_claimed accruals[], p_days jsonb, p_caps jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE c record; w wallets; today date;
BEGIN
    INSERT INTO day_caps (account_id, campaign_id, day, used)
    SELECT split_part(key, ' ', 1)::bigint, split_part(key, ' ', 2)::bigint, split_part(key, ' ', 3)::date, value::bigint
    FROM jsonb_each_text(p_caps) ORDER BY 1, 2, 3
    ON CONFLICT (account_id, campaign_id, day) DO UPDATE SET used = excluded.used;
    FOR c IN
        SELECT account_id, programme_id, array_agg(amount ORDER BY ordinality) AS amounts,
            array_agg(cause ORDER BY ordinality) AS causes, array_agg(cause_id ORDER BY ordinality) AS cause_ids,
            array_agg(matures_on ORDER BY ordinality) AS matures_on, array_agg(expires_on ORDER BY ordinality) AS expires_on
        FROM unnest(p_claimed) WITH ORDINALITY GROUP BY 1, 2 ORDER BY 1, 2
    LOOP
        today := (p_days ->> c.programme_id::text)::date;
        w := ledger_earn_many(ledger_open(c.account_id, c.programme_id, today), c.amounts, c.causes, c.cause_ids, today,
            c.matures_on, c.expires_on);
    END LOOP;
END $$;
