-- What scanned codes are, without touching them: cause 1 is a computed code (slot, serial), 2 an imported one,
-- 3 a unit under state marking. A reason says why it cannot be claimed now. Serials from first to last are of one batch.
CREATE OR REPLACE FUNCTION packages_cause_id(p_slot int, p_serial bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT (p_slot::bigint << 37) | p_serial $$;

CREATE OR REPLACE FUNCTION packages_reason(p_state text, p_active_from timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN p_state = 'active' AND coalesce(p_active_from <= now(), true) THEN NULL
        WHEN p_state IN ('revoked', 'closed') THEN p_state
        ELSE 'not_active' END
$$;

-- The range that holds a serial; ranges of a slot never overlap, so it is the last that begins at or before it.
CREATE OR REPLACE FUNCTION packages_range(p_slot int, p_serial bigint) RETURNS ranges
LANGUAGE plpgsql STABLE AS $$
DECLARE r ranges;
BEGIN
    SELECT * INTO r FROM ranges WHERE slot = p_slot AND first_serial <= p_serial ORDER BY first_serial DESC LIMIT 1;
    IF r.last_serial < p_serial THEN
        r := NULL;
    END IF;
    RETURN r;
END $$;

-- The number of a marked unit, given on first sight.
CREATE OR REPLACE FUNCTION packages_unit(p_gtin text, p_serial text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE unit bigint;
BEGIN
    SELECT id INTO unit FROM marked_units WHERE gtin = p_gtin AND serial = p_serial;
    IF NOT FOUND THEN
        INSERT INTO marked_units (gtin, serial) VALUES (p_gtin, p_serial) ON CONFLICT DO NOTHING RETURNING id INTO unit;
    END IF;
    IF unit IS NULL THEN
        SELECT id INTO unit FROM marked_units WHERE gtin = p_gtin AND serial = p_serial;
    END IF;
    RETURN unit;
END $$;

-- The numbers of several. In order, since new ones are written: two crossing batches must not wait for each other.
CREATE OR REPLACE FUNCTION packages_units(p_items jsonb) RETURNS TABLE (n int, id bigint)
LANGUAGE plpgsql AS $$
DECLARE i record;
BEGIN
    FOR i IN SELECT * FROM jsonb_to_recordset(p_items) AS x (n int, gtin text, unit text) ORDER BY x.gtin, x.unit LOOP
        n := i.n; id := packages_unit(i.gtin, i.unit);
        RETURN NEXT;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION packages_find(p_items jsonb) RETURNS TABLE (
    n int, cause int, cause_id bigint, reason text, brand_id bigint, programme_id bigint, rules_version bigint,
    product_id bigint, price bigint, first_serial bigint, last_serial bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE i record; r ranges; batch bigint; imported bigint;
BEGIN
    FOR i IN SELECT * FROM jsonb_to_recordset(p_items)
        AS x (n int, slot int, serial bigint, digest text, gtin text, unit text)
    LOOP
        n := i.n; cause := NULL; cause_id := NULL; reason := 'unknown_code'; batch := NULL;
        brand_id := NULL; programme_id := NULL; rules_version := NULL; product_id := NULL; price := NULL;
        first_serial := NULL; last_serial := NULL;
        IF i.slot IS NOT NULL THEN
            cause := 1; cause_id := packages_cause_id(i.slot, i.serial);
            r := packages_range(i.slot, i.serial);
            batch := r.batch_id; first_serial := r.first_serial; last_serial := r.last_serial;
            IF batch IS NOT NULL THEN
                reason := packages_reason(r.state, r.active_from);
            END IF;
        ELSIF i.digest IS NOT NULL THEN
            SELECT c.id, c.batch_id, packages_reason(b.state, NULL) INTO imported, batch, reason
            FROM imported_codes c JOIN batches b ON b.id = c.batch_id WHERE c.digest = decode(i.digest, 'hex');
            IF batch IS NULL THEN
                reason := 'unknown_code';
            ELSE
                cause := 2; cause_id := imported;
            END IF;
        ELSIF i.gtin IS NOT NULL THEN
            -- A unit in no list may have a number all the same: from a claim that a rule paid for.
            SELECT u.id, u.batch_id INTO cause_id, batch FROM marked_units u
            WHERE u.gtin = i.gtin AND u.serial = i.unit;
            SELECT p.id, p.brand_id, p.price, g.id, g.rules_version
            INTO product_id, brand_id, price, programme_id, rules_version
            FROM products p JOIN programmes g ON g.brand_id = p.brand_id
            WHERE p.gtin = i.gtin AND p.archived_at IS NULL ORDER BY p.id, g.id LIMIT 1;
            reason := 'unknown_product';
            IF batch IS NOT NULL THEN
                cause := 3;
                SELECT packages_reason(b.state, NULL) INTO reason FROM batches b WHERE b.id = batch;
            ELSIF product_id IS NOT NULL THEN
                cause := 3; reason := 'unlisted';
            END IF;
        END IF;
        IF batch IS NOT NULL THEN
            SELECT b.brand_id, b.programme_id, b.product_id, p.price, g.rules_version
            INTO brand_id, programme_id, product_id, price, rules_version
            FROM batches b JOIN products p ON p.id = b.product_id JOIN programmes g ON g.id = b.programme_id
            WHERE b.id = batch;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
