-- Counts in the window of a key and says how many there are and how many seconds the window still has.
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

-- Counts a failure and says how many seconds the next one is to wait. From the last free one on each failure doubles
-- the wait: 30 s, 1 min, ... 10 h; an hour of peace after the wait forgives.
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
