-- Orders: cause 8. The price is held first. What we can deliver ourselves is delivered and settled in the same
-- statement; anything else waits in the order's row for fulfilment. Order of locks: the account -> the wallet and its
-- lots -> the reward's stock count -> a code in stock.

-- Adds to the yearly sum of an agent, payer and tax nature and returns it; above p_most nothing is added: null.
CREATE OR REPLACE FUNCTION orders_count_year(
    p_account bigint, p_brand bigint, p_year int, p_tax text, p_amount bigint, p_most bigint
) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO yearly_sums AS y (account_id, brand_id, year, tax, amount)
    SELECT p_account, p_brand, p_year, p_tax, p_amount WHERE p_most IS NULL OR p_amount <= p_most
    ON CONFLICT (account_id, brand_id, year, tax) DO UPDATE SET amount = y.amount + p_amount
        WHERE p_most IS NULL OR y.amount + p_amount <= p_most
    RETURNING amount
$$;

-- The accounts of one person, ordered by id: those for which the brand has confirmed the same tax number.
CREATE OR REPLACE FUNCTION orders_persons_accounts(p_account bigint, p_brand bigint) RETURNS bigint[]
LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(o.account_id ORDER BY o.account_id), ARRAY[p_account])
    FROM rungs r JOIN rungs o ON o.brand_id = r.brand_id AND o.inn_digest = r.inn_digest AND o.rung > 0
    WHERE r.account_id = p_account AND r.brand_id = p_brand AND r.rung > 0
$$;

-- The sum that the person of an account received from a payer under one tax nature in a year.
CREATE OR REPLACE FUNCTION orders_year_used(p_account bigint, p_brand bigint, p_year int, p_tax text) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT sum(y.amount)::bigint FROM yearly_sums y
    WHERE y.account_id = ANY (orders_persons_accounts(p_account, p_brand)) AND y.brand_id = p_brand AND y.year = p_year
        AND y.tax = p_tax
$$;

-- Why an order waits for staff at a legal limit, or null; then it is counted in the year. Orders of a day are one gift
-- and the accounts of one person are one, so splitting does not avoid a limit. The caller holds the account's lock; the
-- order has no row yet. The lock on the person comes after all locks that other orders may wait for.
CREATE OR REPLACE FUNCTION orders_waits(o orders, p_tax text, p_year int, p_year_most bigint, p_order_most bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE mine bigint[] := ARRAY[o.account_id]; elsewhere bigint := 0; today bigint := 0; large boolean; counted bigint;
BEGIN
    IF p_year_most IS NOT NULL OR p_order_most IS NOT NULL THEN
        mine := orders_persons_accounts(o.account_id, o.brand_id);
    END IF;
    IF cardinality(mine) > 1 THEN
        PERFORM pg_advisory_xact_lock(20316, (mine[1] % 2147483647)::int);
        SELECT coalesce(sum(y.amount), 0) INTO elsewhere FROM yearly_sums y
        WHERE y.account_id = ANY (mine) AND y.account_id <> o.account_id AND y.brand_id = o.brand_id AND y.year = p_year
            AND y.tax = p_tax;
    END IF;
    IF p_order_most IS NOT NULL THEN
        SELECT coalesce(sum(r.nominal), 0) INTO today FROM orders r JOIN offers f ON f.id = r.offer_id
        WHERE r.account_id = ANY (mine) AND r.brand_id = o.brand_id AND f.tax = p_tax
            AND r.state <> 'refused' AND r.placed_at > now() - interval '1 day';
    END IF;
    large := o.nominal + today > p_order_most;
    IF large THEN
        counted := (SELECT y.amount FROM yearly_sums y WHERE y.account_id = o.account_id
            AND y.brand_id = o.brand_id AND y.year = p_year AND y.tax = p_tax);
        RETURN CASE WHEN o.nominal + coalesce(counted, 0) + elsewhere > p_year_most THEN 'year_limit'
            ELSE 'written_form' END;
    ELSIF orders_count_year(o.account_id, o.brand_id, p_year, p_tax, o.nominal, p_year_most - elsewhere) IS NULL THEN
        RETURN 'year_limit';
    END IF;
    RETURN NULL;
END $$;

-- The year in which an order counts: the year in which it was placed, in the payer's time zone.
CREATE OR REPLACE FUNCTION orders_year(o orders) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT extract(year FROM o.placed_at AT TIME ZONE 'Europe/Moscow')::int
$$;

-- The yearly sum for an order that is returned to its owner; if the response has a code, the reveal is recorded.
CREATE OR REPLACE FUNCTION orders_shown(o orders, p_tax text, p_device bigint, OUT year_used bigint)
LANGUAGE plpgsql AS $$
BEGIN
    year_used := orders_year_used(o.account_id, o.brand_id, orders_year(o), p_tax);
    IF o.state = 'done' AND o.secret IS NOT NULL AND o.supplier_name <> 'instant' AND NOT accounts_is_held(o.account_id)
    THEN
        INSERT INTO reveals (order_id, device_id) VALUES (o.id, p_device);
    END IF;
END $$;

-- The body of an order's event.
CREATE OR REPLACE FUNCTION orders_told(o orders, f offers) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('order', o.id, 'offer', f.key, 'nominal', o.nominal, 'price', o.price,
        'reference', nullif(o.reference, ''), 'defers_days', o.defers_days))
