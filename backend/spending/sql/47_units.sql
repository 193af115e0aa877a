-- Units: a claimed package, or a marked piece from a receipt. Each unit earns once, for one agent, so its claim
-- (causes 1 to 3) is the unit.

-- The last day of a unit's warranty: the product's months from the day of its claim in the programme's time zone, and
-- the months that orders have added; null: its product has no warranty.
CREATE OR REPLACE FUNCTION units_warranty(a accruals, p_months int, p_zone text) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT ((a.at AT TIME ZONE p_zone)::date + make_interval(months => p_months + coalesce((
        SELECT sum(o.extends_months) FROM orders o
        WHERE o.unit_cause = a.cause AND o.unit_cause_id = a.cause_id AND o.state = 'done'), 0)::int))::date
    WHERE p_months > 0
$$;

-- Whether the goods were returned to the shop: the unit then has no owner.
CREATE OR REPLACE FUNCTION units_returned(a accruals) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT a.cause = 3 AND EXISTS (SELECT FROM receipt_lines l
        WHERE l.cause = 3 AND l.cause_id = a.cause_id AND l.returned_quantity >= l.quantity)
$$;

-- The claim of an agent's unit, by the movement that paid it, if the reward extends its warranty: the unit is of the
-- same brand, and its warranty has not ended on the day.
CREATE OR REPLACE FUNCTION units_of_offer(p_account bigint, p_unit bigint, f offers, p_zone text, p_today date)
RETURNS accruals LANGUAGE sql STABLE AS $$
    SELECT a FROM movements m JOIN accruals a ON a.cause = m.cause AND a.cause_id = m.cause_id
    JOIN products p ON p.id = a.product_id
    WHERE m.id = p_unit AND m.kind = 1 AND a.cause IN (1, 2, 3) AND a.account_id = p_account AND p.brand_id = f.brand_id
        AND f.extends_months IS NOT NULL AND units_warranty(a, p.warranty_months, p_zone) >= p_today
        AND NOT units_returned(a)
$$;
