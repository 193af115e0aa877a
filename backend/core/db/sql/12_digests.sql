-- The pepper of the hashes in a kind's tables: see backend/core/security/digests.py. Stable: one value for a statement.
CREATE OR REPLACE FUNCTION digest_key(p_name text) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT number::int FROM digest_keys WHERE name = p_name
$$;

-- Selects the hash to store from those under each pepper. A process that does not have the current pepper may not write.
CREATE OR REPLACE FUNCTION digest_pick(p_name text, p_digests bytea[]) RETURNS bytea LANGUAGE plpgsql STABLE AS $$
DECLARE number int := digest_key(p_name);
BEGIN
    IF number > cardinality(p_digests) THEN
        RAISE EXCEPTION 'this process does not know pepper %', number USING ERRCODE = 'SB050';
    END IF;
    RETURN p_digests[number];
END $$;
