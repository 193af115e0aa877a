-- Advisory locks by name; backend/core/db/locks.py has the same and explains them. Several locks of one kind are taken in the
-- order of their keys: the subquery sorts before the locks are taken.

CREATE OR REPLACE FUNCTION lock_account(p_account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(20311, (p_account % 2147483647)::int);
END $$;

CREATE OR REPLACE FUNCTION lock_accounts(p_accounts bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(20311, key) FROM (
        SELECT DISTINCT (account % 2147483647)::int AS key FROM unnest(p_accounts) AS account ORDER BY 1) AS keys;
END $$;

CREATE OR REPLACE FUNCTION share_shops(p_shops bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(20313, key) FROM (
        SELECT DISTINCT (shop % 2147483647)::int AS key FROM unnest(p_shops) AS shop ORDER BY 1) AS keys;
END $$;

-- One reservation of a till at a time, so that two cannot exceed its limit.
CREATE OR REPLACE FUNCTION lock_till(p_till bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(20314, (p_till % 2147483647)::int);
END $$;
