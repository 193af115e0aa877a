-- Functions that had another shape before the first release. Two of one name would both fit some calls.
DROP FUNCTION IF EXISTS programmes_award(bigint, int, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint,
    boolean, jsonb, date, date, date, boolean);
DROP FUNCTION IF EXISTS programmes_award(bigint, int, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint,
    boolean, jsonb, date, date, date, boolean, jsonb);
DROP FUNCTION IF EXISTS programmes_award(bigint, int, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint,
    boolean, jsonb, date, date, date, boolean, jsonb, boolean, date);
DROP FUNCTION IF EXISTS programmes_room(bigint, bigint, bigint, bigint, boolean, date, jsonb, jsonb);
DROP FUNCTION IF EXISTS programmes_earn(bigint, accruals[], jsonb);
DROP FUNCTION IF EXISTS scans_stopped(jsonb);
DROP FUNCTION IF EXISTS scans_record(bigint, bigint, int, jsonb, jsonb);
DO $$
BEGIN -- it answered without `additional`
    IF EXISTS (SELECT FROM pg_proc WHERE proname = 'scans_record' AND NOT 'additional' = ANY (proargnames)) THEN
        DROP FUNCTION scans_record(jsonb, jsonb, boolean);
    END IF;
END $$;
DROP FUNCTION IF EXISTS checkout_sell(bigint, bigint, bigint, text, bytea, timestamptz, text, jsonb, jsonb, jsonb, jsonb,
    int, bigint, jsonb);
DROP FUNCTION IF EXISTS checkout_sell(jsonb, boolean);
DROP FUNCTION IF EXISTS checkout_look(bigint, bigint, text, text, text[], text[], text[], text, timestamptz);
DROP FUNCTION IF EXISTS ledger_earn_many(wallets, bigint[], smallint[], bigint[], date, date[], date[]);
