-- Finds the batches and products of scanned codes; reads only. Cause 1 is a computed code (slot, serial), 2 an imported one,
-- 3 a unit under state marking. `reason`: why it cannot be claimed now. Serials from first to last are of one batch.
CREATE OR REPLACE FUNCTION packages_cause_id(p_slot int, p_serial bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT (p_slot::bigint << 37) | p_serial $$;

CREATE OR REPLACE FUNCTION packages_reason(p_state text, p_active_from timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN p_state = 'active' AND coalesce(p_active_from <= now(), true) THEN NULL
        WHEN p_state IN ('revoked', 'closed') THEN p_state
        ELSE 'not_active' END
$$;

-- The range of a serial; ranges of a slot never overlap, so it is the last that begins at or before it.
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

-- Whether the text after a serial number begins like the tail of a marking code whose separator was lost.
CREATE OR REPLACE FUNCTION packages_is_tail(p_text text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$ SELECT p_text ~* '^(gs|fnc1)?(9[123]|8005|1[1-7][23][0-9][01]|310[0-5]|7003)' $$;

-- A serial number, and its prefixes if the rest is a tail, complete or truncated.
CREATE OR REPLACE FUNCTION packages_heads(p_serial text) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(left(p_serial, k)) FROM generate_series(1, length(p_serial)) AS k
    WHERE k = length(p_serial) OR packages_is_tail(substr(p_serial, k + 1))
$$;

-- The unlisted unit as which one of these serial numbers, spellings of one unit, was claimed before: in another case, or
-- with the tail as a part of the serial, or without the part of the serial that resembled one. A unit is credited once.
CREATE OR REPLACE FUNCTION packages_earlier(p_gtin text, p_serials text[]) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT found.id FROM unnest(p_serials) AS s (serial) CROSS JOIN LATERAL (
        SELECT u.id, u.serial = s.serial AS is_same FROM marked_units u
        WHERE u.gtin = p_gtin AND u.batch_id IS NULL AND lower(u.serial) = ANY (packages_heads(lower(s.serial)))
        UNION ALL
        -- The number of rows with the same prefix is limited: a complete serial number is rarely the prefix of others.
        SELECT near.id, false FROM (
            SELECT u.id, u.serial FROM marked_units u
            WHERE u.gtin = p_gtin AND u.batch_id IS NULL
                AND lower(u.serial) ~>~ lower(s.serial) AND lower(u.serial) ~<~ (lower(s.serial) || '~')
            ORDER BY lower(u.serial) USING ~<~ LIMIT 50) AS near
        WHERE packages_is_tail(substr(near.serial, length(s.serial) + 1))) AS found
    ORDER BY found.is_same DESC, found.id LIMIT 1
$$;

-- The number of a marked unit; a new unit is stored. The lock of the product prevents a concurrent transaction from
-- storing the same unit by another spelling.
CREATE OR REPLACE FUNCTION packages_unit(p_gtin text, p_serial text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE unit bigint;
BEGIN
    SELECT id INTO unit FROM marked_units WHERE gtin = p_gtin AND serial = p_serial;
    IF FOUND THEN
        RETURN unit;
    END IF;
    PERFORM pg_advisory_xact_lock(20331, hashtext(p_gtin));
    -- A list may have been imported since the look-up, or the serial comes from a receipt.
    SELECT u.id INTO unit FROM marked_units u
    WHERE u.gtin = p_gtin AND u.batch_id IS NOT NULL AND u.serial = ANY (packages_heads(p_serial))
    ORDER BY length(u.serial) DESC LIMIT 1;
    unit := coalesce(unit, packages_earlier(p_gtin, ARRAY[p_serial]));
    IF unit IS NULL THEN
        INSERT INTO marked_units (gtin, serial) VALUES (p_gtin, p_serial) ON CONFLICT DO NOTHING RETURNING id INTO unit;
    END IF;
    IF unit IS NULL THEN
        SELECT id INTO unit FROM marked_units WHERE gtin = p_gtin AND serial = p_serial;
    END IF;
    RETURN unit;
END $$;

-- The numbers of several units, stored in order, so that two concurrent calls do not deadlock.
CREATE OR REPLACE FUNCTION packages_units(p_items jsonb) RETURNS TABLE (n int, id bigint)
LANGUAGE plpgsql AS $$
DECLARE i record;
BEGIN
    FOR i IN SELECT * FROM jsonb_to_recordset(p_items) AS x (n int, gtin text, unit text)
        ORDER BY hashtext(x.gtin), x.gtin, x.unit
    LOOP
        n := i.n; id := packages_unit(i.gtin, i.unit);
        RETURN NEXT;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION packages_find(p_items jsonb) RETURNS TABLE (
    n int, cause int, cause_id bigint, reason text, brand_id bigint, programme_id bigint, rules_version bigint,
    product_id bigint, price bigint, first_serial bigint, last_serial bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE i record; r ranges; batch bigint; imported bigint; named text; spelled text[];
BEGIN
    FOR i IN SELECT * FROM jsonb_to_recordset(p_items)
        AS x (n int, slot int, serial bigint, digest text, older text, gtin text, unit text, others text[])
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
            FROM imported_codes c JOIN batches b ON b.id = c.batch_id
            -- The pepper in use is read here, so that a rotation is atomic for this statement.
            WHERE c.digest IN (decode(split_part(i.digest, ',', digest_key('listed_codes')), 'hex'),
                decode(split_part(i.older, ',', digest_key('listed_codes')), 'hex'))
            -- An older list has the hashes of the spelling that was used at its import.
            ORDER BY c.digest = decode(split_part(i.older, ',', digest_key('listed_codes')), 'hex') DESC NULLS LAST
            LIMIT 1;
            IF batch IS NULL THEN
                reason := 'unknown_code';
            ELSE
                cause := 2; cause_id := imported;
            END IF;
        ELSIF i.gtin IS NOT NULL THEN
            -- The end of the serial is that of the longest listed serial that the text may mean. The unit may have been
            -- claimed before it was listed, also by another spelling; then it has the number of that claim.
            spelled := i.unit || coalesce(i.others, '{}'); named := NULL;
            SELECT u.id, u.batch_id, u.serial INTO cause_id, batch, named FROM marked_units u
            WHERE u.gtin = i.gtin AND u.batch_id IS NOT NULL
                AND u.serial = ANY (SELECT unnest(packages_heads(s)) FROM unnest(spelled) AS s)
            ORDER BY length(u.serial) DESC, array_position(spelled, u.serial::text) LIMIT 1;
            cause_id := coalesce(packages_earlier(i.gtin, CASE WHEN named IS NULL THEN spelled ELSE ARRAY[named] END),
                cause_id);
            SELECT p.id, p.brand_id, p.price, g.id, g.rules_version
            INTO product_id, brand_id, price, programme_id, rules_version
            FROM products p JOIN programmes g ON g.brand_id = p.brand_id
            WHERE p.gtin = i.gtin AND p.archived_at IS NULL ORDER BY p.id, g.id LIMIT 1;
            reason := 'unknown_product';
            IF batch IS NOT NULL THEN
                cause := 3;
                SELECT packages_reason(b.state, NULL) INTO reason FROM batches b WHERE b.id = batch;
            ELSIF product_id IS NOT NULL THEN
                -- A text whose tail may be part of the serial is no unit of its own.
                reason := CASE WHEN cause_id IS NULL AND i.others IS NOT NULL THEN 'serial_unclear' ELSE 'unlisted' END;
                cause := CASE reason WHEN 'unlisted' THEN 3 END;
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

-- The product of a claimed or refused code: a package code (1: slot and serial in one number), a code printed elsewhere
-- (2), or a unit under state marking (3).
CREATE OR REPLACE FUNCTION packages_product(p_cause int, p_cause_id bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT product_id FROM batches WHERE id = CASE p_cause
        WHEN 1 THEN (packages_range((p_cause_id >> 37)::int, p_cause_id & ((1::bigint << 37) - 1))).batch_id
        WHEN 2 THEN (SELECT batch_id FROM imported_codes WHERE id = p_cause_id)
        WHEN 3 THEN (SELECT batch_id FROM marked_units WHERE id = p_cause_id) END
$$;
