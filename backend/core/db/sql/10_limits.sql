-- Counts in the window of a key. Returns the count and the seconds to the end of the window.
CREATE OR REPLACE FUNCTION limit_count(p_key text, p_seconds int, p_add int, OUT total bigint, OUT wait int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO counters AS c (key, count, ends_at) VALUES (p_key, p_add, now() + p_seconds * interval '1 second')
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN c.ends_at <= now() THEN excluded.count ELSE c.count + excluded.count END,
        ends_at = CASE WHEN c.ends_at <= now() THEN excluded.ends_at ELSE c.ends_at END
    RETURNING count, ceil(extract(epoch FROM ends_at - now()))::int INTO total, wait;
END $$;

-- Counts a failure and returns the seconds to wait before the next attempt. From p_most on each failure doubles the
-- wait: 30 s, 1 min, ... 10 h. An hour without failures after the wait resets the count.
CREATE OR REPLACE FUNCTION limit_failure(p_key text, p_most int, OUT wait int)
LANGUAGE plpgsql AS $$
DECLARE failures bigint;
BEGIN
    INSERT INTO counters AS c (key, count, ends_at) VALUES (p_key, 1, now())
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN c.ends_at < now() - interval '1 hour' THEN 1 ELSE c.count + 1 END
    RETURNING count INTO failures;
    wait := CASE WHEN failures < p_most THEN 0 ELSE least(36000, 30 * 2 ^ least(20, failures - p_most)) END;
    UPDATE counters SET ends_at = now() + wait * interval '1 second' WHERE key = p_key;
END $$;

-- The seconds for which an account may have no further picture decoded; null: it may. A network's full window limits only
-- accounts that used p_everyday milliseconds themselves: otherwise one account could block all others behind its address.
CREATE OR REPLACE FUNCTION pictures_wait(
    p_account text, p_network text, p_most bigint, p_most_of_network bigint, p_everyday bigint
) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT max(ceil(extract(epoch FROM c.ends_at - now())))::int FROM counters c
    LEFT JOIN counters own ON own.key = p_account AND own.ends_at > now()
    WHERE c.key IN (p_account, p_network) AND c.ends_at > now()
        AND c.count >= CASE c.key WHEN p_account THEN p_most ELSE p_most_of_network END
        AND (c.key = p_account OR own.count >= p_everyday)
$$;

-- Counts the decoding time of a picture, for the account and for its network.
CREATE OR REPLACE FUNCTION pictures_charge(p_account text, p_network text, p_seconds int, p_milliseconds int)
RETURNS void LANGUAGE sql AS $$
    SELECT limit_count(key, p_seconds, p_milliseconds) FROM unnest(ARRAY[p_account, p_network]) AS key
$$;