$$;

-- Places an order. A key that was used before returns its first order (`changed`: it had another body). A refused order
-- has a row as well, so that a retry gets the same response: `poor`, `sold_out`, `spending_held`. Above a legal limit
-- the order is held and waits for staff: `year_limit`, `written_form`. SB012: the device has ended.
--
-- Everything is decided before the insert, so that the row is written once.
CREATE OR REPLACE FUNCTION orders_place(
    p_account bigint, p_device bigint, p_key uuid, p_digest bytea, p_offer bigint, p_nominal bigint, p_price bigint,
    p_today date, p_year int, p_year_most bigint, p_order_most bigint, p_reference text, p_place text, p_secret bytea,
    p_code bytea, p_valid_until date, p_unit accruals DEFAULT NULL
) RETURNS TABLE (is_new boolean, changed boolean, year_used bigint, placed orders) LANGUAGE plpgsql ROWS 1 AS $$
#variable_conflict use_column
DECLARE o orders; f offers; w wallets; taken stock_codes; why text; gives boolean;
BEGIN
    PERFORM lock_account(p_account);
    PERFORM accounts_alive(p_account, p_device);
    SELECT * INTO f FROM offers x WHERE x.id = p_offer;
    SELECT * INTO o FROM orders r WHERE r.account_id = p_account AND r.key = p_key;
    IF FOUND THEN
        RETURN QUERY SELECT false, o.digest <> p_digest,
            CASE WHEN o.digest = p_digest THEN orders_shown(o, f.tax, p_device) END, o;
        RETURN;
    END IF;
    w := ledger_open(p_account, f.programme_id, p_today);
    IF EXISTS (SELECT FROM accounts a WHERE a.id = p_account AND a.spending_held_until > now()) THEN
        why := 'spending_held';
    ELSIF w.available < p_price THEN
        why := 'poor';
    END IF;
    IF why IS NULL AND f.stock IS NOT NULL THEN
        UPDATE offers x SET stock = stock - 1 WHERE x.id = f.id AND stock > 0;
        IF NOT FOUND THEN
            why := 'sold_out';
        END IF;
    END IF;
    IF why IS NULL AND f.fulfilment = 'stock' THEN
        SELECT * INTO taken FROM stock_codes s
        WHERE s.offer_id = f.id AND s.nominal = p_nominal AND s.order_id IS NULL
            AND (s.valid_until IS NULL OR s.valid_until > p_today)
        ORDER BY s.id FOR UPDATE SKIP LOCKED LIMIT 1;
        IF NOT FOUND THEN
            why := 'sold_out';
        END IF;
    END IF;
    o.account_id := p_account; o.brand_id := f.brand_id; o.nominal := p_nominal;
    IF why IS NOT NULL THEN
        o.state := 'refused';
    ELSE
        why := orders_waits(o, f.tax, p_year, p_year_most, p_order_most);
        gives := why IS NULL AND f.fulfilment IN ('stock', 'own', 'instant');
        o.state := CASE WHEN gives THEN 'done' ELSE 'held' END;
    END IF;
    -- An order that waits at a limit reserves its code and its unit until staff decide.
    INSERT INTO orders AS r (account_id, key, digest, brand_id, programme_id, offer_id, nominal, price, state, reason,
        reference, place, delivery, done_at, for_person, due_at, supplier_name, secret, valid_until,
        unit_cause, unit_cause_id, extends_months, defers_days)
    VALUES (p_account, p_key, p_digest, f.brand_id, f.programme_id, f.id, p_nominal, p_price, o.state, why,
        p_reference, p_place, CASE WHEN f.kind = 'goods' THEN 'ordered' END,
        CASE WHEN o.state <> 'held' THEN now() END,
        o.state = 'held' AND (why IS NOT NULL OR f.fulfilment = 'person'),
        CASE WHEN o.state = 'held' AND why IS NULL AND f.fulfilment = 'supplier' THEN now() END,
        CASE WHEN gives THEN f.fulfilment END,
        coalesce(taken.sealed, CASE WHEN gives AND f.fulfilment = 'own' THEN p_secret END), coalesce(taken.valid_until,
        p_valid_until), p_unit.cause, p_unit.cause_id, CASE WHEN p_unit.cause IS NOT NULL THEN f.extends_months END,
        f.defers_days)
    RETURNING * INTO o;
    IF o.state <> 'refused' THEN
        w := ledger_hold(w, p_price, 8, o.id);
        IF gives THEN
            w := ledger_settle(w, p_price, 8, o.id, 0);
        END IF;
        IF taken.id IS NOT NULL THEN
            UPDATE stock_codes c SET order_id = o.id WHERE c.id = taken.id;
            PERFORM offers_stock_low(f.id, p_nominal);
        ELSIF gives AND f.fulfilment = 'own' THEN
            INSERT INTO certificates (brand_id, order_id, digest, single, nominal, balance, valid_until)
            VALUES (f.brand_id, o.id, p_code, f.kind = 'discount', p_nominal, p_nominal, p_valid_until);
        END IF;
        INSERT INTO events (brand_id, account_id, kind, body) VALUES (f.brand_id, p_account, 'order.' || o.state,
            orders_told(o, f));
    END IF;
    RETURN QUERY SELECT true, false, orders_shown(o, f.tax, p_device), o;
END $$;
