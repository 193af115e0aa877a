"""Redemptions, scans and receipts as lists with filters and as files."""
