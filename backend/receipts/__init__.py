"""Fiscal receipts: read, verified, matched, credited once."""
