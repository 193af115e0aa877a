-- The brand that manages a shop. Runs with the owner's rights: another brand sees no links but its own.
CREATE OR REPLACE FUNCTION shops_keeper(p_shop bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT brand_id FROM brand_shops WHERE shop_id = p_shop AND keeper
$$;
