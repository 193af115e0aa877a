-- Tells a brand that the codes of a nominal run out: once, in the transaction of the sale that brought them below the
-- alarm number, and anew after codes were added. Sales at the same time do not see each other's codes as sold, so the
-- event may come with a later sale. To be called after a code was taken; its lock, on the level, is the last of an order.
CREATE OR REPLACE FUNCTION offers_stock_low(p_offer bigint, p_nominal bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE l stock_levels; free int;
BEGIN
    SELECT * INTO l FROM stock_levels WHERE offer_id = p_offer AND nominal = p_nominal AND told_at IS NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Counted no further than the alarm number: a large stock costs the same as a small one.
    SELECT count(*) INTO free FROM (
        SELECT FROM stock_codes s WHERE s.offer_id = p_offer AND s.nominal = p_nominal AND s.order_id IS NULL
            AND (s.valid_until IS NULL OR s.valid_until > current_date) LIMIT l.least) AS codes;
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
