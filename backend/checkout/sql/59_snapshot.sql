-- What a quote is computed from, in one statement.

-- The open reservation that a till names by its id: the till's own, or else one of its shop's web tills, whose pages reserve
-- but cannot sell.
CREATE OR REPLACE FUNCTION checkout_reserved(p_till bigint, p_shop bigint, p_key text) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT r.id FROM tills t JOIN reservations r ON r.till_id = t.id AND r.key = p_key AND r.state = 'open'
    WHERE t.shop_id = p_shop AND (t.id = p_till OR t.kind = 'web') ORDER BY t.id = p_till DESC, r.id LIMIT 1
$$;

-- Reads the snapshots of requests: the codes of baskets, the products of their lines, the tills as they are now, and the
-- first responses to keys that were used before. A token that belongs to no till has no row. Reads only. One statement
-- serves several tills, at half the cost of a statement for each. From `stop_at` unknown codes of a till or of a visitor of its
-- pages on, no code is looked up, so neither the response nor its time reveals which codes exist.
CREATE OR REPLACE FUNCTION checkout_snapshot(p_asked jsonb) RETURNS TABLE (n int, found text)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    RETURN QUERY SELECT x.n, jsonb_build_object(
        'till', to_jsonb(t),
        'codes', coalesce(c.codes, '[]'),
        'products', (SELECT coalesce(jsonb_agg(jsonb_build_array(p.brand_id, p.sku, p.gtin, p.id)), '[]')
            FROM products p WHERE p.brand_id = ANY (c.brands) AND p.archived_at IS NULL
                AND (p.sku = ANY (x.skus) OR p.gtin = ANY (x.gtins))),
        'reserved', CASE WHEN x.reservation IS NOT NULL THEN (SELECT r.uses FROM reservations r
            WHERE r.id = checkout_reserved(t.till_id, t.shop_id, x.reservation)) END,
        'lapsed', EXISTS (SELECT FROM reservations r WHERE r.state = 'open' AND r.expires_at <= now()),
        'wrong', w.count, 'wrong_wait', ceil(extract(epoch FROM w.ends_at - now()))::int,
        'visitor', v.count, 'visitor_wait', ceil(extract(epoch FROM v.ends_at - now()))::int,
        'first', CASE WHEN x.key IS NOT NULL THEN (
            SELECT jsonb_build_object('digest', encode(s.digest, 'hex'), 'answer', s.answer) FROM sales s
            WHERE s.till_id = t.till_id AND s.key = x.key) END)::text
    FROM jsonb_to_recordset(p_asked) AS x (n int, token text, key text, reservation text, codes text[], skus text[],
        gtins text[], buyer text, at timestamptz, visitor text, stop_at bigint)
    CROSS JOIN shops_till(x.token) AS t
    LEFT JOIN counters w ON w.key = 'promo:till:' || t.till_id AND w.ends_at > now()
    LEFT JOIN counters v ON v.key = 'promo:visitor:' || x.visitor AND v.ends_at > now() AND t.origins <> '{}'
    CROSS JOIN LATERAL (
        SELECT array_agg(o.brand_id) AS brands, jsonb_agg(jsonb_build_object(
            'id', o.id, 'code', o.code, 'brand', o.brand_id, 'campaign', o.campaign_id, 'account', o.account_id,
            'used', o.used, 'closed', o.closed_at IS NOT NULL, 'word_since', o.word_since,
            'programme', k.programme_id,
            'rules_version', g.rules_version, 'currency', g.currency, 'today', (x.at AT TIME ZONE g.timezone)::date,
            'card', a.card_number,
            'here', b.id IS NOT NULL AND b.ended_at IS NULL AND NOT b.pending, 'debt_left', b.debt_most - b.owed,
            'remaining', (SELECT sum(s.remaining) FROM budget_slices s WHERE s.campaign_id = o.campaign_id),
            'counts', (SELECT coalesce(jsonb_object_agg(u.scope, u.used), '{}') FROM use_counts u
                WHERE u.campaign_id = o.campaign_id AND (u.scope, u.key, u.day) IN (
                    ('buyer', x.buyer, '9999-12-31'), ('agent', o.account_id::text, '9999-12-31'),
                    ('shop', t.shop_id::text, (x.at AT TIME ZONE g.timezone)::date))))) AS codes
        FROM promo_codes o JOIN campaigns k ON k.id = o.campaign_id JOIN programmes g ON g.id = k.programme_id
        LEFT JOIN accounts a ON a.id = o.account_id
        LEFT JOIN brand_shops b ON b.brand_id = o.brand_id AND b.shop_id = t.shop_id
        WHERE o.code = ANY (x.codes)
            AND coalesce(CASE WHEN t.origins = '{}' THEN w.count ELSE v.count END < x.stop_at, true)) AS c;
END $$;
