-- Receipts that only people can verify, by their photo.

-- Brands that review such receipts now: those whose campaigns pay for receipts, unless the operator hides them.
CREATE OR REPLACE FUNCTION receipts_lookers() RETURNS SETOF bigint LANGUAGE sql STABLE AS $$
    SELECT DISTINCT c.brand_id FROM campaigns c
    JOIN campaign_versions v ON v.campaign_id = c.id AND v.version = c.version
    JOIN brands b ON b.id = c.brand_id AND b.reads_receipts
    WHERE c.state = 'active' AND v.rule -> 'ways' ? 'receipt'
$$;

-- Records the lines that a member of staff read off a receipt: claim and payment in one transaction, by receipts_settle.
-- Returns `decided`, `repeated` (the brand recorded the same before), or `other` (it was decided differently).
CREATE OR REPLACE FUNCTION receipts_by_hand(
    p_brand bigint, p_receipt bigint, p_staff bigint, p_claim jsonb, p_lines jsonb, p_signals jsonb, p_limits jsonb,
    p_decide_by timestamptz
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r receipts; same boolean;
BEGIN
    SELECT * INTO r FROM receipts WHERE id = p_receipt;
    PERFORM pg_advisory_xact_lock(20311, (r.account_id % 2147483647)::int);
    SELECT * INTO r FROM receipts WHERE id = p_receipt FOR UPDATE;
    IF r.state <> 'review' OR EXISTS (SELECT FROM receipt_claims o WHERE o.receipt_id = r.id) THEN
        same := (SELECT array_agg((product_id, quantity, sum)::text ORDER BY n) FROM receipt_lines l
                WHERE l.receipt_id = r.id AND l.brand_id = p_brand AND l.how = 'manual')
            = (SELECT array_agg((x.product, x.quantity::numeric(14, 3), x.sum)::text ORDER BY x.n)
                FROM jsonb_to_recordset(p_lines) AS x (n int, product bigint, quantity numeric, sum bigint));
        RETURN CASE WHEN same THEN 'repeated' ELSE 'other' END;
    END IF;
    PERFORM receipts_settle(p_receipt, p_claim, p_lines, p_signals, p_limits, p_decide_by);
    UPDATE receipt_lines SET staff_id = p_staff WHERE receipt_id = r.id AND brand_id = p_brand;
    INSERT INTO events (brand_id, account_id, staff_id, kind, body) SELECT p_brand, r.account_id, p_staff, 'receipt.read',
        jsonb_build_object('receipt', r.id, 'lines', jsonb_array_length(p_lines));
    RETURN 'decided';
END $$;

-- None of the goods are the brand's: the receipt leaves its list, and is refused when no brand is left to review it.
CREATE OR REPLACE FUNCTION receipts_pass(p_brand bigint, p_receipt bigint, p_staff bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE r receipts;
BEGIN
    SELECT * INTO r FROM receipts WHERE id = p_receipt;
    PERFORM pg_advisory_xact_lock(20311, (r.account_id % 2147483647)::int);
    SELECT * INTO r FROM receipts WHERE id = p_receipt FOR UPDATE;
    IF EXISTS (SELECT FROM receipt_passes o WHERE o.brand_id = p_brand AND o.receipt_id = r.id) THEN
        RETURN 'repeated';
    ELSIF r.state <> 'review' OR EXISTS (SELECT FROM receipt_claims o WHERE o.receipt_id = r.id) THEN
        RETURN 'other';
    END IF;
    INSERT INTO receipt_passes (brand_id, receipt_id, staff_id) VALUES (p_brand, r.id, p_staff);
    INSERT INTO events (brand_id, account_id, staff_id, kind, body)
    VALUES (p_brand, r.account_id, p_staff, 'receipt.passed', jsonb_build_object('receipt', r.id));
    IF NOT EXISTS (SELECT FROM receipts_lookers() AS b
            WHERE NOT EXISTS (SELECT FROM receipt_passes o WHERE o.brand_id = b AND o.receipt_id = r.id)) THEN
        PERFORM receipts_refuse(r.id, 'rejected');
    END IF;
    RETURN 'decided';
END $$;
