-- A turn to ask somebody outside (a provider of receipts, a supplier), over all workers: `wait` milliseconds from now it
-- may be asked, once, within its rate (p_gap milliseconds apart) and its day. No turn: `at` says when to come again.
CREATE OR REPLACE FUNCTION limit_turn(p_name text, p_gap int, p_per_day int, p_most int, OUT wait int, OUT at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE p turns; gap interval := p_gap * interval '1 millisecond'; t timestamptz;
BEGIN
    INSERT INTO turns (name) VALUES (p_name) ON CONFLICT DO NOTHING;
    SELECT * INTO p FROM turns WHERE name = p_name FOR UPDATE;
    -- The clock is read when the row is ours: whoever waited for it must not be given the past.
    t := clock_timestamp();
    IF p.day <> t::date THEN
        p.used := 0;
    END IF;
    at := greatest(p.paused_until, p.next_at - p_most * interval '1 millisecond',
        CASE WHEN p.used >= p_per_day THEN date_trunc('day', t) + interval '1 day' END);
    IF at > t THEN
        RETURN;
    END IF;
    at := greatest(p.next_at, t);
    wait := ceil(extract(epoch FROM at - t) * 1000);
    UPDATE turns SET next_at = greatest(p.next_at, t) + gap, day = t::date, used = p.used + 1
    WHERE name = p_name;
END $$;

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
