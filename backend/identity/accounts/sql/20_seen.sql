-- Records the activity of a device and extends its validity, unless a recovery replaces it. The first request of a device
-- with a new recovery code confirms that code, after the hold of a recovery. Until then the old code is valid, so that
-- neither a lost response nor a thief's recovery locks the owner out. Locks the account before the device, as recovery
-- and closing do.
CREATE OR REPLACE FUNCTION accounts_seen(p_account bigint, p_device bigint, p_days int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE d devices; confirms boolean;
BEGIN
    PERFORM FROM accounts WHERE id = p_account FOR UPDATE;
    SELECT * INTO d FROM devices WHERE id = p_device AND ended_at IS NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    confirms := d.new_recovery_digest IS NOT NULL AND (d.held_until IS NULL OR d.held_until <= now());
    UPDATE devices SET seen_at = now(),
        expires_at = CASE WHEN replaced_at IS NULL THEN now() + p_days * interval '1 day' ELSE expires_at END,
        new_recovery_digest = CASE WHEN confirms THEN NULL ELSE new_recovery_digest END
    WHERE id = p_device;
    IF confirms THEN
        UPDATE accounts SET recovery_digest = d.new_recovery_digest WHERE id = p_account;
        -- Devices that this recovery replaced end for good, and so do their new codes.
        UPDATE devices SET ended_at = now(), new_recovery_digest = NULL
        WHERE account_id = p_account AND id <> p_device AND ended_at IS NULL AND replaced_at <= now();
    END IF;
END $$;
