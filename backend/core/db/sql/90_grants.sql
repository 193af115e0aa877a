-- The application's role: it reads and writes rows, and of history it may only add. RLS keeps brands apart even where
-- a query forgets its brand: a staff request sets scanback.brand, an agent's leaves it empty.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'scanback_app') THEN
        CREATE ROLE scanback_app NOLOGIN;
    END IF;
    EXECUTE format('GRANT scanback_app TO %I', current_user);
END $$;

GRANT USAGE ON SCHEMA public TO scanback_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO scanback_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO scanback_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO scanback_app;
REVOKE UPDATE, DELETE, TRUNCATE ON
    movements, lot_uses, seals, dues, statements, accruals, events, campaign_versions,
    audit_seals FROM scanback_app;
REVOKE DELETE, TRUNCATE ON approvals, corrections FROM scanback_app;
REVOKE INSERT, UPDATE, DELETE ON alembic_version, schema_versions, sql_files FROM scanback_app;

DO $$
DECLARE t text;
BEGIN
    FOR t IN
        SELECT c.table_name FROM information_schema.columns c JOIN pg_class k ON k.relname = c.table_name
        WHERE c.table_schema = 'public' AND c.column_name = 'brand_id' AND k.relkind = 'r' AND c.table_name <> 'events'
            -- Only new tables: ALTER TABLE waits for all transactions of a table, and others wait behind it.
            AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = k.oid AND p.polname = 'one_brand')
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY one_brand ON %I TO scanback_app USING ('
            'coalesce(current_setting(''scanback.brand'', true), '''') IN ('''', brand_id::text))', t);
    END LOOP;
END $$;
