-- Decisions of staff about orders. They lock the account first, as placing an order does, then the order's row. The
-- result is `taken`, `same` (the same decision was made before), or the reason why nothing was done.

-- Decides about an order that waits for staff: `done` with the agent's code, `turn_down`, or `allow` above a legal
-- limit. p_digest distinguishes a retry from another decision.
CREATE OR REPLACE FUNCTION orders_decide(
    p_brand bigint, p_staff bigint, p_order bigint, p_action text, p_note text, p_digest bytea, p_secret bytea,
    p_code bytea, p_valid_until date, p_today date
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE o orders; f offers; last order_steps;
BEGIN
    SELECT * INTO o FROM orders WHERE id = p_order AND brand_id = p_brand;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    PERFORM pg_advisory_xact_lock(20311, (o.account_id % 2147483647)::int);
    SELECT * INTO o FROM orders WHERE id = p_order FOR UPDATE;
    SELECT * INTO f FROM offers WHERE id = o.offer_id;
    IF o.state <> 'held' OR NOT o.for_person OR p_action = 'allow' AND NOT orders_at_limit(o) THEN
        SELECT * INTO last FROM order_steps WHERE order_id = o.id AND digest IS NOT NULL ORDER BY id DESC LIMIT 1;
        RETURN CASE WHEN last.id IS NULL THEN 'not_waiting' WHEN last.digest = p_digest THEN 'same' ELSE 'decided' END;
    END IF;
    IF p_action = 'done' AND orders_at_limit(o) THEN
        RETURN 'at_limit';
    ELSIF p_action = 'done' AND f.fulfilment = 'supplier' AND p_secret IS NULL THEN
        RETURN 'code_missing';
    ELSIF p_action = 'done' THEN
        PERFORM orders_end(o.id, true, NULL, p_secret, 'person', NULL, p_valid_until, p_today);
        UPDATE orders SET delivery = 'delivered' WHERE id = o.id AND delivery IS NOT NULL;
    ELSIF p_action = 'allow' THEN
        PERFORM orders_let_through(o.id, p_secret, p_code, p_valid_until, p_today);
    ELSE
        PERFORM orders_end(o.id, false, 'turned_down', NULL, 'person', NULL, NULL, p_today);
    END IF;
    INSERT INTO order_steps (brand_id, order_id, staff_id, action, note, digest, is_shown)
    VALUES (p_brand, o.id, p_staff, p_action, p_note, p_digest, true);
    INSERT INTO events (brand_id, staff_id, kind, body)
    VALUES (p_brand, p_staff, 'order.decided', jsonb_build_object('order', o.id, 'action', p_action));
    RETURN 'taken';
END $$;

-- Sets where goods are; `delivered` ends the order as done.
CREATE OR REPLACE FUNCTION orders_deliver(
    p_brand bigint, p_staff bigint, p_order bigint, p_delivery text, p_place text, p_today date
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE o orders;
BEGIN
    SELECT * INTO o FROM orders WHERE id = p_order AND brand_id = p_brand;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    PERFORM pg_advisory_xact_lock(20311, (o.account_id % 2147483647)::int);
    SELECT * INTO o FROM orders WHERE id = p_order FOR UPDATE;
    IF o.delivery IS NULL THEN
        RETURN 'no_delivery';
    ELSIF o.state = 'refused' THEN
        RETURN 'ended';
    ELSIF o.delivery = p_delivery AND coalesce(p_place, o.place, '') = coalesce(o.place, '') THEN
        RETURN 'same';
    ELSIF o.delivery = 'delivered' THEN
        RETURN 'ended';
    ELSIF orders_at_limit(o) THEN
        RETURN 'at_limit';
    END IF;
    UPDATE orders SET delivery = p_delivery, place = coalesce(p_place, place) WHERE id = o.id;
    IF p_delivery = 'delivered' THEN
        PERFORM orders_end(o.id, true, NULL, NULL, 'person', NULL, NULL, p_today);
    END IF;
    INSERT INTO order_steps (brand_id, order_id, staff_id, action) VALUES (p_brand, o.id, p_staff, p_delivery);
    INSERT INTO events (brand_id, account_id, staff_id, kind, body)
    SELECT p_brand, o.account_id, p_staff, 'order.delivery',
        jsonb_build_object('order', o.id, 'offer', f.key, 'delivery', p_delivery)
    FROM offers f WHERE f.id = o.offer_id;
    RETURN 'taken';
END $$;
