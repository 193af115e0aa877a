"""Lookups of codes, receipts and agents for a brand's staff; lists, files and figures."""
