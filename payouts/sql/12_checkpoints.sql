-- Checkpoints (table `seals`): the root of a hash tree over a closed range of movements, hashed with the previous checkpoint.
-- No request waits for them. A changed, removed or added row of a covered range is detected, and the owner of a row can
-- verify it without seeing the rows of others (docs/decisions/0021).

-- A movement as it is hashed: its columns in decimal, separated by commas, NULL as 0, time in microseconds since 1970.
CREATE OR REPLACE FUNCTION ledger_line(m movements) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(',', m.id, m.wallet_id, m.wallet_seq, m.amount, m.pending_after, m.available_after, m.held_after,
        m.cause_id, coalesce(m.lot_id, 0), coalesce(m.reverses, 0), (date_part('epoch', m.at) * 1000000)::bigint,
        m.kind, m.from_place, m.to_place, m.cause, m.leg)
$$;

-- The salt that keeps a leaf from being guessed by others who see its hash. Only the row's owner gets it.
CREATE OR REPLACE FUNCTION ledger_salt(p_id bigint, p_secret bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(p_secret || int8send(p_id))
$$;

-- A leaf of the tree (RFC 6962, 2.1).
CREATE OR REPLACE FUNCTION ledger_leaf(m movements, p_secret bytea) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256('\x00'::bytea || ledger_salt(m.id, p_secret) || convert_to(ledger_line(m), 'UTF8'))
$$;

-- The root over concatenated leaves of 32 bytes each (RFC 6962, 2.1), computed level by level. A last hash without a
-- neighbour moves up unchanged.
CREATE OR REPLACE FUNCTION ledger_root(p_leaves bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE level bytea := p_leaves; above bytea; width int := length(p_leaves) / 32;
BEGIN
    IF width = 0 THEN
        RETURN sha256('');
    END IF;
    WHILE width > 1 LOOP
        SELECT string_agg(sha256('\x01'::bytea || substr(level, 64 * g + 1, 64)), ''::bytea ORDER BY g) INTO above
        FROM generate_series(0, width / 2 - 1) AS g;
        level := CASE width % 2 WHEN 0 THEN above ELSE above || substr(level, 32 * width - 31, 32) END;
        width := (width + 1) / 2;
    END LOOP;
    RETURN level;
END $$;

-- The leaves of the movements after one id up to another, in the order of ids, their root, and the checkpoint's hash: SHA-256
-- of the previous hash, the root, the last id and the number of rows (8 bytes each, big-endian).
CREATE OR REPLACE FUNCTION ledger_hash(
    p_after bigint, p_upto bigint, p_previous bytea, p_secret bytea,
    OUT hash bytea, OUT root bytea, OUT rows bigint, OUT leaves bytea
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT coalesce(string_agg(ledger_leaf(m, p_secret), ''::bytea ORDER BY m.id), ''), count(*) INTO leaves, rows
    FROM movements m WHERE m.id > p_after AND m.id <= p_upto;
    root := ledger_root(leaves);
    hash := sha256(p_previous || root || int8send(p_upto) || int8send(rows));
END $$;

-- Creates the checkpoint of the next range of at most p_rows rows, up to an id below which no row can appear any more (see
-- payouts/checkpoints.py). Returns no row if there are no new movements.
CREATE OR REPLACE FUNCTION ledger_seal(p_upto bigint, p_rows int) RETURNS SETOF seals LANGUAGE plpgsql AS $$
DECLARE last seals; last_id bigint; new_secret bytea := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
BEGIN
    -- One at a time; without the lock a second one would fail at the unique key after its work.
    PERFORM pg_advisory_xact_lock(20312);
    SELECT * INTO last FROM seals ORDER BY upto DESC LIMIT 1;
    last.upto := coalesce(last.upto, 0);
    last.hash := coalesce(last.hash, decode(repeat('00', 32), 'hex'));
    SELECT max(id) INTO last_id
    FROM (SELECT id FROM movements WHERE id > last.upto AND id <= p_upto ORDER BY id LIMIT p_rows) AS next;
    IF last_id IS NOT NULL THEN
        RETURN QUERY
            INSERT INTO seals (upto, previous, root, hash, rows, secret, leaves)
            SELECT last_id, last.hash, h.root, h.hash, h.rows, new_secret, h.leaves
            FROM ledger_hash(last.upto, last_id, last.hash, new_secret) AS h
            RETURNING *;
    END IF;
END $$;
