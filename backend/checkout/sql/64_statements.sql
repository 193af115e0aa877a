-- The time of a payable's cause: an offline sale counts when it was made, but not later than when it was received.
CREATE OR REPLACE FUNCTION checkout_happened(d dues, p_taken_at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$ SELECT least(coalesce(p_taken_at, d.at), d.at) $$;

-- The payables of a closed statement, after an id: all that existed when it was closed (`upto_due`) and happened before its
-- period's end, without those of the previous statement. Up to `settled_due` all payables are in it or in earlier ones. A
-- statement that was closed without a day contains everything up to `upto_due`.
CREATE OR REPLACE FUNCTION checkout_statement_dues(p_shop bigint, p_brand bigint, p_number bigint, p_after bigint)
RETURNS SETOF dues LANGUAGE sql STABLE AS $$
    SELECT d.* FROM statements n
    LEFT JOIN statements b ON b.shop_id = n.shop_id AND b.brand_id = n.brand_id AND b.number = n.number - 1
    JOIN dues d ON d.creditor_id = n.shop_id AND d.debtor_id = n.brand_id AND d.id <= n.upto_due
        AND d.id > greatest(p_after, coalesce(b.settled_due, b.upto_due, 0))
    LEFT JOIN redemptions r ON d.cause = 4 AND r.id = d.cause_id
    LEFT JOIN sales s ON s.id = r.sale_id
    WHERE n.shop_id = p_shop AND n.brand_id = p_brand AND n.number = p_number
        AND (n.until IS NULL OR checkout_happened(d, s.taken_at) < n.until)
        AND NOT coalesce(d.id <= b.upto_due AND (b.until IS NULL OR checkout_happened(d, s.taken_at) < b.until), false)
    ORDER BY d.id
$$;
