-- The till of a token, by the token's hexadecimal digest, with the cashier on shift. No row if there is no such token or
-- the till is switched off.
CREATE OR REPLACE FUNCTION shops_till(p_token text) RETURNS TABLE (
    token text, till_id bigint, shop_id bigint, kind text, cashier_id bigint, needs_cashier boolean, timezone text,
    origins text[]
) LANGUAGE sql STABLE AS $$
    SELECT p_token, t.id, t.shop_id, t.kind, c.id, t.needs_cashier, s.timezone, t.origins
    FROM tills t JOIN shops s ON s.id = t.shop_id
    LEFT JOIN cashiers c ON c.id = t.cashier_id AND t.shift_ends_at > now() AND c.disabled_at IS NULL
        AND (c.pin_hash IS NOT NULL OR NOT t.needs_cashier)
    WHERE t.token_digest = decode(p_token, 'hex') AND t.disabled_at IS NULL
$$;
