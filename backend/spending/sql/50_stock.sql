-- Records the event that few codes of a face value are left: once, in the transaction of the order that reaches the
-- threshold, and again after codes were added. Concurrent orders do not see each other's codes as sold, so the event
-- may come with a later order. Called after a code was assigned; its lock, on the level, is the last of an order.
CREATE OR REPLACE FUNCTION offers_stock_low(p_offer bigint, p_nominal bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE l stock_levels; free int; today date;
BEGIN
    SELECT * INTO l FROM stock_levels WHERE offer_id = p_offer AND nominal = p_nominal AND told_at IS NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT (now() AT TIME ZONE g.timezone)::date INTO today
    FROM offers f JOIN programmes g ON g.id = f.programme_id WHERE f.id = p_offer;
    -- The count stops at the threshold: a large stock costs the same as a small one.
    SELECT count(*) INTO free FROM (
        SELECT FROM stock_codes s WHERE s.offer_id = p_offer AND s.nominal = p_nominal AND s.order_id IS NULL
            AND (s.valid_until IS NULL OR s.valid_until > today) LIMIT l.least) AS codes;
    IF free >= l.least THEN
        RETURN;
    END IF;
    UPDATE stock_levels SET told_at = now() WHERE offer_id = p_offer AND nominal = p_nominal AND told_at IS NULL;
    IF FOUND THEN
        INSERT INTO events (brand_id, kind, body)
        SELECT l.brand_id, 'stock.low', jsonb_build_object('offer', f.key, 'nominal', p_nominal, 'free', free)
        FROM offers f WHERE f.id = p_offer;
    END IF;
END $$;
