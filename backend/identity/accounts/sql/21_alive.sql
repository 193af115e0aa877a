-- Whether a device and its account are active. A process may cache the account of a token, so each request checks this.
CREATE OR REPLACE FUNCTION accounts_is_alive(p_account bigint, p_device bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM devices d JOIN accounts a ON a.id = d.account_id
        WHERE d.id = p_device AND d.ended_at IS NULL AND d.expires_at > now()
            AND a.id = p_account AND a.closed_at IS NULL);
END $$;

-- Raises SB012 where they are not.
CREATE OR REPLACE FUNCTION accounts_alive(p_account bigint, p_device bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT accounts_is_alive(p_account, p_device) THEN
        RAISE EXCEPTION 'the device has ended' USING ERRCODE = 'SB012';
    END IF;
END $$;
