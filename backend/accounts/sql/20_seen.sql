-- A device was seen: its life slides on. The first call of a phone that came back confirms its new recovery code: until
-- then the old one stands, so that an answer lost on the way locks nobody out. The account is locked before the device,
-- as coming back and closing do it.
CREATE OR REPLACE FUNCTION accounts_seen(p_account bigint, p_device bigint, p_days int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE fresh bytea;
BEGIN
    PERFORM FROM accounts WHERE id = p_account FOR UPDATE;
    SELECT new_recovery_digest INTO fresh FROM devices WHERE id = p_device AND ended_at IS NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE devices SET seen_at = now(), expires_at = now() + p_days * interval '1 day', new_recovery_digest = NULL
    WHERE id = p_device;
    IF fresh IS NOT NULL THEN
        UPDATE accounts SET recovery_digest = fresh WHERE id = p_account;
    END IF;
END $$;
