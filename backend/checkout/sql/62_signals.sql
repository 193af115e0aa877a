-- Fraud rule 15, abuse at a till: signals for one day, on the last redemption of the cashier or agent. A signal is written
-- once for a day, so the job may run again.
--   cashier_share: one cashier has more than three times the median redemptions of the shop's cashiers, and at least p_least.
--   one_code: over four fifths of a till's redemptions of a day are of one agent's codes, and at least p_least.
CREATE OR REPLACE FUNCTION checkout_signals(p_from timestamptz, p_to timestamptz, p_least int, p_shadow boolean)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE written bigint; more bigint;
BEGIN
    WITH counted AS (
        SELECT s.shop_id, s.cashier_id, r.brand_id, count(*) AS n, max(r.id) AS last
        FROM redemptions r JOIN sales s ON s.id = r.sale_id
        WHERE r.at >= p_from AND r.at < p_to AND s.cashier_id IS NOT NULL GROUP BY 1, 2, 3
    ), medians AS (
        SELECT shop_id, brand_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS median, count(*) AS cashiers
        FROM counted GROUP BY 1, 2
    )
    INSERT INTO fraud_signals (brand_id, redemption_id, rule, version, shadow, inputs)
    SELECT c.brand_id, c.last, 'cashier_share', 1, p_shadow, jsonb_build_object(
        'day', p_from::date, 'shop', c.shop_id, 'cashier', c.cashier_id, 'redemptions', c.n, 'median', m.median)
    FROM counted c JOIN medians m USING (shop_id, brand_id)
    WHERE m.cashiers >= 3 AND c.n >= p_least AND c.n > 3 * m.median AND NOT EXISTS (
        SELECT FROM fraud_signals f WHERE f.redemption_id = c.last AND f.rule = 'cashier_share');
    GET DIAGNOSTICS written = ROW_COUNT;
    WITH counted AS (
        SELECT s.till_id, r.brand_id, r.account_id, count(*) AS n, max(r.id) AS last,
            sum(count(*)) OVER (PARTITION BY s.till_id, r.brand_id) AS of_till
        FROM redemptions r JOIN sales s ON s.id = r.sale_id
        WHERE r.at >= p_from AND r.at < p_to AND r.account_id IS NOT NULL GROUP BY 1, 2, 3
    )
    INSERT INTO fraud_signals (brand_id, redemption_id, rule, version, shadow, inputs)
    SELECT c.brand_id, c.last, 'one_code', 1, p_shadow, jsonb_build_object(
        'day', p_from::date, 'till', c.till_id, 'redemptions', c.n, 'of', c.of_till)
    FROM counted c
    WHERE c.n >= p_least AND c.n * 5 > c.of_till * 4 AND NOT EXISTS (
        SELECT FROM fraud_signals f WHERE f.redemption_id = c.last AND f.rule = 'one_code');
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN written + more;
END $$;
