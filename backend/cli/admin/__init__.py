"""Commands for brands, staff, codes, keys and the ledger."""
