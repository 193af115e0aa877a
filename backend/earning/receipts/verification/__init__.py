"""Verification of receipts with providers of fiscal data."""
