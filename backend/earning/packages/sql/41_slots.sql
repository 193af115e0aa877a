-- A slot belongs to a brand, but allocation needs the slots of all brands: these functions run as the owner, without the
-- row-level policies that separate brands. Lock 20312 serializes the opening of slots.

-- Opens the lowest free slot for a brand, the next generation of its key; its older slots issue no more serials.
CREATE OR REPLACE FUNCTION packages_open_slot(p_brand bigint) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE opened int;
BEGIN
    PERFORM pg_advisory_xact_lock(20312, 0);
    INSERT INTO slots (slot, brand_id)
    SELECT min(n), p_brand FROM generate_series(0, 1023) AS n WHERE NOT EXISTS (SELECT FROM slots s WHERE s.slot = n)
    HAVING min(n) IS NOT NULL
    RETURNING slot INTO opened;
    IF opened IS NULL THEN
        RAISE EXCEPTION 'all slots are in use' USING ERRCODE = 'SB030';
    END IF;
    UPDATE slots SET closed_at = now() WHERE brand_id = p_brand AND slot <> opened AND closed_at IS NULL;
    RETURN opened;
END $$;

-- Allocates a span of serials for a brand: from its open slot, or from a new one if that is full. The row lock serializes
-- concurrent batches.
CREATE OR REPLACE FUNCTION packages_take_serials(p_brand bigint, p_count bigint, OUT slot int, OUT first_serial bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    FOR attempt IN 1..3 LOOP
        UPDATE slots s SET next_serial = s.next_serial + p_count
        WHERE s.slot = (
                SELECT o.slot FROM slots o
                WHERE o.brand_id = p_brand AND o.closed_at IS NULL AND o.next_serial + p_count <= 137438953472
                ORDER BY o.created_at DESC, o.slot DESC LIMIT 1)
            AND s.closed_at IS NULL AND s.next_serial + p_count <= 137438953472
        RETURNING s.slot, s.next_serial - p_count INTO slot, first_serial;
        EXIT WHEN slot IS NOT NULL;
        IF attempt = 1 THEN
            -- A concurrent transaction may be opening one: wait for it and try again.
            PERFORM pg_advisory_xact_lock(20312, 0);
        ELSE
            PERFORM packages_open_slot(p_brand);
        END IF;
    END LOOP;
END $$;
