-- Closes the wallet of an erased account: pending and available points go to breakage today, and a debt becomes a loss of the
-- programme. Held points stay held, so the caller checks for open orders first.
CREATE OR REPLACE FUNCTION wallet_close(w wallets) RETURNS wallets LANGUAGE plpgsql AS $$
DECLARE the_last_day CONSTANT date := '9999-12-31'; times int;
BEGIN
    w := ledger_mature(w, the_last_day);
    w := ledger_expire(w, the_last_day);
    IF w.available < 0 THEN
        SELECT count(*) INTO times FROM movements WHERE cause = 0 AND cause_id = w.id AND kind = 8;
        w := ledger_move(w, 8, 7, 3, -w.available, 0, w.id, times, NULL, NULL);
    END IF;
    UPDATE wallets SET due_on = NULL WHERE id = w.id;
    RETURN w;
END $$;
