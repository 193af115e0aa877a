-- The number of claimed codes of a batch, up to p_most: from one range of the key of accruals, or from the rows of the list.
CREATE OR REPLACE FUNCTION packages_claimed(p_batch bigint, p_most bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE b batches; low bigint; high bigint; found bigint;
BEGIN
    SELECT * INTO b FROM batches WHERE id = p_batch;
    IF b.origin = 'computed' THEN
        low := packages_cause_id(b.slot, b.first_serial); high := low + b.count - 1;
        SELECT count(*) INTO found FROM (
            SELECT FROM accruals WHERE cause = 1 AND cause_id BETWEEN low AND high LIMIT p_most) AS claims;
    ELSIF b.origin = 'imported' THEN
        SELECT min(id), max(id) INTO low, high FROM imported_codes WHERE batch_id = p_batch;
        SELECT count(*) INTO found FROM (
            SELECT FROM accruals a JOIN imported_codes c ON c.id = a.cause_id AND c.batch_id = p_batch
            WHERE a.cause = 2 AND a.cause_id BETWEEN low AND high LIMIT p_most) AS claims;
    ELSE
        SELECT min(id), max(id) INTO low, high FROM marked_units WHERE batch_id = p_batch;
        SELECT count(*) INTO found FROM (
            SELECT FROM accruals a JOIN marked_units u ON u.id = a.cause_id AND u.batch_id = p_batch
            WHERE a.cause = 3 AND a.cause_id BETWEEN low AND high LIMIT p_most) AS claims;
    END IF;
    RETURN found;
END $$;
