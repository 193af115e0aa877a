-- The next lines of an issue's file after a code's id, and the id of the last line. Without enable_sort = off the planner
-- sorts all remaining rows for each page: it assumes that row level security leaves almost none.
CREATE OR REPLACE FUNCTION promo_issue_lines(
    p_issue bigint, p_after bigint, p_most int, p_link text, OUT last bigint, OUT lines text
) LANGUAGE sql STABLE SET enable_sort = off AS $$
    SELECT max(id), string_agg(concat(coalesce(shown, code), ',', p_link, code, E'\r\n'), '')
    FROM (
        SELECT id, code, shown FROM promo_codes WHERE issue_id = p_issue AND id > p_after
        ORDER BY id LIMIT p_most
    ) page
$$;

-- The same with links that have the printed prefix: p_link ends with the prefix as printed, and p_prefix symbols of the
-- folded code are skipped.
CREATE OR REPLACE FUNCTION promo_issue_lines(
    p_issue bigint, p_after bigint, p_most int, p_link text, p_prefix int, OUT last bigint, OUT lines text
) LANGUAGE sql STABLE SET enable_sort = off AS $$
    SELECT max(id), string_agg(concat(coalesce(shown, code), ',', p_link, substr(code, p_prefix + 1), ',', id, E'\r\n'), '')
    FROM (
        SELECT id, code, shown FROM promo_codes WHERE issue_id = p_issue AND id > p_after
        ORDER BY id LIMIT p_most
    ) page
$$;
