"""Clients for providers of receipts, with one interface."""
