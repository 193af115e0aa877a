-- Adds the staged rows (line, code, older) to a batch's list; a code is unique over all batches. Returns how many codes of the
-- file the batch has now, how many it has in all, and the refused rows: `repeated` in the file, `taken` by another batch.
-- Rows are inserted in the order of their key, so that two imports of the same codes do not deadlock.
CREATE OR REPLACE FUNCTION packages_take_codes(
    p_batch bigint, p_most int, OUT accepted bigint, OUT total bigint, OUT refused jsonb, OUT named jsonb
) LANGUAGE plpgsql AS $$
BEGIN
    -- An older list has the hashes of an earlier folding of some codes: these are the same codes.
    UPDATE staged s SET code = s.older FROM imported_codes c WHERE c.digest = s.older;
    INSERT INTO imported_codes (batch_id, digest) SELECT DISTINCT p_batch, code FROM staged ORDER BY code
    ON CONFLICT (digest) DO NOTHING;
    CREATE TEMPORARY TABLE judged ON COMMIT DROP AS
        SELECT s.line, s.first, CASE WHEN s.line > s.first THEN 'repeated' WHEN c.batch_id <> p_batch THEN 'taken' END
            AS reason
        FROM (SELECT line, code, min(line) OVER (PARTITION BY code) AS first FROM staged) s
        JOIN imported_codes c ON c.digest = s.code;
    SELECT count(*) INTO total FROM imported_codes WHERE batch_id = p_batch;
    SELECT * INTO accepted, refused, named FROM packages_judged(p_most);
END $$;

CREATE OR REPLACE FUNCTION packages_take_units(
    p_batch bigint, p_gtin text, p_most int, OUT accepted bigint, OUT total bigint, OUT refused jsonb, OUT named jsonb
) LANGUAGE plpgsql AS $$
BEGIN
    -- A unit that was claimed before it was listed keeps its number, and so its claim.
    INSERT INTO marked_units (batch_id, gtin, serial)
    SELECT DISTINCT p_batch, p_gtin, convert_from(code, 'UTF8') AS serial FROM staged ORDER BY serial
    ON CONFLICT (gtin, serial) DO UPDATE SET batch_id = excluded.batch_id WHERE marked_units.batch_id IS NULL;
    CREATE TEMPORARY TABLE judged ON COMMIT DROP AS
        SELECT s.line, s.first, CASE WHEN s.line > s.first THEN 'repeated' WHEN u.batch_id <> p_batch THEN 'taken' END
            AS reason
        FROM (SELECT line, code, min(line) OVER (PARTITION BY code) AS first FROM staged) s
        JOIN marked_units u ON u.gtin = p_gtin AND u.serial = convert_from(s.code, 'UTF8');
    SELECT count(*) INTO total FROM marked_units WHERE batch_id = p_batch;
    SELECT * INTO accepted, refused, named FROM packages_judged(p_most);
END $$;

-- The result of the two functions above: counts, and the first refused rows.
CREATE OR REPLACE FUNCTION packages_judged(p_most int, OUT accepted bigint, OUT refused jsonb, OUT named jsonb)
LANGUAGE plpgsql AS $$
BEGIN
    SELECT count(*) FILTER (WHERE reason IS NULL),
        jsonb_build_object('repeated', count(*) FILTER (WHERE reason = 'repeated'),
            'taken', count(*) FILTER (WHERE reason = 'taken'))
    INTO accepted, refused FROM judged;
    SELECT coalesce(jsonb_agg(jsonb_build_object('line', line, 'reason', reason,
        'same_as', CASE reason WHEN 'repeated' THEN first END) ORDER BY line), '[]')
    INTO named FROM (SELECT * FROM judged WHERE reason IS NOT NULL ORDER BY line LIMIT p_most) AS few;
END $$;
