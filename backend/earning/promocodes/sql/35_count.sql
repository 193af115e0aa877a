-- Counts a sale or return for a run of a code, in the same transaction: number of sales, what buyers paid (kopecks), and
-- the agent's bonus (minor units) that matures on a day. The amounts of a return are negative; its day is the one on which
-- the sale's bonus matures. An unknown run counts as run 0.
CREATE OR REPLACE FUNCTION promocodes_count(
    p_code bigint, p_run int, p_came int, p_sum bigint, p_bonus bigint, p_matures_on date DEFAULT NULL
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE run int := p_run;
BEGIN
    UPDATE promo_runs r SET came = r.came + p_came, sum = r.sum + p_sum WHERE r.code_id = p_code AND r.n = run;
    IF NOT FOUND THEN
        run := 0;
        -- Codes that the brand issued have no runs until they are used.
        INSERT INTO promo_runs (code_id, n) VALUES (p_code, run) ON CONFLICT DO NOTHING;
        UPDATE promo_runs r SET came = r.came + p_came, sum = r.sum + p_sum WHERE r.code_id = p_code AND r.n = run;
    END IF;
    IF p_bonus > 0 THEN
        INSERT INTO promo_bonuses AS b (code_id, n, matures_on, bonus) VALUES (p_code, run, p_matures_on, p_bonus)
        ON CONFLICT (code_id, n, matures_on) DO UPDATE SET bonus = b.bonus + excluded.bonus;
    ELSIF p_bonus < 0 THEN
        UPDATE promo_bonuses b SET returned = b.returned - p_bonus
        WHERE b.code_id = p_code AND b.n = run AND b.matures_on = p_matures_on;
    END IF;
END $$;

-- Counts sales of several codes, one per array element, like promocodes_count. Rows of runs are locked in the order of
-- codes, as a return does that holds no account's lock.
CREATE OR REPLACE FUNCTION promocodes_count_many(
    p_codes bigint[], p_runs int[], p_sums bigint[], p_bonuses bigint[], p_matures_on date[]
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO promo_runs (code_id, n)
    SELECT DISTINCT code, 0 FROM unnest(p_codes, p_runs) AS x (code, run)
    WHERE NOT EXISTS (SELECT FROM promo_runs r WHERE (r.code_id, r.n) = (x.code, x.run)) ORDER BY 1
    ON CONFLICT DO NOTHING;
    WITH came AS MATERIALIZED (
        SELECT code, coalesce((SELECT r.n FROM promo_runs r WHERE (r.code_id, r.n) = (x.code, x.run)), 0) AS run,
            sum, bonus, matures_on
        FROM unnest(p_codes, p_runs, p_sums, p_bonuses, p_matures_on) AS x (code, run, sum, bonus, matures_on)
    ), counted AS MATERIALIZED (
        SELECT code, run, count(*) AS came, sum(sum) AS sum FROM came GROUP BY 1, 2
    ), held AS MATERIALIZED (
        SELECT r.code_id, r.n, c.came, c.sum FROM counted c JOIN promo_runs r ON (r.code_id, r.n) = (c.code, c.run)
        ORDER BY 1, 2 FOR NO KEY UPDATE OF r
    ), written AS (
        UPDATE promo_runs r SET came = r.came + h.came, sum = r.sum + h.sum FROM held h
        WHERE (r.code_id, r.n) = (h.code_id, h.n)
    )
    INSERT INTO promo_bonuses AS b (code_id, n, matures_on, bonus)
    SELECT code, run, matures_on, sum(bonus) FROM came WHERE bonus > 0 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (code_id, n, matures_on) DO UPDATE SET bonus = b.bonus + excluded.bonus
$$;
