-- The first id of a table whose row was written at `p_at` or later, by bisection of the key. Ids and times grow together
-- except in concurrent transactions, so the caller allows for some minutes and compares `at` as well. Runs as the owner,
-- without the policies that isolate brands: an id reveals nothing, and the rows of one brand may be rare.
CREATE OR REPLACE FUNCTION reporting_first_id(p_table regclass, p_column text, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE low bigint := 0; high bigint; mid bigint; found_id bigint; found_at timestamptz;
BEGIN
    EXECUTE format('SELECT coalesce(max(id), 0) + 1 FROM %s', p_table) INTO high;
    WHILE low < high LOOP
        mid := low + (high - low) / 2;
        EXECUTE format('SELECT id, %I FROM %s WHERE id >= $1 ORDER BY id LIMIT 1', p_column, p_table)
            INTO found_id, found_at USING mid;
        IF found_id IS NULL OR found_at >= p_at THEN
            high := mid;
        ELSE
            low := found_id + 1;
        END IF;
    END LOOP;
    RETURN low;
END $$;

-- Whether any brand has lines on a receipt. Runs without the policies; does not reveal the brand.
CREATE OR REPLACE FUNCTION reporting_has_lines(p_receipt bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM receipt_lines WHERE receipt_id = p_receipt)
$$;
