-- Seals: the root of a tree of hashes over a closed range of movements, and over the seal before it. Nothing in the
-- request path waits for them; a changed, removed or added row of a sealed range is found; and whoever owns a row can
-- be shown that it stands there without seeing anybody else's (docs/decisions/0021).

-- A movement as it is hashed: its columns in decimal with commas between, nothing as 0, time in microseconds since 1970.
CREATE OR REPLACE FUNCTION ledger_line(m movements) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(',', m.id, m.wallet_id, m.wallet_seq, m.amount, m.pending_after, m.available_after, m.held_after,
        m.cause_id, coalesce(m.lot_id, 0), coalesce(m.reverses, 0), (date_part('epoch', m.at) * 1000000)::bigint,
        m.kind, m.from_place, m.to_place, m.cause, m.leg)
$$;

-- What makes a leaf unguessable to those who see it beside their own: only the row's owner is told.
CREATE OR REPLACE FUNCTION ledger_salt(p_id bigint, p_secret bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(p_secret || int8send(p_id))
$$;

-- A leaf of the tree (RFC 6962, 2.1).
CREATE OR REPLACE FUNCTION ledger_leaf(m movements, p_secret bytea) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256('\x00'::bytea || ledger_salt(m.id, p_secret) || convert_to(ledger_line(m), 'UTF8'))
$$;

-- The root over leaves of 32 bytes each, which stand one after another (RFC 6962, 2.1): level by level, a last one
-- without a neighbour goes up as it is.
CREATE OR REPLACE FUNCTION ledger_root(p_leaves bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE level bytea := p_leaves; above bytea; n int := length(p_leaves) / 32;
BEGIN
    IF n = 0 THEN
        RETURN sha256('');
    END IF;
    WHILE n > 1 LOOP
        SELECT string_agg(sha256('\x01'::bytea || substr(level, 64 * g + 1, 64)), ''::bytea ORDER BY g) INTO above
        FROM generate_series(0, n / 2 - 1) AS g;
        level := CASE n % 2 WHEN 0 THEN above ELSE above || substr(level, 32 * n - 31, 32) END;
        n := (n + 1) / 2;
    END LOOP;
    RETURN level;
END $$;

-- The leaves of the movements after one id up to another, in the order of ids, their root, and the seal: SHA-256 of
-- the seal before, the root, the last id and the number of rows (8 bytes each, the highest first).
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

-- Seals the next range of at most so many rows, no further than an id below which nobody can add any more (see
-- payouts/seals.py); returns nothing when there is none.
CREATE OR REPLACE FUNCTION ledger_seal(p_upto bigint, p_rows int) RETURNS SETOF seals LANGUAGE plpgsql AS $$
DECLARE last seals; ends bigint; dice bytea := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
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
            INSERT INTO seals (upto, previous, root, hash, rows, secret, leaves)
            SELECT ends, last.hash, h.root, h.hash, h.rows, dice, h.leaves
            FROM ledger_hash(last.upto, ends, last.hash, dice) AS h
            RETURNING *;
    END IF;
END $$;
