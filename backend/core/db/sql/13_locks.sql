-- Advisory locks by name; backend/core/db/locks.py has the same and explains them.

CREATE OR REPLACE FUNCTION lock_account(p_account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(20311, (p_account % 2147483647)::int);
END $$;

-- One reservation of a till at a time, so that two cannot exceed its limit.
CREATE OR REPLACE FUNCTION lock_till(p_till bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(20314, (p_till % 2147483647)::int);
END $$;
