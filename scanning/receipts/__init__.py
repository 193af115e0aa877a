"""Receipts: texts of fiscal receipts by country, and the documents that providers send."""
