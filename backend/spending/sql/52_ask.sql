-- An order as an agent requests it: its price, the reason why it is not placed, or `orders_place`. p_limits holds, by
-- tax nature and verification level, [the limit of a year, the limit of a day], null without a limit.

-- The price of a face value on a day, in the programme's minor units, rounded up; null: the programme has no rate.
CREATE OR REPLACE FUNCTION offers_price(f offers, p_currency text, p_nominal bigint, p_day date) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE rate bigint := 100;
BEGIN
    IF f.price IS NOT NULL THEN
        RETURN f.price;
    ELSIF p_currency <> 'RUB' THEN
        rate := (SELECT r.per_rouble FROM programme_rates r
            WHERE r.programme_id = f.programme_id AND r.start <= p_day ORDER BY r.start DESC LIMIT 1);
    END IF;
    -- Caps the price at what a wallet can hold. Without the CASE, least() would ignore a null rate and return the cap.
    RETURN CASE WHEN rate IS NOT NULL THEN least(ceil(p_nominal::numeric * rate / 100), 9223372036854775807) END;
END $$;

-- Places an order, or returns why not. A retry gets the first order, even if the reward has changed since. `pin`: the
-- account has a PIN, and it was not sent. SB012: the device has ended; SB020: too many orders of the account were
-- refused.
CREATE OR REPLACE FUNCTION orders_submit(
    p_account bigint, p_device bigint, p_key uuid, p_digest bytea, p_offer bigint, p_nominal bigint, p_now timestamptz,
    p_pin boolean, p_most int, p_year int, p_limits jsonb, p_reference text, p_place text, p_unit bigint, p_secret
    bytea, p_code bytea, p_expected bigint
) RETURNS TABLE (
    refusal text, changed boolean, year_used bigint, placed orders, name_ru text, name_en text, currency text, tax text,
    own_rung int
) LANGUAGE plpgsql ROWS 1 AS $$
#variable_conflict use_column
DECLARE
    f offers; g programmes; p record; unit accruals; price bigint; today date; most jsonb; waits int; nominal bigint;
    known boolean; refused text := 'orders:refused:' || p_account;
BEGIN
    SELECT * INTO f FROM offers x WHERE x.id = p_offer;
    SELECT * INTO g FROM programmes x WHERE x.id = f.programme_id;
    name_ru := f.name_ru; name_en := f.name_en; currency := g.currency; tax := f.tax;
    -- Read without a lock: a brand that lowers the level a moment later contradicts only itself.
    own_rung := coalesce((SELECT r.rung FROM rungs r WHERE r.account_id = p_account AND r.brand_id = f.brand_id), 0);
    nominal := coalesce(p_nominal, f.least);
    today := (p_now AT TIME ZONE g.timezone)::date;
    price := offers_price(f, g.currency, nominal, today);
    IF p_unit IS NOT NULL THEN
        unit := units_of_offer(p_account, p_unit, f, g.timezone, today);
    END IF;
    refusal := CASE
        WHEN NOT p_pin AND EXISTS (SELECT FROM accounts a WHERE a.id = p_account AND a.pin_hash IS NOT NULL) THEN 'pin'
        WHEN f.id IS NULL THEN 'unknown'
        WHEN f.archived_at IS NOT NULL OR f.starts_at > p_now OR f.ends_at <= p_now THEN 'not_offered'
        WHEN own_rung < f.rung THEN 'rung'
        WHEN nominal NOT BETWEEN f.least AND f.most OR (nominal - f.least) % f.step <> 0 THEN 'nominal'
        WHEN f.kind = 'invoice' AND p_reference = '' THEN 'reference'
        WHEN f.places <> '{}' AND (p_place = ANY (f.places)) IS NOT TRUE THEN 'place'
        WHEN unit.cause IS NULL AND coalesce(p_unit, f.extends_months) IS NOT NULL THEN 'unit'
        WHEN price IS NULL THEN 'rate'
        WHEN price <> p_expected THEN 'price' END;
    known := EXISTS (SELECT FROM orders o WHERE o.account_id = p_account AND o.key = p_key);
    IF refusal IN ('pin', 'unknown') OR refusal IS NOT NULL AND NOT known THEN
        PERFORM accounts_alive(p_account, p_device);
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT ceil(extract(epoch FROM c.ends_at - now())) INTO waits FROM counters c
    WHERE NOT known AND c.key = refused AND c.count >= p_most AND c.ends_at > now();
    IF waits IS NOT NULL THEN
        PERFORM accounts_alive(p_account, p_device);
        RAISE EXCEPTION 'too many refused orders' USING ERRCODE = 'SB020', DETAIL = waits::text;
    END IF;
    most := p_limits -> f.tax -> own_rung;
    SELECT * INTO p FROM orders_place(p_account, p_device, p_key, p_digest, f.id, nominal, coalesce(price, nominal),
    today,
        p_year, (most ->> 0)::bigint, (most ->> 1)::bigint, p_reference, p_place, p_secret, p_code,
        today + f.valid_days::int, unit);
    refusal := NULL; changed := p.changed; year_used := p.year_used; placed := p.placed;
    IF p.is_new AND placed.state = 'refused' THEN
        PERFORM limit_count(refused, 3600, 1);
    END IF;
    RETURN NEXT;
END $$;
