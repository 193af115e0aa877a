-- Pending orders: the notes of staff, and their end without a decision.

-- The note that the agent sees: the newest one of a decision.
CREATE OR REPLACE FUNCTION orders_note(p_order bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT s.note FROM order_steps s WHERE s.order_id = p_order AND s.is_shown AND s.note <> '' ORDER BY s.id DESC LIMIT
    1
$$;

-- Whether an order may end without a decision: it waits only for staff, no supplier may have sold it, and its goods are
-- not on their way. backend/spending/schemas.py has the same rule for the agent.
CREATE OR REPLACE FUNCTION orders_is_cancellable(o orders) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT o.state = 'held' AND o.for_person AND NOT o.unknown AND o.due_at IS NULL
        AND coalesce(o.delivery, 'ordered') = 'ordered'
$$;

-- Ends a pending order and releases its money: `ended`, `same` (it ended for the same reason before), or `conflict`. It
-- locks the account first, like all order operations, so that a decision of staff and this one cannot both take effect.
CREATE OR REPLACE FUNCTION orders_end_waiting(p_order bigint, p_reason text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE o orders; zone text;
BEGIN
    SELECT * INTO o FROM orders WHERE id = p_order;
    PERFORM pg_advisory_xact_lock(20311, (o.account_id % 2147483647)::int);
    SELECT * INTO o FROM orders WHERE id = p_order FOR UPDATE;
    IF o.state = 'refused' AND o.reason = p_reason THEN
        RETURN 'same';
    ELSIF NOT orders_is_cancellable(o) THEN
        RETURN 'conflict';
    END IF;
    SELECT timezone INTO zone FROM programmes WHERE id = o.programme_id;
    PERFORM orders_end(o.id, false, p_reason, NULL, NULL, NULL, NULL, (now() AT TIME ZONE zone)::date);
    RETURN 'ended';
END $$;
