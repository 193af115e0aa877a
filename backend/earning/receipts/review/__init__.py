"""Decisions of staff about receipts and lines."""
