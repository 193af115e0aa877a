-- Debts of brands to shops whose keeper has set a limit: a running sum on the link, so that a sale need not add up a month of
-- payables. Only links with a limit have a sum: the keeper's own codes and old links cost nothing here. The keeper changes a
-- limit, or records a payment, under the shop's exclusive lock (20313), which recomputes the sum.

-- Adds new debts, pair by pair in order (negative for returns), and writes an event for both brands when four fifths of the
-- limit are reached. The caller holds the shops' shared locks. SB044: the limit would be exceeded; without p_guard the
-- debt is added nevertheless.
CREATE OR REPLACE FUNCTION checkout_owe(p_shops bigint[], p_brands bigint[], p_amounts bigint[], p_guard boolean)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE o record; l brand_shops;
BEGIN
    FOR o IN
        SELECT b.id, sum(x.amount)::bigint AS amount
        FROM unnest(p_shops, p_brands, p_amounts) AS x (shop, brand, amount)
        JOIN brand_shops b ON b.shop_id = x.shop AND b.brand_id = x.brand AND b.debt_most IS NOT NULL
        GROUP BY b.id HAVING sum(x.amount) <> 0 ORDER BY b.id
    LOOP
        UPDATE brand_shops b SET owed = b.owed + o.amount
        WHERE b.id = o.id AND (o.amount < 0 OR NOT p_guard OR b.owed + o.amount <= b.debt_most) RETURNING * INTO l;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the brand would owe the shop too much' USING ERRCODE = 'SB044';
        END IF;
        IF l.owed * 5 >= l.debt_most * 4 AND (l.owed - o.amount) * 5 < l.debt_most * 4 THEN
            INSERT INTO events (brand_id, kind, body)
            SELECT b.brand_id, 'shop.debt_high', jsonb_build_object('shop_id', l.shop_id, 'brand_id', l.brand_id,
                'owed', l.owed, 'most', l.debt_most)
            FROM brand_shops b WHERE b.shop_id = l.shop_id AND (b.keeper OR b.id = l.id);
        END IF;
    END LOOP;
END $$;
