-- Acquires a permit for one request to a provider or supplier, over all workers: one of p_places, each of which is held
-- for p_lease seconds or until its release. Without a permit: `until` is when there may be one, `wait` the seconds to that.
-- With p_share, requests of this kind use at most so many permits of a day.
CREATE OR REPLACE FUNCTION provider_quota_acquire(
    p_name text, p_places int, p_lease float8, p_per_day int, p_share int DEFAULT NULL,
    OUT place int, OUT until timestamptz, OUT wait float8
) LANGUAGE plpgsql AS $$
DECLARE p turns; t timestamptz;
BEGIN
    INSERT INTO turns (name) VALUES (p_name) ON CONFLICT DO NOTHING;
    SELECT * INTO p FROM turns WHERE name = p_name FOR UPDATE;
    -- The clock is read after the row is locked: now() would be in the past after a wait for the lock.
    t := clock_timestamp();
    IF p.day <> t::date THEN
        p.used := 0; p.used_share := 0;
    END IF;
    SELECT n, coalesce(p.busy[n], '-infinity') INTO place, until FROM generate_series(1, p_places) AS n ORDER BY 2, 1 LIMIT 1;
    until := greatest(until, p.paused_until,
        CASE WHEN p.used >= p_per_day OR p.used_share >= p_share THEN date_trunc('day', t) + interval '1 day' END);
    IF until > t THEN
        place := NULL; wait := extract(epoch FROM until - t);
        RETURN;
    END IF;
    until := t + p_lease * interval '1 second';
    p.busy[place] := until;
    UPDATE turns SET busy = p.busy, day = t::date, used = p.used + 1,
        used_share = p.used_share + (p_share IS NOT NULL)::int WHERE name = p_name;
END $$;

-- Releases a permit, p_cool seconds from now. Not one whose lease ended, since another request may hold the place.
CREATE OR REPLACE FUNCTION limit_free(p_name text, p_place int, p_until timestamptz, p_cool float8) RETURNS void
LANGUAGE sql AS $$
    UPDATE turns SET busy[p_place] = clock_timestamp() + p_cool * interval '1 second'
    WHERE name = p_name AND busy[p_place] = p_until
$$;

-- Records the result of a request. After five failures in a row a provider is paused, twice as long each time, up to an
-- hour. When it reports its limit, it is paused from the first time on, for as long as it asked.
CREATE OR REPLACE FUNCTION limit_asked(p_name text, p_failed boolean, p_limited boolean, p_pause int) RETURNS void
LANGUAGE sql AS $$
    UPDATE turns SET
        failures = CASE WHEN p_failed THEN least(failures + 1, 20) ELSE 0 END,
        paused_until = CASE
            WHEN NOT p_failed THEN paused_until -- a request that was sent before the limit was reported
            WHEN p_pause > 0 THEN greatest(paused_until, now() + p_pause * interval '1 second')
            WHEN p_limited THEN greatest(paused_until, now() + least(3600, 2 * 2 ^ failures) * interval '1 second')
            WHEN failures >= 4 THEN greatest(paused_until, now() + least(3600, 15 * 2 ^ (failures - 4)) * interval '1 second')
            ELSE paused_until END
    WHERE name = p_name
$$;
