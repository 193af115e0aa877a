-- External names for the ids in an event: the text of a promo code, a shop's key and number, the agent's ids of an order
-- and a receipt, batch and product of a claim. Read when the event is sent, so that the operation itself does not pay for
-- it.
CREATE OR REPLACE FUNCTION webhooks_names(p_brand bigint, p_body jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE the_code bigint := webhooks_id(p_body, 'code_id'); the_shop bigint := webhooks_id(p_body, 'shop_id');
    the_order bigint := webhooks_id(p_body, 'order'); the_receipt bigint := webhooks_id(p_body, 'receipt');
    the_cause bigint := webhooks_id(p_body, 'cause'); the_id bigint := webhooks_id(p_body, 'cause_id');
    the_batch bigint := CASE the_cause
        WHEN 1 THEN (packages_range((the_id >> 37)::int, the_id & 137438953471)).batch_id
        WHEN 2 THEN (SELECT c.batch_id FROM imported_codes c WHERE c.id = the_id)
        WHEN 3 THEN (SELECT u.batch_id FROM marked_units u WHERE u.id = the_id) END;
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'code', (SELECT coalesce(c.shown, c.code) FROM promo_codes c WHERE c.id = the_code AND c.brand_id = p_brand),
        'shop', (SELECT b.key FROM brand_shops b WHERE b.shop_id = the_shop AND b.brand_id = p_brand),
        'shop_number', (SELECT s.number FROM shops s WHERE s.id = the_shop),
        'order_key', (SELECT o.key FROM orders o WHERE o.id = the_order AND o.brand_id = p_brand),
        'receipt_key', (SELECT r.key FROM receipts r WHERE r.id = the_receipt),
        'batch', (SELECT b.key FROM batches b WHERE b.id = the_batch AND b.brand_id = p_brand),
        'sku', (SELECT p.sku FROM accruals a JOIN products p ON p.id = a.product_id
            WHERE a.cause = the_cause AND a.cause_id = the_id AND p.brand_id = p_brand)));
END $$;

-- A field of an event's body if it is a number, else NULL.
CREATE OR REPLACE FUNCTION webhooks_id(p_body jsonb, p_name text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE jsonb_typeof(p_body -> p_name) WHEN 'number' THEN (p_body ->> p_name)::bigint END
$$;
