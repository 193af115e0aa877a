-- A turn to ask somebody outside (a provider of receipts, a supplier), over all workers: one of p_places, each of which is
-- one question's for p_lease seconds or until it is given back. No turn: `until` says when there may be one, `wait` in how
-- many seconds.
CREATE OR REPLACE FUNCTION limit_turn(
    p_name text, p_places int, p_lease float8, p_per_day int, OUT place int, OUT until timestamptz, OUT wait float8
) LANGUAGE plpgsql AS $$
DECLARE p turns; t timestamptz;
BEGIN
    INSERT INTO turns (name) VALUES (p_name) ON CONFLICT DO NOTHING;
    SELECT * INTO p FROM turns WHERE name = p_name FOR UPDATE;
    -- The clock is read when the row is ours: whoever waited for it must not be given the past.
    t := clock_timestamp();
    IF p.day <> t::date THEN
        p.used := 0;
    END IF;
    SELECT n, coalesce(p.busy[n], '-infinity') INTO place, until FROM generate_series(1, p_places) AS n ORDER BY 2, 1 LIMIT 1;
    until := greatest(until, p.paused_until,
        CASE WHEN p.used >= p_per_day THEN date_trunc('day', t) + interval '1 day' END);
    IF until > t THEN
        place := NULL; wait := extract(epoch FROM until - t);
        RETURN;
    END IF;
    until := t + p_lease * interval '1 second';
    p.busy[place] := until;
    UPDATE turns SET busy = p.busy, day = t::date, used = p.used + 1 WHERE name = p_name;
END $$;

-- Gives a turn back, p_cool seconds from now; not one that was over and is another's by now.
CREATE OR REPLACE FUNCTION limit_free(p_name text, p_place int, p_until timestamptz, p_cool float8) RETURNS void
LANGUAGE sql AS $$
    UPDATE turns SET busy[p_place] = clock_timestamp() + p_cool * interval '1 second'
    WHERE name = p_name AND busy[p_place] = p_until
$$;

-- What came of asking. A provider that fails five times in a row is left in peace, each time twice as long, up to an
-- hour; one that speaks of its limit is left so from the first time on, and for as long as it says itself.
CREATE OR REPLACE FUNCTION limit_asked(p_name text, p_failed boolean, p_limited boolean, p_pause int) RETURNS void
LANGUAGE sql AS $$
    UPDATE turns SET
        failures = CASE WHEN p_failed THEN least(failures + 1, 20) ELSE 0 END,
        paused_until = CASE
            WHEN NOT p_failed THEN paused_until -- of a question that was asked before the limit was named
            WHEN p_pause > 0 THEN greatest(paused_until, now() + p_pause * interval '1 second')
            WHEN p_limited THEN greatest(paused_until, now() + least(3600, 2 * 2 ^ failures) * interval '1 second')
            WHEN failures >= 4 THEN greatest(paused_until, now() + least(3600, 15 * 2 ^ (failures - 4)) * interval '1 second')
            ELSE paused_until END
    WHERE name = p_name
$$;
