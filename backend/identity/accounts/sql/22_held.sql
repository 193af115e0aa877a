-- Whether the hold of a recovery is on: spending is blocked, and earlier purchases are hidden.
CREATE OR REPLACE FUNCTION accounts_is_held(p_account bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM accounts WHERE id = p_account AND spending_held_until > now());
END $$;
