-- Seals: a hash over a closed range of movements and over the seal before it. Nothing in the request path waits for
-- them, and a changed, removed or added row of a sealed range is found.

-- SHA-256 of the seal before, followed by the movements after one id up to another in the order of ids: their columns
-- in decimal with commas between, nothing as 0, time in seconds since 1970 with microseconds; a line for each.
CREATE OR REPLACE FUNCTION ledger_hash(
    p_after bigint, p_upto bigint, p_previous bytea, OUT hash bytea, OUT rows bigint
) LANGUAGE sql STABLE SET extra_float_digits = 1 AS $$
    SELECT sha256(p_previous || convert_to(coalesce(string_agg(concat_ws(',', id, wallet_id, wallet_seq, amount,
            pending_after, available_after, held_after, cause_id, coalesce(lot_id, 0), coalesce(reverses, 0),
            date_part('epoch', at), kind, from_place, to_place, cause, leg), E'\n' ORDER BY id), ''), 'UTF8')),
        count(*)
    FROM movements WHERE id > p_after AND id <= p_upto
$$;

-- Seals the next range of at most so many rows, no further than an id below which nobody can add any more (see
-- payouts/seals.py); returns nothing when there is none.
CREATE OR REPLACE FUNCTION ledger_seal(p_upto bigint, p_rows int) RETURNS SETOF seals LANGUAGE plpgsql AS $$
DECLARE last seals; ends bigint;
BEGIN
    -- One after another; the table's unique key would only say afterwards that two had sealed the same.
    PERFORM pg_advisory_xact_lock(20312);
    SELECT * INTO last FROM seals ORDER BY upto DESC LIMIT 1;
    last.upto := coalesce(last.upto, 0);
    last.hash := coalesce(last.hash, decode(repeat('00', 32), 'hex'));
    SELECT max(id) INTO ends
    FROM (SELECT id FROM movements WHERE id > last.upto AND id <= p_upto ORDER BY id LIMIT p_rows) AS next;
    IF ends IS NOT NULL THEN
        RETURN QUERY
            INSERT INTO seals (upto, previous, hash, rows)
            SELECT ends, last.hash, h.hash, h.rows FROM ledger_hash(last.upto, ends, last.hash) AS h
            RETURNING *;
    END IF;
END $$;
