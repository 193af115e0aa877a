-- The audit log (events with a member of staff) is append-only, and sealed like the ledger: see
-- backend/operations/audit_checkpoints.py and payouts/sql/12_checkpoints.sql.
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A leaf of the tree (RFC 6962, 2.1) over an event as one line: its columns in order, and microseconds since 1970.
CREATE OR REPLACE FUNCTION audit_leaf(e events) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256('\x00'::bytea || convert_to(concat_ws(',', e.id, coalesce(e.brand_id, 0), coalesce(e.account_id, 0),
        e.staff_id, e.kind, (date_part('epoch', e.at) * 1000000)::bigint, e.body::text), 'UTF8'))
$$;

CREATE OR REPLACE FUNCTION audit_hash(
    p_after bigint, p_upto bigint, p_previous bytea, OUT hash bytea, OUT root bytea, OUT rows bigint, OUT leaves bytea
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT coalesce(string_agg(audit_leaf(e), ''::bytea ORDER BY e.id), ''), count(*) INTO leaves, rows
    FROM events e WHERE e.staff_id IS NOT NULL AND e.id > p_after AND e.id <= p_upto;
    root := ledger_root(leaves);
    hash := sha256(p_previous || root || int8send(p_upto) || int8send(rows));
END $$;

-- Seals the next events of staff: at most p_rows, and only up to p_upto, below which no transaction can add events. Returns
-- no row if there are none.
CREATE OR REPLACE FUNCTION audit_seal(p_upto bigint, p_rows int) RETURNS SETOF audit_seals LANGUAGE plpgsql AS $$
DECLARE last audit_seals; ends bigint;
BEGIN
    -- One transaction at a time: the unique key would detect only afterwards that two sealed the same events.
    PERFORM pg_advisory_xact_lock(20318);
    SELECT * INTO last FROM audit_seals ORDER BY upto DESC LIMIT 1;
    last.upto := coalesce(last.upto, 0);
    last.hash := coalesce(last.hash, decode(repeat('00', 32), 'hex'));
    SELECT max(id) INTO ends FROM (
        SELECT id FROM events WHERE staff_id IS NOT NULL AND id > last.upto AND id <= p_upto ORDER BY id LIMIT p_rows) AS next;
    IF ends IS NOT NULL THEN
        RETURN QUERY
            INSERT INTO audit_seals (upto, previous, root, hash, rows, leaves)
            SELECT ends, last.hash, h.root, h.hash, h.rows, h.leaves FROM audit_hash(last.upto, ends, last.hash) AS h
            RETURNING *;
    END IF;
END $$;
