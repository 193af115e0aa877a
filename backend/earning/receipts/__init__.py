"""Fiscal receipts: submission, verification by providers, matching to products, awards and review."""
