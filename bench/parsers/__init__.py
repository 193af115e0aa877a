"""Parsers on one core: package codes, receipts, and product names on receipts."""
