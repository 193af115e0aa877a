-- The next lines of an issue's file behind a code's id, and the id of the last. Without the hint the planner sorts all
-- that is left for each page: it thinks that row level security leaves next to nothing.
CREATE OR REPLACE FUNCTION promo_issue_lines(
    p_issue bigint, p_after bigint, p_most int, p_link text, OUT last bigint, OUT lines text
) LANGUAGE sql STABLE SET enable_sort = off AS $$
    SELECT max(id), string_agg(concat(coalesce(shown, code), ',', p_link, code, E'\r\n'), '')
    FROM (
        SELECT id, code, shown FROM promo_codes WHERE issue_id = p_issue AND id > p_after
        ORDER BY id LIMIT p_most
    ) page
$$;
